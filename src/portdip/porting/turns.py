"""Turns at a database that one may write at a time, in the order in which those who want to came.

SQLite lets whoever asks at the right moment in, and has others ask again after up to a tenth of a second: beside a
process that writes all the time, such as a large cut-over, they would not get in for seconds. Two locks make a queue
of it: who has the first waits for the second, and gives up the first once it has the second. So whoever has just
written, and comes again, stands behind all that wait.

The locks are files beside the database, for it is never to be opened but by SQLite: to close it would give up locks
that SQLite holds. They go with their process. SQLite's own locks are what keeps writers apart; these only say who is
next.

A process that is stopped (SIGSTOP, a debugger) while it writes keeps its turn. So nobody waits for longer than a limit.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import threading
import time
from collections.abc import Iterator
from io import FileIO
from pathlib import Path

from portdip import files
from portdip.errors import DatabaseError


class Turns:
    """The turns at the database file `path`; nobody waits for longer than `limit` seconds.

    Safe to share between threads, each of which waits for itself.
    """

    def __init__(self, path: Path, limit: float) -> None:
        self._limit = limit
        self._queue, self._turn = (path.with_name(f"{path.name}-{name}") for name in ("queue", "turn"))
        for lock in (self._queue, self._turn):
            with contextlib.suppress(FileExistsError):
                files.create(lock).close()

    @contextlib.contextmanager
    def next(self) -> Iterator[None]:
        """Wait, and have the turn during the block. Turns of one thread are not to be nested.

        Raises DatabaseError where it does not come within the limit.
        """
        until = time.monotonic() + self._limit
        with self._turn.open("rb", buffering=0) as turn:
            with self._queue.open("rb", buffering=0) as queue:
                self._lock(queue, until)
                self._lock(turn, until)
            yield

    def _lock(self, file: FileIO, until: float) -> None:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if not _locked_later(file, until - time.monotonic()):
                raise DatabaseError(
                    "another writer of the porting database does not come to an end",
                    where=str(self._turn),
                    expected=f"a turn within {self._limit:g} s",
                    fix="See with `fuser` which process has that file open: it may be stopped, or hang. End it.",
                ) from None


def _locked_later(file: FileIO, seconds: float) -> bool:
    """Wait for the lock of a file in the order in which those who want it came; False if it took too long.

    A lock that is waited for cannot be given a limit, and one that is asked for again and again has no order. So
    another thread waits, with a handle that shares the lock: one who has given up by then is rid of it at once, for
    the file is closed when that handle is.
    """
    waiting = threading.Thread(target=_lock_and_close, args=(os.dup(file.fileno()),), name="turn", daemon=True)
    waiting.start()
    waiting.join(max(seconds, 0.0))
    return not waiting.is_alive()


def _lock_and_close(handle: int) -> None:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
    finally:
        os.close(handle)
