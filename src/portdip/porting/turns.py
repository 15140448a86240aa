"""Turns at a database that one may write at a time, in the order in which those who want to came.

SQLite lets whoever asks at the right moment in, and has others ask again after up to a tenth of a second: beside a
process that writes all the time, such as a large cut-over, they would not get in for seconds. Two locks make a queue
of it: who has the first waits for the second, and gives up the first once it has the second. So whoever has just
written, and comes again, stands behind all that wait.

The locks are files beside the database, for it is never to be opened but by SQLite: to close it would give up locks
that SQLite holds. They go with their process. SQLite's own locks are what keeps writers apart; these only say who is
next.
"""

from __future__ import annotations

import contextlib
import fcntl
from collections.abc import Iterator
from pathlib import Path

from portdip import files


class Turns:
    """The turns at the database file `path`. Safe to share between threads, each of which waits for itself."""

    def __init__(self, path: Path) -> None:
        self._queue, self._turn = (path.with_name(f"{path.name}-{name}") for name in ("queue", "turn"))
        for lock in (self._queue, self._turn):
            with contextlib.suppress(FileExistsError):
                files.write_new(lock, b"")

    @contextlib.contextmanager
    def next(self) -> Iterator[None]:
        """Wait, and have the turn during the block. Turns of one thread are not to be nested."""
        with self._turn.open("rb") as turn:
            with self._queue.open("rb") as queue:
                fcntl.flock(queue, fcntl.LOCK_EX)
                fcntl.flock(turn, fcntl.LOCK_EX)
            yield
