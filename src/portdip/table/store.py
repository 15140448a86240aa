"""A store: the snapshots of one dataset in order, and the one that is live.

    STORE/CURRENT                the name of the live snapshot's directory
    STORE/snapshots/<sequence>/  one snapshot each, 20 digits
    STORE/scratch/               the draft of an import; removed when it ends, or by the next one
    STORE/lock                   held by the one writer, and names it

The live snapshot and the one before it are kept, so that a reader that has just read CURRENT still finds what
it names; older ones are removed when a new one goes live.

A snapshot is complete and synced before CURRENT names it, so whatever happens to an import, the store is as
it was or as it should be. Any number of processes may read while one writes.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Self

from portdip import files
from portdip.errors import DamagedSnapshotError, StoreError
from portdip.table import merge
from portdip.table.draft import Draft
from portdip.table.snapshot import Snapshot

_CURRENT = "CURRENT"
_SNAPSHOTS = "snapshots"
_SCRATCH = "scratch"
_LOCK = "lock"
_NAME_DIGITS = 20


class Store:
    """The store in the directory `path`. Holds no file open and no state; safe to share between threads."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def init(cls, path: Path | str, dataset: str, write_image: Callable[[Draft], None]) -> Self:
        """Make a store at `path` whose snapshot 0 is empty; `portdip.lookup.load.init_store` gives
        `write_image`.

        Raises StoreError if something is at `path` already, other than an empty directory.
        """
        path = Path(path).absolute()
        if path.exists() and (not path.is_dir() or any(path.iterdir())):
            raise StoreError("there is something at this path already", where=str(path), fix="Choose another path.")
        with files.new_directory(path) as scratch:
            store = cls(scratch)
            with store._drafting(dataset, None, _no_repeats) as draft:
                write_image(draft)
        return cls(path)

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
        return self.current().manifest.dataset

    def current(self) -> Snapshot:
        """The live snapshot; DamagedSnapshotError if CURRENT or the manifest it leads to cannot be read."""
        current = self.path / _CURRENT
        try:
            name = current.read_text("ascii").strip()
        except (OSError, ValueError) as error:
            raise DamagedSnapshotError("CURRENT cannot be read", where=str(current), got=str(error)) from error
        if not (name.isdigit() and len(name) == _NAME_DIGITS):
            raise DamagedSnapshotError(
                "CURRENT names no snapshot",
                where=str(current),
                expected=f"{_NAME_DIGITS} digits",
                got=repr(name[:40]),
            )
        snapshot = Snapshot(self.path / _SNAPSHOTS / name)
        if snapshot.manifest.sequence != int(name):
            raise DamagedSnapshotError(
                "a snapshot is in the wrong place",
                where=str(snapshot.path),
                got=f"sequence {snapshot.manifest.sequence}",
            )
        return snapshot

    @contextlib.contextmanager
    def draft(self, on_repeat: merge.OnRepeat) -> Iterator[Draft]:
        """The next snapshot, to be filled in the block; it goes live when the block ends without an error.

        Otherwise the store stays as it was. Raises StoreLockedError while another process writes.
        """
        with files.locked(self.path / _LOCK):
            base = self.current()
            self._remove_snapshots(base.manifest.sequence - 1, base.manifest.sequence)
            with self._drafting(base.manifest.dataset, base, on_repeat) as draft:
                yield draft
            self._remove_snapshots(draft.sequence - 1, draft.sequence)

    @contextlib.contextmanager
    def _drafting(self, dataset: str, base: Snapshot | None, on_repeat: merge.OnRepeat) -> Iterator[Draft]:
        with files.scratch_directory(self.path / _SCRATCH) as scratch:
            made, spill = scratch / "snapshot", scratch / "runs"
            made.mkdir()
            spill.mkdir()
            with contextlib.closing(Draft(made, spill, dataset, base, on_repeat)) as draft:
                yield draft
                draft.seal()
            (self.path / _SNAPSHOTS).mkdir(exist_ok=True)
            files.move_directory(made, self._snapshot(draft.sequence))
            files.write(self.path / _CURRENT, f"{draft.sequence:0{_NAME_DIGITS}d}\n".encode())

    def _snapshot(self, sequence: int) -> Path:
        return self.path / _SNAPSHOTS / f"{sequence:0{_NAME_DIGITS}d}"

    def _remove_snapshots(self, first: int, last: int) -> None:
        """Remove every snapshot outside `first` to `last`, and what a crash left among them."""
        for path in (self.path / _SNAPSHOTS).iterdir():
            if not (path.name.isdigit() and first <= int(path.name) <= last):
                files.remove_directory(path)


def _no_repeats(number: int, place: int, place_kept: int) -> None:
    raise AssertionError("an empty store holds no number twice")
