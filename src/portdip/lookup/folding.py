"""Folding in the background: a new snapshot once the chain has changed enough of the table, made by another process.

The process runs `portdip snapshot create` at low priority, one at a time, so neither dips nor the taking in of deltas
wait for it. It may be killed at any moment: a snapshot is live when it is whole.
"""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass

from portdip import files
from portdip.errors import DeltaError
from portdip.exchange.delta import open_sealed
from portdip.settings import Settings
from portdip.table.store import Store

#: Seconds until the next try when a snapshot could not be made, or the chain could not be folded any further.
AGAIN_SECONDS = 600.0

_NICENESS = 19


@dataclass(frozen=True, slots=True)
class Came:
    """A delta that has come into the chain, and how many rows it has; 0 where that cannot be read."""

    sequence: int
    rows: int


class Watch:
    """Sees what comes into the chain of `store` after the delta `sequence`, whoever puts it there. For one thread."""

    def __init__(self, store: Store, sequence: int) -> None:
        self._chain = store.chain
        self._sequence = sequence

    def news(self) -> list[Came]:
        """What has come since the last call, in order; costs one look at the directory where that is nothing."""
        came = []
        while self._chain.has(self._sequence + 1):
            self._sequence += 1
            came.append(Came(self._sequence, self._rows(self._sequence)))
        return came

    def _rows(self, sequence: int) -> int:
        path = self._chain.file(sequence)
        try:
            return open_sealed(files.read_bytes(path), str(path)).header.rows
        except (OSError, DeltaError):  # whoever applies it says so
            return 0


class Folding:
    """Folds the chain of `store` when it has changed as much as `settings` say. For one thread.

    Raises DamagedSnapshotError and OSError where the live snapshot cannot be read.
    """

    def __init__(self, store: Store, settings: Settings) -> None:
        self._store = store
        self._settings = settings
        self._marks: object = None
        self._snapshot = self._numbers = 0
        self._came: list[Came] = []
        self._child: subprocess.Popen[str] | None = None
        self._again_from = 0.0

    def add(self, came: list[Came]) -> None:
        """Hear of what has come into the chain: all of it since the live snapshot, and from then on."""
        self._came += came

    def step(self, now: float) -> str:
        """Begin a snapshot if it is time, or see to the one begun; what there is to tell, '' for nothing.

        `now` is seconds of a clock that never goes back.
        """
        if self._child is not None:
            return "" if self._child.poll() is None else self._ended(self._child, now)
        self._look()
        if now < self._again_from or not self._is_due():
            return ""
        command = [sys.executable, "-m", "portdip", "snapshot", "create", str(self._store.path)]
        self._child = subprocess.Popen(  # noqa: S603
            command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
        )
        os.setpriority(os.PRIO_PROCESS, self._child.pid, _NICENESS)
        return f"begins a snapshot: {self._changes:,} changes since that of sequence {self._snapshot}"

    def close(self) -> None:
        """End the process, if there is one."""
        if self._child is not None:
            self._child.terminate()
            self._child.communicate()
            self._child = None

    @property
    def _changes(self) -> int:
        return sum(came.rows for came in self._came)

    def _is_due(self) -> bool:
        wanted = max(self._settings.fold_share * self._numbers, self._settings.fold_changes_min)
        return self._changes > wanted and self._store.held is None

    def _look(self) -> None:
        """See whether another snapshot is live."""
        current = self._store.turning_points[0].stat()
        marks = (current.st_ino, current.st_mtime_ns)
        if marks != self._marks:
            manifest = self._store.current().manifest
            self._snapshot, self._numbers = manifest.sequence, manifest.counts["numbers"]
            self._marks = marks
        self._came = [came for came in self._came if came.sequence > self._snapshot]

    def _ended(self, child: subprocess.Popen[str], now: float) -> str:
        self._child = None
        said = child.communicate()[1].strip()
        before = self._snapshot
        self._look()
        if child.returncode == 0 and self._snapshot > before:
            return f"made snapshot {self._snapshot}"
        self._again_from = now + AGAIN_SECONDS
        if child.returncode == 0:
            return "made no snapshot: a change of many numbers takes effect later"
        return f"could not make a snapshot: {said.splitlines()[-1] if said else f'exit code {child.returncode}'}"
