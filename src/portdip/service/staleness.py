"""How stale the answers of a worker are, also when the store cannot be asked."""

from __future__ import annotations

import time
from collections.abc import Callable

from portdip.errors import PortdipError
from portdip.lookup.engine import Engine


class Staleness:
    """Seconds for which `engine` may have missed changes. For one thread.

    Where the store cannot be read nothing is known to be newer than the last good look, so its lag goes on growing from
    there. `clock` gives seconds and never goes back.
    """

    def __init__(self, engine: Engine, clock: Callable[[], float] = time.monotonic) -> None:
        self._engine = engine
        self._clock = clock
        self._looked, self._lag = clock(), 0.0

    def look(self) -> float:
        """The lag now. Reads two small files."""
        now = self._clock()
        try:
            self._lag, self._looked = self._engine.lag, now
        except (OSError, PortdipError):
            return self._lag + now - self._looked
        return self._lag
