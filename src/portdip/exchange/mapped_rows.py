"""The way from a file with columns to the rows of `portdip.exchange.rows`, shared by the column-mapped feeds.

A feed says how to open its kind of file; here the column map is applied, values are converted, and malformed
rows go to the caller's policy with file and row.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from portdip.errors import FeedError
from portdip.exchange import column_map, convert, rows
from portdip.exchange.column_map import ColumnMap, Layout
from portdip.exchange.feeds.options import BadRows, Options
from portdip.number import DIGITS_MAX

RowNumbers = npt.NDArray[np.uint64]

_POWERS_OF_TEN = np.array([10**digits for digits in range(1, DIGITS_MAX + 1)], dtype=np.uint64)

_EXPECTED = {
    "number": "a number of 1 to 15 digits in the form the column map says, not starting with 0",
    "first": "the first number of a range, of 1 to 15 digits",
    "last": "the last number of a range, as long as the first and not before it",
    "carrier": "a carrier id",
    "routing_number": "up to 16 digits or hex digits",
    "effective": "a time in the form the column map says",
}


@dataclass(frozen=True)
class Opened:
    """A file's column names, and a way to read some of its columns by position.

    `read(positions)` yields the columns in the order of `positions`, all of one length, and the row number of
    each row, 1-based as a person finds it in the file.
    """

    columns: list[str]
    read: Callable[[list[int]], Iterator[tuple[list[pa.Array], RowNumbers]]]


#: Opens one file of a feed's kind; FeedError where it is not of that kind.
Open = Callable[[Path, ColumnMap, BadRows], Opened]


def read(files: list[Path], options: Options, open_file: Open) -> Iterator[pa.RecordBatch]:
    """The rows of all files, carriers that the map names first.

    Raises FeedError for a file that holds no row or is not of the feed's kind, MissingColumnError, and
    BadRowError as `options.bad_rows` has it.
    """
    mapping = column_map.load(options.map_file)
    if mapping.carriers:
        yield pa.record_batch([list(mapping.carriers), list(mapping.carriers.values())], schema=rows.CARRIERS)
    for position, file in enumerate(files):
        if not file.is_file():
            raise FeedError("no such file", where=str(file))
        refused_before = options.bad_rows.count
        empty = True
        try:
            opened = open_file(file, mapping, options.bad_rows)
            layout = mapping.layout(opened.columns, file)
            roles = dict(sorted(layout.positions.items(), key=lambda item: item[1]))
            for columns, row_numbers in opened.read(list(roles.values())):
                empty = empty and not len(row_numbers)
                chunk = _Chunk(position, file, dict(zip(roles, columns, strict=True)), row_numbers)
                yield chunk.rows(mapping, layout, options.bad_rows)
        except (OSError, pa.ArrowException, UnicodeError, csv.Error) as error:
            raise FeedError("the file cannot be read", where=str(file), got=str(error)) from error
        if empty and options.bad_rows.count == refused_before:
            raise FeedError("the file holds no rows", where=str(file))


@dataclass(frozen=True)
class _Chunk:
    """Some rows of one file, columns by role, as they were read."""

    position: int
    file: Path
    columns: dict[str, pa.Array]
    row_numbers: RowNumbers

    def rows(self, mapping: ColumnMap, layout: Layout, bad_rows: BadRows) -> pa.RecordBatch:
        """The good rows as NUMBERS with places, or RANGES; the bad ones refused."""
        converted, bad = {}, {}
        for role, column in self.columns.items():
            converted[role], bad[role] = _convert(role, column, mapping, f"{self.file}, column for `{role}`")
        if layout.ranges:
            bad["last"] |= ~_intervals(converted["first"].to_numpy(), converted["last"].to_numpy())
        else:
            bad["carrier"] = converted["carrier"].is_null().to_numpy(zero_copy_only=False)
        refused = np.logical_or.reduce(list(bad.values()))
        for index in np.flatnonzero(refused).tolist():
            role = next(role for role in bad if bad[role][index])
            self._refuse(index, role, bad_rows)
        converted.setdefault("routing_number", pa.repeat("", len(refused)))
        for role in ("donor", "effective"):
            converted.setdefault(role, pa.nulls(len(refused), rows.NUMBERS.field(role).type))
        converted["place"] = pa.array(rows.places(self.position, self.row_numbers))
        schema = rows.RANGES if layout.ranges else rows.PLACED_NUMBERS
        batch = pa.record_batch([converted[name] for name in schema.names], schema=schema)
        return batch.filter(pa.array(~refused)) if refused.any() else batch

    def _refuse(self, index: int, role: str, bad_rows: BadRows) -> None:
        content = io.StringIO()
        csv.writer(content, lineterminator="").writerow(column[index].as_py() for column in self.columns.values())
        reason = f"`{role}` is not {_EXPECTED[role]}"
        bad_rows.refuse(self.file, int(self.row_numbers[index]), reason, content.getvalue())


def _intervals(first: RowNumbers, last: RowNumbers) -> npt.NDArray[np.bool_]:
    """Which pairs are a closed interval of numbers of one length."""
    lengths = [np.searchsorted(_POWERS_OF_TEN, bound, side="right") for bound in (first, last)]
    good: npt.NDArray[np.bool_] = (first <= last) & (lengths[0] == lengths[1])
    return good


def _convert(role: str, column: pa.Array, mapping: ColumnMap, where: str) -> convert.Converted:
    if role in ("number", "first", "last"):
        return convert.numbers(column, mapping, where)
    if role == "routing_number":
        return convert.routing_numbers(column, where)
    if role == "effective":
        return convert.times(column, mapping, where)
    return convert.carriers(column, where)
