"""A store: the chain of one dataset, snapshots of it, and which of them is live.

    STORE/deltas/                the chain (`portdip.exchange.chain`)
    STORE/snapshots/<sequence>/  one snapshot each, 20 digits
    STORE/CURRENT                the name of the live snapshot's directory
    STORE/HELD                   the sequence beyond which nothing is answered from, after a rollback
    STORE/history/               what was folded into snapshots (`portdip.table.past`)
    STORE/waiting/, quarantine/  deltas that wait for an earlier one; those refused (`portdip.exchange.intake`)
    STORE/keys/                  trusted.json, and the private keys of a publisher
    STORE/scratch/, fetching/    a snapshot being made, or fetched; removed when that ends, or by the next one
    STORE/lock                   held by who appends to the chain, and names it
    STORE/snapshots.lock         held by who makes a snapshot

What the store says is the live snapshot and every delta after it, up to `held`. A delta is in it once its file has
its name, a snapshot once CURRENT has its name; both are synced before. So whatever happens, the store is as it was
or as it should be. Any number of processes may read while one appends and another makes a snapshot.
"""

from __future__ import annotations

import contextlib
import copy
import functools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

import pyarrow as pa

from portdip import files
from portdip.errors import DamagedSnapshotError, StoreError
from portdip.exchange.chain import Chain, Head
from portdip.exchange.delta import Delta
from portdip.exchange.intake import Intake
from portdip.exchange.keys import TrustFile
from portdip.exchange.publish import Writer
from portdip.table import facts, imported, making, merge
from portdip.table.catalogue import Catalogue
from portdip.table.draft import Draft
from portdip.table.outstanding import Outstanding
from portdip.table.past import Past
from portdip.table.snapshot import Snapshot

_CURRENT = "CURRENT"
_HELD = "HELD"
_NAME_DIGITS = 20
#: Snapshots kept when a new one is made, besides it.
_KEPT = 2
#: Who holds the lock but for an import is soon done.
_PATIENCE_S = 5

WriteImage = Callable[[Draft], None]


@dataclass(slots=True)
class _Read:
    """How far the chain after the snapshot at `base` has been read: up to `head`."""

    base: Head
    outstanding: Outstanding
    head: Head


class Store:
    """The store in the directory `path`. Holds no file open; safe to share between threads."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.lock = path / "lock"
        self.keys = path / "keys"
        self.waiting = path / "waiting"
        self.quarantine = path / "quarantine"
        self.following = path / "following.json"
        self.fetching = path / "fetching"
        self.trust = TrustFile(self.keys / "trusted.json")
        self.past = Past(path / "history")
        self.snapshots_lock = path / "snapshots.lock"
        self._read: _Read | None = None

    @classmethod
    def init(cls, path: Path | str, dataset: str, write_image: WriteImage) -> Self:
        """Make a store at `path` whose snapshot 0 is empty; `portdip.lookup.load.init_store` gives
        `write_image`.

        Raises StoreError if something is at `path` already, other than an empty directory.
        """
        with cls.founding(path, Head.beginning(dataset)) as store:
            store.begin_empty(write_image)
        return cls(Path(path).absolute())

    def begin_empty(self, write_image: WriteImage) -> None:
        """Give a store that is being founded before delta 1 its snapshot 0, which is empty."""
        making.begin_empty(self, write_image)

    @classmethod
    @contextlib.contextmanager
    def founding(cls, path: Path | str, base: Head) -> Iterator[Self]:
        """A new store in a scratch directory, its chain beginning at `base`, for the block to give it a snapshot.

        It appears under `path` when the block ends without an error. Raises StoreError if something is there.
        """
        path = Path(path).absolute()
        if path.exists() and (not path.is_dir() or files.names(path)):
            raise StoreError("there is something at this path already", where=str(path), fix="Choose another path.")
        with files.new_directory(path) as scratch:
            Chain.create(scratch / "deltas", base)
            for name in ("snapshots", "keys", "history"):
                files.make_directory(scratch / name)
            yield cls(scratch)

    @classmethod
    def open(cls, path: Path | str) -> Self:
        """The store at `path`; StoreError if there is none."""
        store = cls(Path(path))
        if not (store.path / _CURRENT).is_file():
            raise StoreError(
                "not a store",
                where=str(path),
                expected=f"a directory with {_CURRENT} in it",
                fix=f"Make one with: portdip init {path} --dataset NAME",
            )
        return store

    @property
    def dataset(self) -> str:
        """The name that the store was made with."""
        return self.chain.base.dataset

    @property
    def chain(self) -> Chain:
        """The deltas."""
        return Chain(self.path / "deltas")

    def current(self) -> Snapshot:
        """The live snapshot; DamagedSnapshotError if CURRENT or the manifest it leads to cannot be read."""
        current = self.path / _CURRENT
        try:
            name = files.read_bytes(current).decode("ascii").strip()
        except (OSError, ValueError) as error:
            if isinstance(error, OSError) and not files.is_loss(error):
                raise
            raise DamagedSnapshotError("CURRENT cannot be read", where=str(current), got=str(error)) from error
        if not (name.isdigit() and len(name) == _NAME_DIGITS):
            raise DamagedSnapshotError(
                "CURRENT names no snapshot",
                where=str(current),
                expected=f"{_NAME_DIGITS} digits",
                got=repr(name[:40]),
            )
        return self.snapshot(int(name))

    def snapshot(self, sequence: int) -> Snapshot:
        """The snapshot of this sequence; DamagedSnapshotError if it is not there or is another."""
        snapshot = Snapshot(self.snapshot_path(sequence))
        if snapshot.manifest.sequence != sequence:
            raise DamagedSnapshotError(
                "a snapshot is in the wrong place",
                where=str(snapshot.path),
                got=f"sequence {snapshot.manifest.sequence}",
            )
        return snapshot

    def snapshots(self) -> list[int]:
        """The sequences of the snapshots that are there, in order."""
        names = files.names(self.path / "snapshots")
        return sorted(int(name) for name in names if name.isdigit() and len(name) == _NAME_DIGITS)

    def newest(self) -> Snapshot:
        """The newest snapshot that the chain leads to: the live one, unless the store is held."""
        if self.held is None:
            return self.current()
        chain = self.chain
        fitting = (self.snapshot(sequence) for sequence in reversed(self.snapshots()) if self._fits(sequence, chain))
        return next(fitting, None) or self.current()

    def _fits(self, sequence: int, chain: Chain) -> bool:
        """Whether the snapshot of this sequence holds what the chain holds so far: a crash may leave one that does not.

        One of an import that never came to its end; its sequence the chain has given to another delta since.
        """
        try:
            head = self.snapshot(sequence).manifest.head
        except DamagedSnapshotError:
            return False
        return head == (Head.of(chain.read(sequence)) if chain.has(sequence) else chain.base)

    def snapshot_path(self, sequence: int) -> Path:
        """Where the snapshot of this sequence is, or will be."""
        return self.path / "snapshots" / f"{sequence:0{_NAME_DIGITS}d}"

    @property
    def turning_points(self) -> list[Path]:
        """The files that are replaced when another snapshot goes live, and when the store is held or resumed."""
        return [self.path / _CURRENT, self.path / _HELD]

    @property
    def held(self) -> int | None:
        """The sequence beyond which nothing is answered from, None if there is no such limit."""
        path = self.path / _HELD
        try:
            return int(files.read_bytes(path))
        except FileNotFoundError:
            return None
        except ValueError as error:
            raise DamagedSnapshotError("HELD cannot be read", where=str(path), got=str(error)) from error

    def leading_to(self, sequence: int, moment: datetime | None = None) -> int:
        """The newest snapshot, of `moment` or before (None: whenever), from which the chain leads to `sequence`.

        Raises StoreError if none that is kept does.
        """
        chain = self.chain
        usable = [kept for kept in self.snapshots() if kept <= sequence and self._fits(kept, chain)]
        if moment is not None:
            usable = [kept for kept in usable if self.snapshot(kept).manifest.as_of <= moment]
        if not usable or sequence > chain.head.sequence or imported.any_between(usable[-1], sequence, chain):
            at = "" if moment is None else f" as of {moment.isoformat()}"
            raise StoreError(
                "no snapshot that is kept leads to that sequence",
                where=str(self.path),
                expected=f"a sequence up to {chain.head.sequence} that follows one of {self.snapshots()}",
                got=f"{sequence}{at}",
            )
        return usable[-1]

    def hold(self, sequence: int) -> None:
        """Answer from the table as it was at `sequence`, whatever the chain brings, until `resume`.

        Raises StoreError if no snapshot leads there.
        """
        with files.locked(self.lock, patience=_PATIENCE_S):
            newest = self.leading_to(sequence)
            # At no time does CURRENT lead beyond HELD, be there a crash in between.
            back = newest < self.current().manifest.sequence
            if back:
                self.make_current(newest)
            files.write(self.path / _HELD, f"{sequence}\n".encode())
            if not back:
                self.make_current(newest)

    def resume(self) -> None:
        """End `hold`: answer from all of the chain again. Nothing happens where the store is not held."""
        with files.locked(self.lock, patience=_PATIENCE_S):
            if self.held is not None:
                newest = self.newest().manifest.sequence
                files.remove(self.path / _HELD)
                self.make_current(newest)

    def writer(self) -> Writer:
        """The one writer of the chain, to be used in a `with` block."""
        self._repair()
        return Writer(self.chain, self.trust, self.keys, self.lock, self.room)

    def intake(self, admit: Callable[[Delta], None] | None = None) -> Intake:
        """The door for deltas from elsewhere; `admit` may refuse one for reasons of this store's own.

        A delta that announces an imported table waits for its snapshot: see `portdip.table.imported`.
        """
        self._repair()
        room = self.room()

        def all_of(following: Delta) -> None:
            nonlocal room
            for rows in following.rows.to_batches():
                room(rows)
            if admit:
                admit(following)
            imported.admit(self, following)
            if imported.announced(following):
                room = self.room()

        return Intake(self.chain, self.trust, self.lock, self.waiting, self.quarantine, all_of)

    def room(self) -> Callable[[pa.RecordBatch], None]:
        """What raises RoutesFullError when changes, shown in the order of the chain, need more codes than there are."""
        base = functools.cache(self.newest)
        as_in_base = functools.cache(lambda: Outstanding(base()).catalogue)

        so_far = functools.cache(lambda: self._routes_at_head(base()))

        def admit(rows: pa.RecordBatch) -> None:
            changes, known = pa.Table.from_batches([rows]), as_in_base()
            # Most changes name routes that the snapshot has: no need to read what came since.
            edition = known.edition
            facts.read(changes, 1, known)
            if known.edition != edition:
                facts.read(changes, 1, so_far())

        return admit

    def _routes_at_head(self, base: Snapshot) -> Catalogue:
        """The routes of `base` and of the chain since, to be added to. For the holder of the store's lock.

        What was read stays: a writer for each delta would read the whole chain each time.
        """
        if self._read is None or self._read.base != base.manifest.head:
            self._read = _Read(base.manifest.head, Outstanding(base), base.manifest.head)
        for following in self.chain.after(self._read.head):
            self._read.outstanding.take(following)
            self._read.head = Head.of(following)
        return copy.deepcopy(self._read.outstanding.catalogue)  # what is added may never be published

    def draft(
        self, on_repeat: merge.OnRepeat, moment: datetime | None = None
    ) -> contextlib.AbstractContextManager[Draft]:
        """The next state of the chain, as of `moment` (None: now), for the rows of an import to be added in a block.

        When the block ends without an error it is live: a snapshot, and the delta that speaks of it. Otherwise the
        store stays as it was. A change accepted for later stays so, whatever the import says of its number. Raises
        StoreLockedError while another process writes, KeyFileError where the dataset is signed and no key is here to
        sign the delta, StoreError where a change of many numbers is to take effect later.
        """
        self._repair()
        return making.import_rows(self, on_repeat, moment or datetime.now(UTC))

    def fold(self, moment: datetime | None = None) -> contextlib.AbstractContextManager[Draft | None]:
        """The chain so far, as of `moment` (None: now), as a snapshot, or None if there is nothing to fold.

        It is live when the block ends well. A change of many numbers that takes effect later stops it: what follows
        stays in the chain until then. The chain may be appended to meanwhile. Raises StoreLockedError while another
        snapshot is being made.
        """
        self._repair()
        return making.fold_chain(self, moment or datetime.now(UTC))

    def remove_snapshots(self, keep: int) -> list[int]:
        """Remove all snapshots but the live one and the `keep` newest others; which they were."""
        live = self.current().manifest.sequence
        removed = [sequence for sequence in self.snapshots() if sequence != live][: -keep or None]
        for sequence in removed:
            files.remove_directory(self.snapshot_path(sequence))
        return removed

    def remove_old_snapshots(self) -> None:
        """Remove what is no longer kept. Where that fails the new snapshot is live all the same; the next does it."""
        with contextlib.suppress(OSError, DamagedSnapshotError):
            self.remove_snapshots(_KEPT)

    def make_current(self, sequence: int) -> None:
        """Make the snapshot of this sequence the live one. For the holder of the lock."""
        files.write(self.path / _CURRENT, f"{sequence:0{_NAME_DIGITS}d}\n".encode())

    def _repair(self) -> None:
        """Make an imported snapshot live whose import was cut off after its delta was in the chain."""
        if self.held is None and self.snapshots()[-1] > self.current().manifest.sequence:
            with files.locked(self.lock, patience=_PATIENCE_S):
                chain, newest = self.chain, self.snapshots()[-1]
                imported_last = chain.has(newest) and imported.announced(chain.read(newest)) is not None
                if imported_last and self._fits(newest, chain) and newest > self.current().manifest.sequence:
                    self.make_current(newest)
