"""Backup: a store copied to another place as it grows, so that any state of it can be had again.

The copy is laid out as the store is (`portdip.table.depot`), so it can be followed as well as restored from:

    deltas/BASE, deltas/*        the chain, each delta as it lands
    snapshots/<sequence>/        each that an import made, before its delta, which does not say what is in it; and the
                                 newest now and then
    history/<first>-<last>/      what was folded into snapshots
    companions/<sequence>-<time>/  files beside the table, when whoever owns them has copied them
    keys/trusted.json            and the private keys where that is asked for

Each file is read back when it is written, and compared. What is there already stays and is not copied again, so that a
copy that was cut off goes on where it was. Nothing is ever removed: what the store forgets, the backup keeps.
"""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

from portdip import files
from portdip.errors import BackupError, DamagedBackupError, DamagedDeltaError, DamagedSnapshotError, TornDeltaError
from portdip.exchange.chain import BASE_FILE, Head
from portdip.exchange.delta import open_sealed
from portdip.exchange.key_ring import KeyRing
from portdip.exchange.location import Location, read_whole
from portdip.table import companions, imported, past, schema
from portdip.table.depot import COMPANIONS, DELTAS, HISTORY, KEYS, TRUST_FILE, Depot, delta_name, snapshot_name
from portdip.table.manifest import BLOCK_BYTES, Manifest, Seal
from portdip.table.store import Store

_TRIES = 3


class Backup:
    """The copy of `store` at `location`. For one thread.

    A snapshot that no import made is copied when it is `every` newer than the last one copied. `private_keys` says
    whether those are copied too: to a place that is encrypted.

    Opening raises BackupError where something else is there, BackupKeyError where it is encrypted with another key. All
    methods raise OSError and LocationError where the place cannot be reached, DeltaError or DamagedSnapshotError where
    the store itself is damaged, and DamagedBackupError where what is written does not come back.
    """

    def __init__(self, store: Store, location: Location, every: timedelta, private_keys: bool) -> None:
        self._store = store
        self._chain = store.chain
        self._location = location
        self._depot = Depot(location)
        self._every = every
        self._private_keys = private_keys
        self._is_import: dict[int, bool] = {}
        self._judged: dict[int, bool] = {}
        self._whole: set[str] = set()
        self._kept: dict[str, bytes] = {}
        self._there = self._depot.deltas()
        #: Up to here what is there has been found to be the chain's.
        self._common = self._check_history()
        self._put_base()
        known = self._chain.sequences()
        self._missing = deque(self._lacking(known))
        self._next = max([self._chain.base.sequence, *known]) + 1

    @property
    def sequence(self) -> int:
        """How far the chain has been copied."""
        return (self._missing[0] if self._missing else self._next) - 1

    def copy_deltas(self) -> Iterator[int]:
        """Copy every delta that is not there yet; yields the sequence of each when it is."""
        while self._missing:
            is_new = self._copy_delta(self._missing[0])
            sequence = self._missing.popleft()
            if is_new:
                yield sequence
        while self._chain.has(self._next):
            is_new = self._copy_delta(self._next)
            self._next += 1
            if is_new:
                yield self._next - 1

    def copy_others(self) -> Iterator[str]:
        """Copy keys, history and snapshots that are due and not there yet; yields the name of each when it is."""
        yield from self._copy_keys()
        stretches = [(f"{HISTORY}/{path.name}", path) for path in self._store.past.stretches()]
        snapshots = [(snapshot_name(sequence), self._store.snapshot_path(sequence)) for sequence in self._due()]
        for name, path in [*stretches, *snapshots]:
            if name in self._whole:
                continue
            try:
                if self._copy_directory(name, path):
                    yield name
            except (FileNotFoundError, DamagedSnapshotError):
                if path.exists():  # otherwise the store has removed it meanwhile
                    raise
            self._whole.add(name)

    def copy_companions(self, directory: Path) -> Iterator[str]:
        """Copy the files in `directory`, a scratch one that has copies of one moment; yields the name of what is new.

        Call it before `copy_deltas`: the chain in the backup must not end before what the files tell of. A copy that
        says what the newest one there says is not made.
        """
        raw = companions.seal(directory)
        there = companions.copies(self._depot)
        if there and self._read(f"{there[-1].name}/{schema.MANIFEST_FILE}") == raw:
            return
        made = companions.Copy.made(self._store.chain.head.sequence)
        self._copy_directory(made.name, directory)
        yield made.name

    def _check_history(self) -> int:
        """The newest sequence of which both have the same delta, -1 for none; BackupError where they contradict."""
        ours, theirs = self._chain.base, self._depot.whole_base()
        if theirs is not None:
            self._compare(theirs)
        for sequence in reversed(self._there):
            if (self._chain.has(sequence) or sequence == ours.sequence) and self._has_delta(sequence):
                return sequence
        return -1

    def _compare(self, theirs: Head) -> None:
        """BackupError where our chain says something else than `theirs` of the same sequence."""
        ours = self._chain.base
        if self._chain.has(theirs.sequence):
            ours = Head.of(self._chain.read(theirs.sequence))
        if theirs.dataset != ours.dataset or (theirs.sequence == ours.sequence and theirs.digest != ours.digest):
            raise BackupError(
                "the backup is of another history",
                where=self._location.name,
                expected=f"dataset {ours.dataset}, at sequence {ours.sequence} digest {ours.digest}",
                got=f"dataset {theirs.dataset}, at sequence {theirs.sequence} digest {theirs.digest}",
                fix="Choose another place for the backup of this store.",
            )

    def _put_base(self) -> None:
        """Say where the chain begins."""
        ours = self._chain.base
        name = f"{DELTAS}/{BASE_FILE}"
        theirs = self._depot.whole_base() if self._read(name) else None
        if theirs is None or ours.sequence < theirs.sequence:
            self._put(name, ours.render())

    def _lacking(self, known: list[int]) -> Iterator[int]:
        """Those of the store's deltas that are not there, or not as they should be as far as sizes tell."""
        for sequence in known:
            with contextlib.suppress(FileNotFoundError):
                size = self._location.size_of(self._chain.file(sequence).stat().st_size)
                if sequence > self._common or self._there.get(sequence) != size:
                    yield sequence

    def _has_delta(self, sequence: int) -> bool:
        """Whether the delta of this sequence is there and whole; BackupError if it is another."""
        try:
            theirs = self._depot.delta(sequence)
        except (FileNotFoundError, TornDeltaError, DamagedDeltaError, DamagedBackupError):
            return False
        self._compare(Head.of(theirs))
        return not self._chain.has(sequence) or theirs.content == self._chain.read(sequence).content

    def _copy_delta(self, sequence: int) -> bool:
        """Copy one delta, and first the snapshot that it announces; False where it is there, or the store forgot it."""
        path = self._chain.file(sequence)
        try:
            content = files.read_bytes(path)
        except FileNotFoundError:
            if self._chain.base.sequence >= sequence:
                return False
            raise
        sealed = open_sealed(content, str(path))
        if sequence in self._there and self._has_delta(sequence):
            return False
        if sealed.header.rows == 1 and imported.announced(sealed.open(str(path))):
            with contextlib.suppress(FileNotFoundError, DamagedSnapshotError):  # `copy_others` tells of it
                self._copy_directory(snapshot_name(sequence), self._store.snapshot_path(sequence))
        self._put(delta_name(sequence), content)
        return True

    def _copy_keys(self) -> Iterator[str]:
        ring = KeyRing(self._store.keys)
        wanted = {TRUST_FILE: self._store.trust.path}
        if self._private_keys:
            wanted |= {f"{KEYS}/{path.name}": path for path in map(ring.file, ring.ids())}
        for name, path in wanted.items():
            if not path.exists() or (content := files.read_bytes(path)) == self._kept.get(name):
                continue
            if content != self._read(name):
                self._put(name, content)
                yield name
            self._kept[name] = content

    def _due(self) -> list[int]:
        """The snapshots to be copied that the store has, the oldest first; some may be there already."""
        there = self._store.snapshots()
        due = [sequence for sequence in there if self._is_needed(sequence)]
        if there[-1] not in due and self._is_time(there[-1]):
            due.append(there[-1])
        return due

    def _is_needed(self, sequence: int) -> bool:
        """Whether no other snapshot and deltas lead to the state of this one."""
        if sequence not in self._is_import:
            found = self._chain.has(sequence) and imported.announced(self._chain.read(sequence)) is not None
            self._is_import[sequence] = found
        return self._is_import[sequence] or sequence == self._chain.base.sequence

    def _is_time(self, newest: int) -> bool:
        """Whether the newest snapshot is so much newer than what is there that it is to be copied."""
        if newest not in self._judged:
            created = self._store.snapshot(newest).manifest.created
            last = self._last_copied(newest)
            self._judged[newest] = last is None or created >= last + self._every
        return self._judged[newest]

    def _last_copied(self, newest: int) -> datetime | None:
        for sequence in reversed([sequence for sequence in self._depot.snapshots() if sequence < newest]):
            with contextlib.suppress(FileNotFoundError, DamagedSnapshotError, DamagedBackupError):
                return self._depot.manifest(sequence).created
        return None

    def _copy_directory(self, name: str, path: Path) -> bool:
        """Copy a snapshot, a stretch of history or companions, the manifest last: it is whole once that is there.

        False where it is there already.
        """
        manifest = f"{name}/{schema.MANIFEST_FILE}"
        if self._read(manifest):
            return False
        raw = files.read_bytes(path / schema.MANIFEST_FILE)
        where = str(path / schema.MANIFEST_FILE)
        seals = _seals(name, raw, where)
        sizes = self._location.sizes(name)
        for file, seal in seals.items():
            is_there = sizes.get(file) == self._location.size_of(seal.bytes)
            if not is_there or not self._is_good(f"{name}/{file}", seal):
                self._put_file(f"{name}/{file}", path / file, seal)
        self._put(manifest, raw)
        return True

    def _put_file(self, name: str, path: Path, seal: Seal) -> None:
        for _ in range(_TRIES):
            self._location.put(name, seal.checked(files.read_blocks(path, BLOCK_BYTES), str(path)))
            if self._is_good(name, seal):
                return
        raise self._not_kept(name)

    def _is_good(self, name: str, seal: Seal) -> bool:
        try:
            for _ in seal.checked(self._location.blocks(name), self._depot.where(name)):
                pass
        except (FileNotFoundError, DamagedSnapshotError, DamagedBackupError):
            return False
        return True

    def _put(self, name: str, content: bytes) -> None:
        for _ in range(_TRIES):
            self._location.put(name, [content])
            if self._read(name) == content:
                return
        self._location.put(name, [])  # nothing is in it, so that the next backup tries again
        raise self._not_kept(name)

    def _read(self, name: str) -> bytes | None:
        """What is there under a name; None where nothing is, or nothing that can be read."""
        try:
            return read_whole(self._location, name)
        except (FileNotFoundError, DamagedBackupError):
            return None

    def _not_kept(self, name: str) -> DamagedBackupError:
        return DamagedBackupError("what was written does not come back", where=self._depot.where(name))


def _seals(name: str, raw: bytes, where: str) -> dict[str, Seal]:
    """The seals in the manifest of the directory `name`, by file."""
    if name.startswith(HISTORY):
        return past.parse_seals(raw, where)
    return companions.parse_seals(raw, where) if name.startswith(COMPANIONS) else Manifest.parse(raw, where).files
