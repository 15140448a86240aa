"""Who holds the ranges of the United Kingdom's numbers: Ofcom's numbering data.

CSV, fields perhaps in '"', in a zip archive or not, in two forms. The present files (S1 to S9) have the header

    NMS Number Block: Number Block, Block Status, CP Name, Geographic (or Non Geo) Number Length, Allocation Date, Notes

The older `codelist.zip` has these, with or without a header, known by their names:

    s1_code          SABC, D/DE, Status, Date, Operator, Number Length, Change, Notes
    s1f_code         SABC, DE, F, Status, Date, Operator, Number Length, Change
    s5_code          SABC, D/DE, Status, Operator, Notes, Use, Change
    s7_code          SABC, D/DE, Status, Date, Operator, Use, Notes, Change
    s8_code, s9_code SABC, D/DE, Status, Tariff Notes, Date, Operator, Use, Notes, Change

Other files of an archive are passed over; `sabc` says what ranges are for, not who holds them. Only rows count whose
status begins with 'Allocated'. A number has seven, nine or ten digits after 44: `number_lengths` reads how many. There
are no ids: a carrier's id is made of its name. Allocations only, no ports.

May be reproduced with acknowledgement (Ofcom copyright). Sources: Oftel, UK telephone number export specification,
issue 11; https://www.ofcom.org.uk/phones-and-broadband/phone-numbers/numbering-data.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pyarrow as pa

from portdip.exchange import plan_rows
from portdip.exchange.delimited import Form
from portdip.exchange.feeds.options import Options
from portdip.exchange.plan_rows import Layout
from portdip.exchange.reading import Source

NEEDS_FILES = True

_LENGTHS = (7, 9, 10)
_SUM = re.compile(r"\(?(\d)\)?\s*\+\s*(\d{1,2})")
_COUNT = re.compile(r"\b\d{1,2}\b")


def number_lengths(text: str) -> tuple[int, ...]:
    """How many digits the numbers of a range can have, without country code and leading 0.

    Either digits of the area code and of the rest, or of the whole number; several where numbers of a range differ.

    >>> [number_lengths(text) for text in ("4+6", "Mixed 4+6 & 4+5", "(0)+10", "10 digit numbers", "9")]
    [(10,), (9, 10), (10,), (10,), (9,)]

    ValueError for text without a length that British numbers have.
    """
    sums = [int(code) + int(rest) for code, rest in _SUM.findall(text)]
    lengths = sorted(set(sums or map(int, _COUNT.findall(text))))
    if not lengths or not set(lengths) <= set(_LENGTHS):
        raise ValueError(f"'{text}' says no number length of {', '.join(map(str, _LENGTHS))} digits")
    return tuple(lengths)


_ALLOCATED = frozenset(
    {"allocated", "allocated(closed range)", "allocated (closed range)", "allocated for migration only"}
)
_BLOCKS = Layout("44", (0,), 2, length_column=3, read_lengths=number_lengths, status=1, taken=_ALLOCATED)
#: Of the files in an archive with the present header, those of numbers; others repeat them, or are of access codes.
_OF_NUMBERS = ("s1", "s3", "s5", "s7", "s8", "s9")
_S1 = replace(_BLOCKS, prefix=(0, 1), name=4, length_column=5, status=2)
_S8 = replace(_S1, name=5, length_column=7)
_CODELIST = {
    "s1_code": _S1,
    "s1f_code": replace(_S1, prefix=(0, 1, 2), name=5, length_column=6, status=3),
    "s5_code": replace(_S1, name=3, length_column=4),
    "s7_code": replace(_S1, length_column=6),
    "s8_code": _S8,
    "s9_code": _S8,
}


def rows(files: list[Path], options: Options) -> Iterator[pa.RecordBatch]:
    """The carriers and ranges of the files. Raises as `plan_rows.read` does."""
    return plan_rows.read(files, options, _layout_of, Form())


def _layout_of(source: Source, sample: list[list[str]]) -> Layout | None:
    label = sample[0][0].strip().casefold() if sample[0] else ""
    name = Path(source.name).stem.casefold()
    if label.startswith("nms number block"):
        return None if source.member and name not in _OF_NUMBERS else _BLOCKS
    layout = _CODELIST.get(name)
    return replace(layout, header=not label[:1].isdecimal()) if layout else None
