"""Mexico's national numbering plan (PNN) as the IFT publishes it, and in the older form of the Cofetel.

CSV with a header. The IFT's columns are

    ZONA, NUMERACION_INICIAL, NUMERACION_FINAL, OCUPACION, MODALIDAD, RAZON_SOCIAL, FECHA_ASIGNACION

but in published files the values stand one column to the left of their label. So they are found by what they are: two
neighbours of 10 digits are the first and the last number, and the next column to the right that holds words, and not
one of CPP, MPP and FIJO, names the holder. The older form is known by its labels NIR (area code), SERIE,
NUMERACION_INICIAL and NUMERACION_FINAL (four digits), RAZON_SOCIAL.

There are no ids: a carrier's id is made of its name. Who holds a range, not where a number was ported to.
Public: https://sns.ift.org.mx:8081/sns-frontend/planes-numeracion/descarga-publica.xhtml.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow as pa

from portdip.errors import FeedError
from portdip.exchange import plan_rows
from portdip.exchange.delimited import Form
from portdip.exchange.feeds.options import Options
from portdip.exchange.plan_rows import Layout
from portdip.exchange.reading import Source

NEEDS_FILES = True

_DIGITS = 10
_LINE_DIGITS = 4
_NUMBER = re.compile(r"\s*\d{10}\s*")
#: More letters in a row than a kind of service has.
_WORDS = re.compile(r".*[^\W\d_]{2}", re.DOTALL)
_SERVICES = frozenset({"cpp", "mpp", "fijo", ""})
#: The share of rows in which a column must be what it is taken for: a damaged row must not hide the layout.
_MOST = 0.9


def rows(files: list[Path], options: Options) -> Iterator[pa.RecordBatch]:
    """The carriers and ranges of the files. Raises as `plan_rows.read` does."""
    return plan_rows.read(files, options, _layout_of, Form())


def _layout_of(source: Source, sample: list[list[str]]) -> Layout | None:
    labels = [re.sub(r"\W", "", label).casefold() for label in sample[0]]
    needed = ("numeracion_inicial", "numeracion_final", "razon_social")
    if not set(needed) <= set(labels):
        return None
    if {"nir", "serie"} <= set(labels):
        nir, serie, first, last, name = (labels.index(label) for label in ("nir", "serie", *needed))
        return Layout("52", (nir, serie), name, (_DIGITS,), first=first, last=last, rest=_LINE_DIGITS)
    return _by_value(source, [row for row in sample[1:] if len(row) == len(labels)], len(labels))


def _by_value(source: Source, sample: list[list[str]], width: int) -> Layout:
    """The layout of rows whose labels cannot be trusted."""
    columns = [[row[column].strip() for row in sample] for column in range(width)]
    numbers = [_mostly(column, _is_number) for column in columns]
    first = next((column for column in range(width - 1) if numbers[column] and numbers[column + 1]), None)
    names = [column for column in range((first or 0) + 2, width) if _mostly(columns[column], _is_name)]
    if first is None or not names:
        raise FeedError(
            "the columns of the numbering plan cannot be made out",
            where=str(source),
            expected="two columns of 10 digits side by side, and to the right of them one of names",
            got=",".join(sample[0]) if sample else "no rows",
        )
    return Layout("52", (), names[0], (_DIGITS,), first=first, last=first + 1, rest=_DIGITS)


def _is_number(text: str) -> bool:
    return _NUMBER.fullmatch(text) is not None


def _is_name(text: str) -> bool:
    return text.casefold() not in _SERVICES and _WORDS.match(text) is not None


def _mostly(column: list[str], test: Callable[[str], bool]) -> bool:
    return bool(column) and sum(map(test, column)) >= _MOST * len(column)
