"""How a node comes by snapshots that others made: when it begins, and when a delta announces an imported table.

A snapshot is taken from the depot that the node follows, and believed for three reasons: its files are what its
manifest seals; the manifest is signed by a key that the node trusts, where it trusts any; and it fits the chain, which
is signed as well. Nothing that is older than what the node has, or contradicts it, ever takes its place: snapshots are
fetched only for what comes after the chain's head.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from portdip import files
from portdip.errors import (
    DamagedDeltaError,
    DamagedSnapshotError,
    DeltaError,
    ForeignDeltaError,
    KeyFileError,
    PortdipError,
    SnapshotAwaitedError,
    StoreError,
    TornDeltaError,
    UntrustedDeltaError,
    UntrustedSnapshotError,
)
from portdip.exchange.chain import Head
from portdip.exchange.delta import Sealed
from portdip.exchange.keys import Trust
from portdip.exchange.location import Location
from portdip.exchange.waiting import AHEAD_MAX, WaitingRoom
from portdip.table.depot import Depot, delta_name, snapshot_name
from portdip.table.manifest import Manifest
from portdip.table.store import Store, WriteImage

#: Seconds before a place is asked again for a snapshot that it did not have.
_AGAIN_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Founded:
    """A store that was founded: its first sequence, and the ids of keys that it trusts on the source's word alone."""

    store: Store
    sequence: int
    unproven: list[str]


def found(path: Path, location: Location, anchors: Trust, write_image: WriteImage) -> Founded | None:
    """Found a store at `path` from what is at `location`; None where nothing is there yet.

    It begins with the newest snapshot that can be believed, and where there is none but the chain goes back to the
    beginning, with an empty one (`portdip.lookup.load.write_image`). With `anchors`, keys that are known to be good, a
    snapshot must be signed by one of them, and so must a delta near the beginning of the chain; without, the keys that
    the snapshot names are trusted. Raises StoreError saying what is wrong with each snapshot, or if something is at
    `path`; LocationError or OSError where the place cannot be reached.
    """
    depot = Depot(location)
    base = depot.base()
    refused: list[PortdipError | OSError] = []
    for sequence in reversed(depot.snapshots()):
        if sequence == 0:
            continue  # it is empty; one of our own will do
        try:
            manifest = _believed(depot, sequence, anchors, base)
            return _found_with(path, depot, manifest, anchors)
        except (DamagedSnapshotError, UntrustedSnapshotError, DeltaError, KeyFileError, FileNotFoundError) as error:
            refused.append(error)
    if base is not None and base.sequence == 0:
        try:
            return _found_empty(path, depot, base, anchors, write_image)
        except (DeltaError, FileNotFoundError) as error:
            refused.append(error)
    if base is None and not refused:
        return None
    raise StoreError(
        "no snapshot there can begin a store",
        where=location.name,
        expected="a snapshot signed by a trusted key" if anchors.signed else "a whole snapshot",
        got="; ".join(str(error) for error in refused[:3]) or "none",
        fix="Name another key with --key, or another source.",
    )


def check_source(store: Store, location: Location) -> None:
    """Raise ForeignDeltaError if what is at `location` is of another dataset, or another history of this one.

    What cannot be told is no error: every delta is held against the chain before it is taken.
    """
    depot, head = Depot(location), store.chain.head
    try:
        theirs = _same_or_older(depot, head)
    except (DamagedDeltaError, TornDeltaError, FileNotFoundError):
        return
    if theirs is None:
        return
    chain = store.chain
    ours = Head.of(chain.read(theirs.sequence)) if chain.has(theirs.sequence) else chain.base
    if theirs.dataset != head.dataset or (ours.sequence == theirs.sequence and ours.digest != theirs.digest):
        raise ForeignDeltaError(
            "the source has another history",
            where=location.name,
            expected=f"dataset {head.dataset}, at sequence {ours.sequence} digest {ours.digest}",
            got=f"dataset {theirs.dataset}, at sequence {theirs.sequence} digest {theirs.digest}",
            fix="Follow the source that the store was founded from, or found another store.",
        )


class Supplier:
    """Fetches, from `location`, the snapshots that a node's next deltas announce. For one thread.

    `clock` gives seconds that never go back.
    """

    def __init__(self, store: Store, location: Location, clock: Callable[[], float] = time.monotonic) -> None:
        self._store = store
        self._depot = Depot(location)
        self._clock = clock
        self._last: SnapshotAwaitedError | None = None
        self._again_from = 0.0

    def __call__(self, awaited: SnapshotAwaitedError) -> None:
        """Put the snapshot into the store; where that one is gone, a later one that the chain leads to.

        Raises SnapshotAwaitedError, saying why, where it cannot be had yet, and OSError of our own disk.
        """
        if self._last is not None and self._last.digest == awaited.digest and self._clock() < self._again_from:
            raise self._last
        try:
            self._fetch(awaited)
        except (PortdipError, FileNotFoundError) as error:
            self._last = SnapshotAwaitedError(
                awaited.sequence, awaited.digest, awaited.chain, where=self._depot.location.name, got=str(error)
            )
            self._again_from = self._clock() + _AGAIN_SECONDS
            raise self._last from error

    def _fetch(self, awaited: SnapshotAwaitedError) -> None:
        there = [sequence for sequence in self._depot.snapshots() if sequence >= awaited.sequence]
        if not there:
            raise StoreError("no such snapshot is there yet")
        if there[0] == awaited.sequence:
            manifest = self._depot.manifest(awaited.sequence)
            where = self._depot.where(snapshot_name(awaited.sequence))
            manifest.check_signer(self._store.trust.read(), where)
            if (manifest.digest, manifest.chain) != (awaited.digest, awaited.chain):
                raise UntrustedSnapshotError(
                    "the snapshot is not the one announced", where=where, expected=awaited.digest, got=manifest.digest
                )
        else:
            manifest = self._led_to(there[-1])
        _fetch(self._store, self._depot, manifest)

    def _led_to(self, sequence: int) -> Manifest:
        """What a later snapshot says of itself, once the deltas there have been found to lead from our head to it."""
        manifest = self._depot.manifest(sequence)
        head, trust = self._store.chain.head, self._store.trust.read()
        while head.sequence < sequence:
            where = self._depot.where(f"sequence {head.sequence + 1}")
            following = self._depot.delta(head.sequence + 1)
            trust.check(following, where)
            head.check(following, where)
            trust = trust.after(following.open(where))
            head = Head.of(following)
        where = self._depot.where(snapshot_name(sequence))
        manifest.check_signer(trust, where)
        _check_place(manifest, head, where)
        return manifest


def _same_or_older(depot: Depot, head: Head) -> Head | None:
    """The newest delta there that is not newer than `head`, or what the first continues; None where nothing is."""
    with contextlib.suppress(FileNotFoundError):
        return Head.of(depot.delta(head.sequence))
    older = [sequence for sequence in depot.deltas() if sequence < head.sequence]
    return Head.of(depot.delta(older[-1])) if older else depot.base()


def _believed(depot: Depot, sequence: int, anchors: Trust, base: Head | None) -> Manifest:
    """The manifest of a snapshot there that is signed as it should be and stands where the chain there says."""
    manifest = depot.manifest(sequence)
    where = depot.where(snapshot_name(sequence))
    manifest.check_signer(anchors, where)
    if base is not None and base.sequence == sequence:
        _check_place(manifest, base, where)
    else:
        try:
            _check_place(manifest, Head.of(depot.delta(sequence)), where)
        except FileNotFoundError:
            if base is not None and base.dataset != manifest.dataset:
                raise UntrustedSnapshotError("the snapshot is of another dataset", where=where) from None
    return manifest


def _check_place(manifest: Manifest, head: Head, where: str) -> None:
    if manifest.head != head:
        raise UntrustedSnapshotError(
            "the snapshot and the chain beside it contradict each other",
            where=where,
            expected=f"dataset {head.dataset}, sequence {head.sequence}, digest {head.digest}",
            got=f"dataset {manifest.dataset}, sequence {manifest.sequence}, digest {manifest.chain}",
        )


def _found_with(path: Path, depot: Depot, manifest: Manifest, anchors: Trust) -> Founded:
    trust = Trust.of_json(manifest.keys)
    unproven = [] if anchors.signed else list(trust.keys)
    for key in anchors.keys.values():
        trust = trust.with_key(key)
    with Store.founding(path, manifest.head) as store:
        _fetch(store, depot, manifest)
        store.trust.write(trust)
        store.make_current(manifest.sequence)
    return Founded(Store(path), manifest.sequence, unproven)


def _found_empty(path: Path, depot: Depot, base: Head, anchors: Trust, write_image: WriteImage) -> Founded:
    """Found a store before delta 1. What the anchors vouch for waits in it, so that nothing else can come instead."""
    vouched = _vouched(depot, base, anchors) if anchors.signed else []
    since = len(vouched) - 1
    with Store.founding(path, base) as store:
        store.begin_empty(write_image)
        store.trust.write(Trust({key.id: replace(key, since=since) for key in anchors.keys.values()}))
        for delta in vouched:
            WaitingRoom(store.waiting).put(delta.sequence, delta.content, base.sequence)
    return Founded(Store(path), base.sequence, [])


def _vouched(depot: Depot, base: Head, anchors: Trust) -> list[Sealed]:
    """The deltas up to the first that one of the anchors has signed.

    Those before need no signature: each delta names the digest of the one before it, so who signs one has signed all.
    """
    head, found = base, list[Sealed]()
    while len(found) < AHEAD_MAX:
        where = depot.where(delta_name(head.sequence + 1))
        following = depot.delta(head.sequence + 1)
        head.check(following, where)
        head = Head.of(following)
        found.append(following)
        key = anchors.keys.get(following.header.signer)
        if key is not None and key.has_signed(following.signed_message, following.signature):
            return found
    raise UntrustedDeltaError(
        "no delta at the beginning of the chain is signed by a trusted key",
        where=depot.location.name,
        expected=f"one of {', '.join(anchors.keys)}",
    )


def _fetch(store: Store, depot: Depot, manifest: Manifest) -> None:
    """Put a snapshot among those of the store, whole. Raises DamagedSnapshotError."""
    with files.scratch_directory(store.fetching) as scratch:
        made = scratch / "snapshot"
        files.make_directory(made)
        depot.fetch_snapshot(manifest, made)
        target = store.snapshot_path(manifest.sequence)
        files.remove_directory(target)
        files.move_directory(made, target)
