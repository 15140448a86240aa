"""Annotate a file: the answers beside the numbers, in the order of the rows, in constant memory."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path

from portdip.batch.columnar import Columnar
from portdip.batch.delimited import Delimited
from portdip.batch.flow import in_order
from portdip.batch.place import COLUMNAR, DELIMITED, Place
from portdip.batch.question import Question, Tally
from portdip.errors import AnnotateError
from portdip.lookup.engine import Engine

Report = Callable[[int, float | None], object]


def _silent(rows: int, share: float | None) -> None:
    """No progress to show."""


def annotate_file(
    engine: Engine,
    source: Path,
    target: Path,
    column: str,
    *,
    at_column: str | None = None,
    time_zone: str | None = None,
    prefix: str = "",
    region: str | None = None,
    threads: int = 1,
    report: Report = _silent,
) -> dict[str, int]:
    """Copy the file `source` to `target` with carrier, routing_number, ported and status of `column` added.

    The names' ends say the formats: Parquet (.parquet) and Arrow (.arrow, .arrows for streams) in any
    combination, CSV (.csv, .tsv, with .gz or .zst compressed) to CSV. Numbers are strings or integers; nulls (in CSV:
    empty fields) get nulls in all four. `prefix` goes before the names of the new columns. `report(rows,
    share)` hears of progress.

    With `at_column`, who served each number at that time, from the history of the store: timestamps, or text in ISO
    8601; `time_zone` (IANA name) is that of times without one, which are refused if it is not given. Nulls get nulls
    again. Where history begins later, the status is `before-history` and the others are null.

    With `region` (ISO 3166 code), numbers are as people of that country write them: nationally, with separators. That
    takes some 30 microseconds for each different one.

    All is answered from the state that the engine has when it begins. `target` appears when it is complete; on an
    error or interrupt, whatever was there stays. Returns the rows of each status and, under "null", of none. Raises
    AnnotateError, MissingColumnError or BadRowError.
    """
    question = Question(column, at_column, time_zone, prefix, region)
    tally = annotate(engine, Place.of(source), Place.of(target), question, threads=threads, report=report)
    return tally.by_status(question)


def annotate(
    engine: Engine,
    source: Place,
    target: Place,
    question: Question,
    *,
    row_groups: range | None = None,
    threads: int = 1,
    report: Report = _silent,
) -> Tally:
    """What `annotate_file` does, from and to any place; of Parquet only those of `row_groups`, if they are given."""
    if source.is_columnar != target.is_columnar:
        suffixes = COLUMNAR if source.is_columnar else DELIMITED
        raise AnnotateError(
            "the formats do not go together",
            where=str(target),
            expected=f"a name that ends in {', '.join(suffixes)}",
            fix="Text stays text: guessing a column's type could change what is in it.",
        )
    engine = engine.pinned()  # one state for all of a file
    job: Columnar | Delimited
    if source.is_columnar:
        job = Columnar(engine, source, target, question, row_groups)
    else:
        job = Delimited(engine, source, target, question)
    tally = Tally()
    with (
        target.writing() as file,
        job.writing(file) as write,
        contextlib.closing(in_order(job.read(), job.answer, threads)) as pieces,
    ):
        for piece in pieces:
            write(piece.content)
            tally.add(piece.tally)
            report(tally.rows, piece.share)
    return tally
