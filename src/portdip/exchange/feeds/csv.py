"""CSV files, plain or `.gz`, columns as the column map says (`portdip.exchange.column_map`).

Delimiter, encoding and header come from the map; fields may be quoted with '"'. Read block by block, whatever
the size. A row's number is its line as an editor shows it, the header being line 1 (a quoted line break
counts as none). Lines with nothing in them are passed over.
"""

from __future__ import annotations

import csv
import io
import itertools
from collections import deque
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pv

from portdip.errors import FeedError
from portdip.exchange import mapped_rows
from portdip.exchange.column_map import ColumnMap
from portdip.exchange.feeds.options import BadRows, Options

NEEDS_FILES = True

#: A row takes 4 bytes or more ("1,a" and the end of the line), so a block holds about 1 M rows at most.
_BLOCK_BYTES = 1 << 22


def rows(files: list[Path], options: Options) -> Iterator[pa.RecordBatch]:
    """The rows of the files, in their order. Raises as `mapped_rows.read` does."""
    return mapped_rows.read(files, options, _open)


def _open(path: Path, mapping: ColumnMap, bad_rows: BadRows) -> mapped_rows.Opened:
    columns, lines = _beginning(path, mapping)

    def read(positions: list[int]) -> Iterator[tuple[list[pa.Array], mapped_rows.RowNumbers]]:
        if lines <= mapping.header:
            return  # Arrow takes a file without a row for a broken one
        misfits: deque[pv.InvalidRow] = deque()
        names = [str(position) for position in positions]
        row = 1 + mapping.header
        with _reader(path, mapping, len(columns), names, misfits) as reader:
            for batch in reader:
                within = _take_misfits(misfits, row + len(batch))
                numbers = np.arange(row, row + len(batch) + len(within), dtype=np.uint64)
                row += len(numbers)
                for misfit in within:
                    _refuse(path, misfit, bad_rows)
                numbers = np.setdiff1d(numbers, [misfit.number for misfit in within], assume_unique=True)
                yield _without_blank_lines([batch.column(name) for name in names], numbers)
        for misfit in misfits:
            _refuse(path, misfit, bad_rows)

    return mapped_rows.Opened(columns, read)


def _beginning(path: Path, mapping: ColumnMap) -> tuple[list[str], int]:
    """The names of the columns (their positions where the file has no header) and how many lines begin it, up to 2."""
    with io.TextIOWrapper(pa.input_stream(str(path)), mapping.encoding, newline="") as file:
        lines = list(itertools.islice(csv.reader(file, delimiter=mapping.delimiter), 2))
    if not lines:
        raise FeedError("the file is empty", where=str(path))
    if mapping.header:
        return [name.removeprefix("\ufeff") for name in lines[0]], len(lines)
    return [str(position) for position in range(len(lines[0]))], len(lines)


def _reader(
    path: Path, mapping: ColumnMap, width: int, wanted: list[str], misfits: deque[pv.InvalidRow]
) -> pv.CSVStreamingReader:
    """Reads `wanted` of the columns called "0", "1", ... as text; lines of another width go to `misfits`, in
    order."""

    def set_aside(line: pv.InvalidRow) -> str:
        misfits.append(line)
        return "skip"

    return pv.open_csv(
        pa.input_stream(str(path)),
        pv.ReadOptions(
            use_threads=False,  # with threads a misfit does not know its line
            block_size=_BLOCK_BYTES,
            skip_rows=int(mapping.header),
            column_names=[str(position) for position in range(width)],
            encoding=mapping.encoding,
        ),
        pv.ParseOptions(
            delimiter=mapping.delimiter,
            newlines_in_values=True,
            ignore_empty_lines=False,  # they count, for the number of a row to be its line
            invalid_row_handler=set_aside,
        ),
        pv.ConvertOptions(
            include_columns=list(dict.fromkeys(wanted)),
            column_types=dict.fromkeys(wanted, pa.string()),
            strings_can_be_null=False,
        ),
    )


def _take_misfits(misfits: deque[pv.InvalidRow], end: int) -> list[pv.InvalidRow]:
    """Take those that stand before line `end`; each one taken moves `end` a line down."""
    taken: list[pv.InvalidRow] = []
    while misfits and misfits[0].number < end + len(taken):
        taken.append(misfits.popleft())
    return taken


def _refuse(path: Path, misfit: pv.InvalidRow, bad_rows: BadRows) -> None:
    reason = f"the row has {misfit.actual_columns} columns instead of {misfit.expected_columns}"
    bad_rows.refuse(path, misfit.number, reason, misfit.text)


def _without_blank_lines(
    columns: list[pa.Array], numbers: mapped_rows.RowNumbers
) -> tuple[list[pa.Array], mapped_rows.RowNumbers]:
    filled = np.logical_or.reduce([pc.binary_length(column).to_numpy() > 0 for column in columns])
    if filled.all():
        return columns, numbers
    return [column.filter(pa.array(filled)) for column in columns], numbers[filled]
