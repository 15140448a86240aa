"""Other verbs of portdip beside the workers, each a child of its own that is started again when it ends.

`portdip follow` keeps the store current while the workers answer from it; `portdip port serve` and `portdip port run`
are the porting layer, which shares nothing with the workers but the store's chain.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Sequence

from portdip.service import log
from portdip.service.patience import Patience


class Companion:
    """Keeps `portdip ARGUMENTS...` running. For the parent's only thread; times as `time.monotonic` has them."""

    def __init__(self, arguments: Sequence[str]) -> None:
        self._command = [sys.executable, "-m", "portdip", *arguments]
        self._name = " ".join(argument for argument in arguments[:2] if argument.isalpha())
        self._pid: int | None = None
        self._started = 0.0
        self._is_ending = False
        self._patience = Patience()

    @property
    def is_there(self) -> bool:
        """Whether it runs."""
        return self._pid is not None

    def keep(self, now: float) -> None:
        """Start it if it is not there and it is time."""
        if self._pid is None and now >= self._patience.due:
            self._started = now
            self._pid = os.posix_spawn(
                sys.executable,
                self._command,
                os.environ,
                setsigdef=[signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD],
            )

    def reaped(self, pid: int, code: int, now: float) -> bool:
        """Whether the child that has ended is this one."""
        if pid != self._pid:
            return False
        self._pid = None
        if not self._is_ending:
            wait = self._patience.died(now, time.monotonic() - self._started)
            log.say(f"{self._name} ended", exit_code=code, again_in=f"{wait:.1f} s")
        return True

    def end(self) -> None:
        """Tell it to end; it is reaped later."""
        self._is_ending = True
        self.signal(signal.SIGTERM)

    def signal(self, number: int) -> None:
        """Send it a signal, if it runs."""
        if self._pid is not None:
            os.kill(self._pid, number)
