"""Restore: a store out of a backup, as it was at any sequence that the backup leads to.

The new store has the newest snapshot up to that sequence, the chain as far back as the backup has it without a gap and
up to exactly that sequence, byte for byte, the keys that were trusted then, and the history up to then. All of it is
checked on the way: seals, the chain's digests, signatures. Companions (`portdip.table.companions`) that are asked for
come as of the newest copy that tells of nothing later. A damaged snapshot is passed over for the one before it,
which the chain makes the same state of. The store appears whole or not at all.

The backup's own list of keys is believed. Where others may write to the place of a backup, encrypt it.
"""

from __future__ import annotations

import contextlib
import dataclasses
import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from portdip import files
from portdip.errors import (
    BackupError,
    DamagedBackupError,
    DamagedSnapshotError,
    DeltaError,
    PortdipError,
    UntrustedDeltaError,
)
from portdip.exchange.chain import Chain, Head
from portdip.exchange.changes import Operation
from portdip.exchange.delta import Sealed
from portdip.exchange.key_ring import KeyRing
from portdip.exchange.keys import Trust
from portdip.exchange.location import Location, read_whole
from portdip.table import companions, imported, past
from portdip.table.companions import Copy
from portdip.table.depot import HISTORY, KEYS, Depot, copy, delta_name, snapshot_name
from portdip.table.store import Store, WriteImage

#: First and last of some sequences that follow each other.
Stretch = tuple[int, int]

_STRETCH = re.compile(r"\d{20}-(\d{20})")
_PRIVATE_KEY = re.compile(r"([0-9a-f]{16})\.pem")


@dataclass(frozen=True, slots=True)
class Restored:
    """A store that was restored: the last delta in it, and the sequence of its snapshot.

    `passed_over` says what is wrong with newer snapshots that would have done. `companions` is the copy of companions
    that came along (None: there was none), `companion_files` the names of its files.
    """

    store: Store
    head: Head
    snapshot: int
    passed_over: list[PortdipError | FileNotFoundError]
    companions: Copy | None = None
    companion_files: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Plan:
    """What is to be copied: the chain from `base` to `target`, and one of `snapshots`, the best first."""

    base: Head
    target: int
    snapshots: list[int]


def restore(
    path: Path,
    location: Location,
    write_image: WriteImage,
    to_sequence: int | None = None,
    at: datetime | None = None,
    companion_files: Collection[str] = (),
) -> Restored:
    """Restore the backup at `location` to a new store at `path`.

    Up to `to_sequence`, or to the last delta made at or before `at` (UTC), or to the newest; with the companions of
    these names as far as the backup has them. Before anything is
    written it raises StoreError if something is at `path`, BackupKeyError for a wrong key, and BackupError where the
    backup does not lead to that sequence. DamagedBackupError, DamagedSnapshotError or DeltaError name damage met on
    the way; OSError and LocationError say that the place cannot be reached.
    """
    depot = Depot(location)
    plan = _plan(depot, to_sequence, at)
    with Store.founding(path, plan.base) as store:
        snapshot, passed_over = _bring_snapshot(depot, store, plan, write_image)
        trust = trust_at(depot, plan.target)
        for key in Trust.of_json(store.current().manifest.keys).keys.values():
            trust = trust.with_key(key)
        head, trust = _copy_chain(depot, plan, snapshot, store.chain, trust)
        store.trust.write(trust)
        _copy_private_keys(depot, KeyRing(store.keys))
        _copy_history(depot, store.past.path, plan.target)
        copy_of, fetched = _fetch_companions(depot, store.path, plan.target, companion_files)
    return Restored(Store(path), head, snapshot.sequence, passed_over, copy_of, fetched)


def reach(
    snapshots: Iterable[int], deltas: Iterable[int], base: Head | None, imports: Iterable[int] = ()
) -> list[Stretch]:
    """The sequences that can be restored: those of snapshots, and what deltas lead to from there.

    >>> reach([4, 9], [1, 2, 3, 4, 5, 8, 9, 10, 11], None, imports=[11])
    [(4, 5), (9, 10)]
    """
    beginnings = set(snapshots) | ({0} if base is not None and base.sequence == 0 else set())
    steps = set(deltas) - set(imports)
    found: list[Stretch] = []
    for beginning in sorted(beginnings):
        last = beginning
        while last + 1 in steps:
            last += 1
        if found and beginning <= found[-1][1] + 1:
            found[-1] = (found[-1][0], max(last, found[-1][1]))
        else:
            found.append((beginning, last))
    return found


def trust_at(depot: Depot, sequence: int) -> Trust:
    """The keys that were trusted after the delta of this sequence: what later deltas said of keys is taken back."""
    kept = {}
    for key in depot.trust().keys.values():
        if key.since > sequence and _says(depot, key.since, Operation.TRUST_KEY, key.public):
            continue
        if key.until is not None and key.until > sequence and _says(depot, key.until, Operation.REVOKE_KEY, key.id):
            key = dataclasses.replace(key, until=None)
        kept[key.id] = key
    return Trust(kept)


def check_signature(sealed: Sealed, trust: Trust, where: str) -> None:
    """Raise UntrustedDeltaError where the signature of a delta is not that of the key it names, if that is known.

    Whether the key was in force is not asked: the store asked when it took the delta, and may know more keys now.
    """
    key = trust.keys.get(sealed.header.signer)
    if key is not None and not key.has_signed(sealed.signed_message, sealed.signature):
        raise UntrustedDeltaError("the signature is wrong", where=where, got=f"key {key.id}")


def _says(depot: Depot, sequence: int, operation: Operation, text: str) -> bool:
    """Whether the delta of this sequence has such a row."""
    try:
        rows = depot.delta(sequence).open(depot.where(delta_name(sequence))).rows.to_pylist()
    except (FileNotFoundError, DeltaError, DamagedBackupError):
        return False
    return any(row["operation"] == operation and row["text"] == text for row in rows)


def _plan(depot: Depot, to_sequence: int | None, at: datetime | None) -> _Plan:
    """What to copy. Reads little, and finds a wrong key."""
    base, deltas, snapshots = depot.whole_base(), depot.deltas(), depot.snapshots()
    stretches = reach(snapshots, deltas, base)
    if not stretches:
        raise BackupError("no backup is there", where=depot.location.name, fix="Name the place of one.")
    target = stretches[-1][1] if to_sequence is None else to_sequence
    if at is not None:
        target = _made_by(depot, list(deltas), at, base, stretches[0][0])
    if not any(first <= target <= last for first, last in stretches):
        raise _leads_nowhere(depot, target, spelled(stretches), str(target))
    first = target + 1
    while first - 1 in deltas:
        first -= 1
    begins = _beginning(depot, base, first, snapshots)
    usable = [sequence for sequence in reversed(snapshots) if begins.sequence <= sequence <= target]
    return _Plan(begins, target, usable)


def spelled(stretches: list[Stretch]) -> str:
    """Some sequences, for people.

    >>> spelled([(1, 4), (9, 9)])
    '1 to 4, 9'
    """
    return ", ".join(str(first) if first == last else f"{first} to {last}" for first, last in stretches)


def _made_by(depot: Depot, deltas: list[int], at: datetime, base: Head | None, earliest: int) -> int:
    """The sequence of the last delta made at or before `at`. Raises BackupError where the backup begins later."""
    low, high = 0, len(deltas)
    while low < high:
        middle = (low + high) // 2
        if depot.delta(deltas[middle]).header.created <= at:
            low = middle + 1
        else:
            high = middle
    if low:
        return deltas[low - 1]
    begins = base if base is not None and base.sequence == earliest else depot.manifest(earliest).head
    if begins.created > at:
        raise BackupError(
            "the backup begins later",
            where=depot.location.name,
            expected=f"{begins.created.isoformat()} or later",
            got=at.isoformat(),
        )
    return earliest


def _beginning(depot: Depot, base: Head | None, first: int, snapshots: list[int]) -> Head:
    """What the restored chain continues, `first` being its first delta: where the backup does not say, that delta."""
    if base is not None and base.sequence == first - 1:
        return base
    if first - 1 in snapshots:
        with contextlib.suppress(DamagedSnapshotError, DamagedBackupError, FileNotFoundError):
            return depot.manifest(first - 1).head
    return Head.of(depot.delta(first))


def _bring_snapshot(
    depot: Depot, store: Store, plan: _Plan, write_image: WriteImage
) -> tuple[Head, list[PortdipError | FileNotFoundError]]:
    """Make the first of the plan's snapshots that is good live; the last delta in it, and what is wrong with others."""
    passed_over: list[PortdipError | FileNotFoundError] = []
    for sequence in plan.snapshots:
        made = store.snapshot_path(sequence)
        try:
            manifest = depot.manifest(sequence)
            files.make_directory(made)
            depot.fetch_snapshot(manifest, made)
        except (DamagedSnapshotError, DamagedBackupError, FileNotFoundError) as error:
            files.remove_directory(made)
            passed_over.append(error)
        else:
            store.make_current(sequence)
            return manifest.head, passed_over
    if plan.base.sequence == 0:
        store.begin_empty(write_image)
        return plan.base, passed_over
    raise passed_over[0] if passed_over else _leads_nowhere(depot, plan.target, "a whole snapshot", "none")


def _copy_chain(depot: Depot, plan: _Plan, snapshot: Head, chain: Chain, trust: Trust) -> tuple[Head, Trust]:
    """Copy the deltas, each checked; the last one, and the keys trusted after it."""
    head = plan.base
    _check_snapshot(depot, snapshot, head)
    for sequence in range(plan.base.sequence + 1, plan.target + 1):
        where = depot.where(delta_name(sequence))
        sealed = depot.delta(sequence)
        check_signature(sealed, trust, where)
        head.check(sealed, where)
        head = Head.of(sealed)
        _check_snapshot(depot, snapshot, head)
        if sequence > snapshot.sequence:
            following = sealed.open(where)
            trust = trust.after(following)
            if imported.announced(following):
                wanted = f"the snapshot of sequence {sequence}, when a table was imported"
                raise _leads_nowhere(depot, plan.target, wanted, f"one of sequence {snapshot.sequence}")
        copy([sealed.content], chain.file(sequence))
    return head, trust


def _check_snapshot(depot: Depot, snapshot: Head, head: Head) -> None:
    if snapshot.sequence == head.sequence and snapshot != head:
        raise DamagedBackupError(
            "the snapshot and the chain contradict each other",
            where=depot.where(snapshot_name(snapshot.sequence)),
            expected=f"digest {head.digest}",
            got=snapshot.digest,
        )


def _copy_private_keys(depot: Depot, ring: KeyRing) -> None:
    for name in depot.location.sizes(KEYS):
        if match := _PRIVATE_KEY.fullmatch(name):
            files.write_new(ring.file(match[1]), read_whole(depot.location, f"{KEYS}/{name}"), mode=0o600)


def _copy_history(depot: Depot, path: Path, target: int) -> None:
    """Copy what was folded up to `target`."""
    for name in depot.location.directories(HISTORY):
        match = _STRETCH.fullmatch(name)
        if match is None or int(match[1]) > target:
            continue
        manifest = f"{HISTORY}/{name}/{past.MANIFEST_FILE}"
        try:
            raw = read_whole(depot.location, manifest)
        except FileNotFoundError:
            continue  # it was not whole when the copying ended
        files.make_directory(path / name)
        for file, blocks in depot.sealed(f"{HISTORY}/{name}", past.parse_seals(raw, depot.where(manifest))):
            copy(blocks, path / name / file)
        copy([raw], path / name / past.MANIFEST_FILE)


def _fetch_companions(
    depot: Depot, path: Path, target: int, wanted: Collection[str]
) -> tuple[Copy | None, tuple[str, ...]]:
    """Bring the companions `wanted`, of the newest copy that tells of nothing after `target`; the copy, and which."""
    usable = [found for found in companions.copies(depot) if found.sequence <= target] if wanted else []
    if not usable:
        return None, ()
    return usable[-1], tuple(companions.fetch(depot, usable[-1], wanted, path))


def _leads_nowhere(depot: Depot, target: int, expected: str, got: str) -> BackupError:
    return BackupError(
        f"the backup does not lead to sequence {target}",
        where=depot.location.name,
        expected=expected,
        got=got,
        fix="portdip backup verify shows what it leads to.",
    )
