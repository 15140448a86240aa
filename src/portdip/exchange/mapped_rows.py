"""The way from a file with columns to the rows of `portdip.exchange.rows`, shared by the column-mapped feeds.

A feed says how to open its kind of file; here the column map is applied, values are converted, and malformed
rows go to the caller's policy with file and row.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from portdip.errors import FeedError
from portdip.exchange import column_map, convert, rows
from portdip.exchange.column_map import ColumnMap, Layout
from portdip.exchange.feeds.options import BadRows, Options
from portdip.exchange.reading import Opened, RowNumbers, filled, reading, refuse

_EXPECTED = {
    "number": "a number of 1 to 15 digits in the form the column map says, not starting with 0",
    "first": "the first number of a range, of 1 to 15 digits",
    "last": "the last number of a range, as long as the first and not before it",
    "carrier": "a carrier id",
    "routing_number": "up to 16 digits or hex digits",
    "effective": "a time in the form the column map says",
}

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
        with reading(file):
            opened = open_file(file, mapping, options.bad_rows)
            layout = mapping.layout(opened.columns, file)
            roles = dict(sorted(layout.positions.items(), key=lambda item: item[1]))
            for columns, row_numbers in filled(file, options.bad_rows, opened.read(list(roles.values()))):
                chunk = _Chunk(position, file, dict(zip(roles, columns, strict=True)), row_numbers)
                yield chunk.rows(mapping, layout, options.bad_rows)


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
            bad["last"] |= ~convert.are_intervals(converted["first"].to_numpy(), converted["last"].to_numpy())
        else:
            bad["carrier"] = converted["carrier"].is_null().to_numpy(zero_copy_only=False)
        faults = {f"`{role}` is not {_EXPECTED[role]}": mask for role, mask in bad.items() if role in _EXPECTED}
        refused = refuse(self.file, self.row_numbers, list(self.columns.values()), faults, bad_rows)
        converted.setdefault("routing_number", pa.repeat("", len(refused)))
        for role in ("donor", "effective"):
            converted.setdefault(role, pa.nulls(len(refused), rows.NUMBERS.field(role).type))
        converted["place"] = pa.array(rows.places(self.position, self.row_numbers))
        schema = rows.RANGES if layout.ranges else rows.PLACED_NUMBERS
        batch = pa.record_batch([converted[name] for name in schema.names], schema=schema)
        return batch.filter(pa.array(~refused)) if refused.any() else batch


def _convert(role: str, column: pa.Array, mapping: ColumnMap, where: str) -> convert.Converted:
    if role in ("number", "first", "last"):
        return convert.numbers(column, mapping, where)
    if role == "routing_number":
        return convert.routing_numbers(column, where)
    if role == "effective":
        return convert.times(column, mapping, where)
    return convert.carriers(column, where)
