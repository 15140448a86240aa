"""Record batches as CSV files for people and programs: text in UTF-8, times in ISO 8601, UTC, nothing for null."""

from __future__ import annotations

import contextlib
import csv
import io
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from portdip import files


@contextlib.contextmanager
def writing(path: Path, columns: Sequence[str]) -> Iterator[Callable[[pa.RecordBatch], None]]:
    """A CSV file with these columns; the block writes batches, and the file appears when it ends without an error."""
    with files.replacing(path) as file:
        text = io.TextIOWrapper(file, "utf-8", newline="")
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(columns)

        def write(batch: pa.RecordBatch) -> None:
            writer.writerows(zip(*(_values(column) for column in batch.columns), strict=True))

        try:
            yield write
        finally:
            text.detach()  # which would close the file before it is synced


def _values(column: pa.Array) -> list[object]:
    if pa.types.is_timestamp(column.type):
        column = pc.strftime(column, format="%Y-%m-%dT%H:%M:%SZ")
    values: list[object] = column.to_pylist()
    return values
