"""Two sides for tests of reconciling: stores without an index, dumps as Arrow files, and what they differ in."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa

from portdip.exchange import rows
from portdip.exchange.feeds.options import BadRows
from portdip.table.reconciling.digests import Particulars
from portdip.table.reconciling.dump import Dump
from portdip.table.reconciling.in_force import InForce
from portdip.table.reconciling.reconcile import Comparison, Other
from portdip.table.reconciling.tally import Report, Tally
from portdip.table.store import Store

#: (carrier, routing number, donor, effective) by number; (first, last, carrier or None).
Entry = tuple[str, str, str | None, datetime | None]
Entries = dict[int, Entry]
Ranges = list[tuple[int, int, str | None]]

ALL, ROUTES = Particulars(donors=True, times=True), Particulars(donors=False, times=False)


def silent(count: int, share: float | None) -> None:
    """No progress to show."""


def batch(schema: pa.Schema, found: list[Any]) -> pa.RecordBatch:
    columns = zip(*found, strict=True) if found else [[]] * len(schema)
    arrays = [pa.array(list(column), field.type) for column, field in zip(columns, schema, strict=True)]
    return pa.record_batch(arrays, schema=schema)


def number_rows(entries: list[tuple[int, Entry]]) -> pa.RecordBatch:
    return batch(rows.NUMBERS, [(number, *entry) for number, entry in entries])


def range_rows(ranges: Ranges) -> pa.RecordBatch:
    return batch(rows.RANGES, [(first, last, carrier, "") for first, last, carrier in ranges])


def make_store(path: Path, entries: Entries, ranges: Ranges, dataset: str = "test") -> Store:
    """A store at `path` with a snapshot of these."""

    def write_image(draft: Any) -> None:
        draft.image.write_text(str([numbers.tolist() for numbers, _ in draft.merge()]))

    store = Store.init(path, dataset, write_image)
    with store.draft(_no_repeats) as draft:
        draft.add(range_rows(ranges))
        draft.add(number_rows(list(entries.items())))
        write_image(draft)
    return store


def write_dump(path: Path, entries: list[tuple[int, Entry]], ranges: Ranges, batch_rows: int = 3) -> list[Path]:
    """The files of a dump in the feed `arrow`, one of numbers and one of ranges, as far as there are any."""
    files = []
    for name, found in (("numbers", number_rows(entries)), ("ranges", range_rows(ranges))):
        if len(found):
            files.append(path / f"{name}.arrow")
            with pa.ipc.new_file(str(files[-1]), found.schema) as writer:
                writer.write_table(pa.Table.from_batches([found]), max_chunksize=batch_rows)
    return files


def dump(files: list[Path], feed: str = "arrow") -> Dump:
    return Dump(feed, files, None, BadRows())


def in_force(store: Store) -> InForce:
    return InForce(store, datetime.now(UTC))


def compare(store: Store, theirs: Other, wanted: Particulars = ALL) -> tuple[Report, list[dict[str, Any]]]:
    """The report, and all differences as dictionaries."""
    comparison = Comparison(in_force(store), theirs, wanted, silent)
    tally, found = Tally(2), []
    for part in comparison.differences(silent):
        tally.add(part)
        found += part.to_pylist()
    return Report.of(comparison, tally), found


def classes(found: list[dict[str, Any]]) -> dict[str, list[int]]:
    """Numbers by classes, in the order found."""
    by_class: dict[str, list[int]] = {}
    for row in found:
        by_class.setdefault(row["classes"], []).append(row["number"])
    return by_class


def _no_repeats(number: int, place: int, place_kept: int) -> None:
    raise AssertionError(f"{number} twice")
