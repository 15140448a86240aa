"""A store checked from end to end: every byte against its checksum, then the index against the table.

Reading answers checks no such thing; this does, for the CLI verb and for whoever has just copied a store.
Reads only; may run beside a writer and beside dips.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from portdip.errors import DamagedSnapshotError
from portdip.index import ENTRY, Index
from portdip.intervals import flatten
from portdip.number import LIMIT
from portdip.table import schema
from portdip.table.snapshot import Snapshot
from portdip.table.store import Store

_FIX = "Import the numbers again, or restore the store from a good copy."


@dataclass(frozen=True, slots=True)
class Checked:
    """One thing that was checked and found good: what, how much of it, and how long it took."""

    what: str
    extent: str
    seconds: float


def verify(store_path: Path | str) -> Iterator[Checked]:
    """Check the live snapshot, one thing after another, each yielded when it has been found good.

    Raises DamagedSnapshotError or DamagedImageError at the first fault, naming file and block, or number and
    row.
    """
    began = time.monotonic()

    def checked(what: str, extent: str) -> Checked:
        nonlocal began
        ended = time.monotonic()
        began, seconds = ended, ended - began
        return Checked(what, extent, seconds)

    snapshot = Store.open(store_path).current()
    manifest = snapshot.manifest
    yield checked("manifest", f"dataset {manifest.dataset}, sequence {manifest.sequence}")
    for name, seal in manifest.files.items():
        seal.verify(snapshot.path / name)
        yield checked(name, f"{seal.bytes:,} bytes in {len(seal.blocks):,} blocks")
    index = Index.open(snapshot.image)
    index.verify()
    yield checked("index image", "its own checksums")
    _verify_routes(snapshot)
    yield checked("routes", f"{manifest.counts['routes']:,} routes, {manifest.counts['carriers']:,} carriers")
    _verify_numbers(snapshot, index)
    yield checked("index against numbers", f"{manifest.counts['numbers']:,} numbers")
    bounds = _verify_ranges(snapshot, index)
    yield checked("index against ranges", f"{bounds:,} boundaries of {manifest.counts['ranges']:,} ranges")


def _verify_routes(snapshot: Snapshot) -> None:
    """The counts are the manifest's, and every route code and donor means something."""
    tables = {
        "numbers": snapshot.numbers,
        "ranges": snapshot.ranges,
        "routes": snapshot.route_table,
        "carriers": snapshot.carrier_table,
    }
    for name, table in tables.items():
        count = snapshot.manifest.counts[name]
        _same(np.array([len(table)]), np.array([count]), f"count of {name}", snapshot.path, 0)
    known = np.zeros(1 << 16, dtype=bool)
    known[list(snapshot.routes)] = True
    withdrawn = known.copy()
    withdrawn[0] = True
    for name, meant in (("numbers", known), ("ranges", withdrawn)):
        row = 0
        for batch in tables[name].to_batches():
            meaningful = meant[batch.column("route").to_numpy()]
            _same(meaningful, np.ones_like(meaningful), "known route", snapshot.path / f"{name}.arrow", row)
            row += len(batch)


def _verify_numbers(snapshot: Snapshot, index: Index) -> None:
    """The table's numbers strictly increase; the index has each with its code, and no other."""
    path = snapshot.path / schema.NUMBERS_FILE
    row, previous = 0, 0
    for batch in snapshot.numbers.to_batches():
        numbers = batch.column("number").to_numpy()
        rising = np.diff(numbers.astype(np.int64), prepend=previous) > 0
        _same(rising, np.ones_like(rising), "number greater than the one before", path, row)
        expected = batch.column("route").to_numpy().astype(np.uint32) | np.uint32(ENTRY)
        _same(index.match_many(numbers), expected, "code in the index", path, row)
        row += len(batch)
        previous = int(numbers[-1])
    _same(np.array([len(index)]), np.array([row]), "count of entries in the index", snapshot.image, 0)


def _verify_ranges(snapshot: Snapshot, index: Index) -> int:
    """The index answers as the plan does at both ends of every range and one beyond; how many were compared."""
    first, last, route = (snapshot.ranges.column(name).to_numpy() for name in schema.RANGES.names)
    one = np.uint64(1)
    bounds = np.unique(np.concatenate([first - one, first, last, last + one]))
    bounds = bounds[(bounds > 0) & (bounds < LIMIT)]
    starts, ends, codes = flatten(np.column_stack([first, last, route.astype(np.uint64)]))
    inside = np.searchsorted(starts, bounds, side="right") - 1
    held = (inside >= 0) & (bounds <= np.append(ends, np.uint64(0))[inside])
    expected = np.where(held, np.append(codes, np.uint16(0))[inside], 0)
    found = np.array([index.range_code(number) for number in bounds.tolist()], dtype=np.uint16)
    wrong = np.flatnonzero(found != expected)
    if len(wrong):
        number, have, want = (int(column[wrong[0]]) for column in (bounds, found, expected))
        raise DamagedSnapshotError(
            "the index and the ranges disagree",
            where=f"{snapshot.image}, number {number}",
            expected=f"route code {want}",
            got=str(have),
            fix=_FIX,
        )
    return len(bounds)


def _same(found: npt.NDArray[np.generic], expected: npt.NDArray[np.generic], what: str, path: Path, row: int) -> None:
    """DamagedSnapshotError for the first pair that differs; `row` is how many rows came before these."""
    wrong = np.flatnonzero(found != expected)
    if len(wrong):
        raise DamagedSnapshotError(
            f"wrong {what}",
            where=f"{path}, row {row + int(wrong[0]) + 1}",
            expected=str(expected[wrong[0]]),
            got=str(found[wrong[0]]),
            fix=_FIX,
        )
