"""Annotate a file: the answers beside the numbers, in the order of the rows, in constant memory."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path

from portdip import files
from portdip.batch import columnar, delimited
from portdip.batch.flow import in_order
from portdip.batch.piece import NO_ROWS
from portdip.errors import AnnotateError
from portdip.lookup.answers import STATUSES
from portdip.lookup.engine import Engine


def annotate_file(
    engine: Engine,
    source: Path,
    target: Path,
    column: str,
    *,
    prefix: str = "",
    threads: int = 1,
    report: Callable[[int, float], object] = lambda rows, share: None,
) -> dict[str, int]:
    """Copy the file `source` to `target` with carrier, routing_number, ported and status of `column` added.

    The names' ends say the formats: Parquet (.parquet) and Arrow (.arrow, .arrows for streams) in any
    combination, CSV (.csv, .tsv, with .gz compressed) to CSV. Numbers are strings or integers; nulls (in CSV:
    empty fields) get nulls in all four. `prefix` goes before the names of the new columns. `report(rows,
    share)` hears of progress.

    `target` appears when it is complete; on an error or interrupt, whatever was there stays. Returns the rows
    of each status and, under "null", of none. Raises AnnotateError, MissingColumnError or BadRowError.
    """
    kind = _kind(source, target)
    job = kind(engine, source, target, column, prefix)
    counts = NO_ROWS.copy()
    with (
        files.replacing(target) as file,
        job.writing(file) as write,
        contextlib.closing(in_order(job.read(), job.answer, threads)) as pieces,
    ):
        for piece in pieces:
            write(piece.content)
            counts += piece.counts
            report(int(counts.sum()), piece.share)
    return dict(zip([*STATUSES.to_pylist(), "null"], counts.tolist(), strict=True))


def _kind(source: Path, target: Path) -> type[columnar.Columnar] | type[delimited.Delimited]:
    for kind, suffixes in (
        (columnar.Columnar, columnar.SUFFIXES),
        (delimited.Delimited, delimited.SUFFIXES),
    ):
        if source.name.endswith(suffixes):
            if target.name.endswith(suffixes):
                return kind
            raise AnnotateError(
                "the formats do not go together",
                where=str(target),
                expected=f"a name that ends in {', '.join(suffixes)}",
                fix="Text stays text: guessing a column's type could change what is in it.",
            )
    raise AnnotateError(
        "not a format to annotate",
        where=str(source),
        expected=f"a name that ends in {', '.join(columnar.SUFFIXES + delimited.SUFFIXES)}",
    )
