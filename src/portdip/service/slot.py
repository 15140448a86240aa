"""A slot: one of the places for a worker, with its sockets, the worker in it, and the one that takes over.

    empty ──start──▶ loading ──ready──▶ answering ──death──▶ empty (sockets closed, started again after a while)
                                            │  ▲
                                 take_over  ▼  │ the successor is ready: the old one leaves
                                        answering, a successor loading

Old and new serve the same sockets for a moment, and count in different rows.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator

from portdip.service.patience import Patience
from portdip.service.process import Process
from portdip.service.sockets import Sockets

#: Forks a worker that counts in this row.
Fork = Callable[["Slot", int], Process]


class Slot:
    """For the parent's only thread. `number` counts from 0; all times are seconds of one clock."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.sockets = Sockets()
        self.worker: Process | None = None
        self.successor: Process | None = None
        self.leaving: Process | None = None
        self.patience = Patience()
        self._half = 0

    @property
    def processes(self) -> Iterator[Process]:
        """All that are there."""
        return (process for process in (self.worker, self.successor, self.leaving) if process is not None)

    @property
    def is_ready(self) -> bool:
        """Whether somebody answers."""
        return self.worker is not None and self.worker.is_ready

    def start(self, fork: Fork) -> None:
        """Put a worker into an empty slot."""
        assert self.worker is None
        self.worker = fork(self, self._next_row())

    def take_over(self, fork: Fork) -> None:
        """Begin to replace the worker by another one."""
        assert self.successor is None
        assert self.leaving is None
        self.successor = fork(self, self._next_row())

    def promote(self) -> bool:
        """Let the old worker go once its successor answers; whether that came to pass."""
        if self.successor is None or not self.successor.is_ready:
            return False
        self.leaving, self.worker, self.successor = self.worker, self.successor, None
        if self.leaving is not None:
            self.leaving.signal(signal.SIGTERM)
        return True

    def reaped(self, process: Process) -> None:
        """A process of the slot has ended."""
        process.channel.close()
        if process is self.worker:
            self.worker, self.successor = self.successor, None
        elif process is self.successor:
            self.successor = None
        elif process is self.leaving:
            self.leaving = None
        if self.worker is None:
            self.sockets.close()

    def _next_row(self) -> int:
        """The row of counters of the next worker: never that of one still there."""
        self._half ^= 1
        return 2 * self.number + self._half
