"""A store checked from end to end: every byte against its checksum, the chain link by link, answers against tables.

Reading answers checks no such thing; this does, for the CLI verb and for whoever has just copied a store.
Reads only; may run beside a writer and beside dips.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from portdip.errors import DamagedDeltaError, DamagedSnapshotError
from portdip.exchange import change_rules
from portdip.exchange.chain import Head
from portdip.exchange.changes import CHANGES
from portdip.index import ENTRY, Index, LiveIndex
from portdip.lookup.follower import Follower
from portdip.number import LIMIT
from portdip.table import schema
from portdip.table.nested import Nest
from portdip.table.reconciling.in_force import InForce
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
    """Check the live snapshot, the chain, the history, and what is answered now: each yielded when found good.

    Raises DamagedSnapshotError, DamagedImageError or DeltaError at the first fault, naming file and block, delta, or
    number and row; UntrustedSnapshotError for a snapshot signed by whom nobody trusts.
    """
    began = time.monotonic()

    def checked(what: str, extent: str) -> Checked:
        nonlocal began
        ended = time.monotonic()
        began, seconds = ended, ended - began
        return Checked(what, extent, seconds)

    store = Store.open(store_path)
    snapshot = store.current()
    manifest = snapshot.manifest
    if manifest.signer:
        manifest.check_signer(store.trust.read(), str(snapshot.path))
    yield checked("manifest", f"dataset {manifest.dataset}, sequence {manifest.sequence}")
    for name, seal in manifest.files.items():
        seal.verify(snapshot.path / name)
        yield checked(name, f"{seal.bytes:,} bytes in {len(seal.blocks):,} blocks")
    index = Index.open(snapshot.image)
    index.verify()
    yield checked("index image", "its own checksums")
    _verify_routes(snapshot)
    yield checked("routes", f"{manifest.counts['routes']:,} routes, {manifest.counts['carriers']:,} carriers")
    _verify_pending(snapshot)
    yield checked("changes to come", f"{manifest.counts['pending']:,} changes")
    path = snapshot.path / schema.NUMBERS_FILE
    count = _verify_numbers(snapshot.numbers.to_batches(), index, path)
    _same(np.array([len(index)]), np.array([count]), "count of entries in the index", snapshot.image, 0)
    yield checked("index against numbers", f"{count:,} numbers")
    bounds = _verify_ranges(Nest.of(snapshot.ranges), index, snapshot.image)
    yield checked("index against ranges", f"{bounds:,} boundaries of {manifest.counts['ranges']:,} ranges")
    deltas = _verify_chain(store, manifest.head)
    yield checked("chain", f"{deltas:,} deltas")
    yield checked("history", f"{sum(1 for _ in store.past.verify()):,} stretches")
    yield checked("answers against the table", _verify_answers(store))


def _verify_chain(store: Store, base: Head) -> int:
    """Every delta is as it was sealed, follows the one before, and is signed by a key trusted then; how many there are.

    The chain goes through `base`, the last delta of the live snapshot, unless it has not come so far.
    """
    chain, trust = store.chain, store.trust.read()
    last, count = chain.head, 0
    reached = chain.base
    passed = base.sequence > last.sequence or reached == base
    for following in chain.after(reached):
        trust.check(following, str(chain.file(following.sequence)))
        reached, count = Head.of(following), count + 1
        passed |= reached == base
        if reached.sequence == last.sequence:
            break
    if reached != last:
        raise DamagedDeltaError(
            "a delta of the chain is missing", where=str(chain.path), expected=chain.file(reached.sequence + 1).name
        )
    if not passed:
        raise DamagedSnapshotError(
            "the live snapshot is of another chain", where=str(store.path), got=f"digest {base.digest}", fix=_FIX
        )
    return count


def _verify_answers(store: Store) -> str:
    """What is answered now, of the snapshot and all that came since, is what the table says; how much was compared."""
    moment = datetime.now(UTC)
    follower = Follower(store, False, moment)
    table = InForce(store, moment)
    while follower.generation.sequence < table.head.sequence:  # somebody has published meanwhile
        follower.refresh(moment)
    generation = follower.generation
    index, where = generation.index, store.path
    count = _verify_numbers(table.numbers(), index, where)
    numbers = generation.snapshot.numbers.column("number")
    entries = sum(_entries(index, chunk.to_numpy()) for chunk in numbers.chunks)
    changed = index.overlay.entries()[0]
    entries += _entries(index, changed[index.base.match_many(changed) < ENTRY])
    _same(np.array([entries]), np.array([count]), "count of numbers that answer as ported", where, 0)
    bounds = _verify_ranges(table.flat_ranges, index, where)
    return f"{count:,} numbers and {bounds:,} boundaries at sequence {generation.sequence}"


def _entries(index: LiveIndex, numbers: npt.NDArray[np.uint64]) -> int:
    return int(np.count_nonzero(index.match_many(numbers) >= ENTRY))


def _verify_routes(snapshot: Snapshot) -> None:
    """The counts are the manifest's, and every route code and donor means something."""
    tables = {
        "numbers": snapshot.numbers,
        "ranges": snapshot.ranges,
        "routes": snapshot.route_table,
        "carriers": snapshot.carrier_table,
        "pending": snapshot.pending,
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


def _verify_pending(snapshot: Snapshot) -> None:
    """The changes to come are changes of single numbers with a date, in the order of the chain so far."""
    path, pending = snapshot.path / schema.PENDING_FILE, snapshot.pending
    for batch in pending.select(CHANGES.names).to_batches():
        found = change_rules.first_fault(batch, in_delta=True)
        if found:
            raise DamagedSnapshotError(
                "a change to come makes no sense", where=f"{path}, row {found[0] + 1}", got=found[1]
            )
    single = pending.column("last").is_null().to_numpy() & pending.column("effective").is_valid().to_numpy()
    _same(single, np.ones_like(single), "change of one number with a date", path, 0)
    sequence, row = (pending.column(name).to_numpy() for name in ("sequence", "row"))
    rising = (sequence[1:] > sequence[:-1]) | ((sequence[1:] == sequence[:-1]) & (row[1:] > row[:-1]))
    _same(rising, np.ones_like(rising), "order of the chain", path, 1)
    _same(sequence <= snapshot.manifest.sequence, np.ones(len(sequence), dtype=bool), "sequence so far", path, 0)


def _verify_numbers(batches: Iterable[pa.RecordBatch], index: Index | LiveIndex, where: Path) -> int:
    """The table's numbers strictly increase, and the index has each with its code; how many there are."""
    row, previous = 0, 0
    for batch in batches:
        numbers = batch.column("number").to_numpy()
        rising = np.diff(numbers.astype(np.int64), prepend=previous) > 0
        _same(rising, np.ones_like(rising), "number greater than the one before", where, row)
        expected = batch.column("route").to_numpy().astype(np.uint32) | np.uint32(ENTRY)
        _same(index.match_many(numbers), expected, "code in the index", where, row)
        row += len(batch)
        previous = int(numbers[-1])
    return row


def _verify_ranges(ranges: Nest, index: Index | LiveIndex, where: Path) -> int:
    """The index answers as the plan does at both ends of every range and one beyond; how many were compared."""
    one = np.uint64(1)
    bounds = np.unique(np.concatenate([ranges.first - one, ranges.first, ranges.last, ranges.last + one]))
    bounds = bounds[(bounds > 0) & (bounds < LIMIT)]
    expected = ranges.flat().codes_at(bounds)
    found = np.array([index.range_code(number) for number in bounds.tolist()], dtype=np.uint16)
    wrong = np.flatnonzero(found != expected)
    if len(wrong):
        number, have, want = (int(column[wrong[0]]) for column in (bounds, found, expected))
        raise DamagedSnapshotError(
            "the index and the ranges disagree",
            where=f"{where}, number {number}",
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
