"""What all HTTP requests of one worker share. For the thread of its event loop."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from portdip.access._json import DipTexts, RouteTexts
from portdip.access.api_keys import ApiKey, LiveApiKeys
from portdip.access.counters import Counters
from portdip.access.http.problems import overloaded, too_many
from portdip.access.http.tally import Tally
from portdip.lookup.engine import Engine
from portdip.lookup.generation import Generation
from portdip.settings.access import Access


class HttpService:
    """The engine, the settings, the keys and what is counted, and how much there is to do.

    `local`: the addresses among those we listen at that nobody but this machine can reach, so nobody there needs a key.
    `is_stopping` makes the node unready, as `is_down` does: its answers are too old. `loop_delay_ms` is how late the
    event loop is, kept up to date by `server`.
    """

    def __init__(
        self,
        engine: Engine,
        settings: Access,
        counters: Counters,
        worker: int,
        keys: LiveApiKeys,
        is_down: Callable[[], bool],
    ) -> None:
        self.engine = engine
        self.settings = settings
        self.counters = counters
        self.keys = keys
        self.local: frozenset[tuple[str, int]] = frozenset()
        self.is_down = is_down
        self.is_stopping = False
        self.loop_delay_ms = 0.0
        self.tally = Tally(counters.row(worker, "http"))
        self.budgets = Budgets(settings.http_server.dips_per_second)
        #: Where lists and what reads the store are worked on, so that single dips go on meanwhile.
        self.threads = ThreadPoolExecutor(settings.http_server.bulk_requests, thread_name_prefix="portdip-http")
        self._generation: Generation | None = None
        self._texts: DipTexts | None = None
        self._routes: RouteTexts | None = None
        self._lists = 0

    def texts(self) -> DipTexts:
        """What renders the dips of the engine's generation."""
        generation = self.engine.generation
        if generation is not self._generation or self._texts is None:
            if self._routes is None or self._routes.routes is not generation.routes:
                self._routes = RouteTexts(generation.routes)
            self._texts = DipTexts(generation.index, self._routes, generation.sequence, generation.as_of.isoformat())
            self._generation = generation
        return self._texts

    def why_not_ready(self) -> str:
        """Why nobody should ask this worker; empty if there is no reason."""
        if self.is_stopping:
            return "stopping"
        return "stale" if self.is_down() else ""

    def begin_list(self) -> None:
        """A list takes one of the places for lists, to be given back by `end_list`. Raises Problem."""
        if self._lists >= self.settings.http_server.bulk_requests:
            raise overloaded()
        self._lists += 1

    def end_list(self) -> None:
        """Give the place back."""
        self._lists -= 1


class Budgets:
    """How many dips each key may still ask now: `per_second` are added every second, up to one second's worth."""

    def __init__(self, per_second: int) -> None:
        self._per_second = per_second
        self._left: dict[str, tuple[float, float]] = {}  # by id of the key: dips, and as of when

    def spend(self, key: ApiKey | None, dips: int = 1) -> None:
        """Take so many from the budget of a key, which may owe some afterwards.

        Raises Problem, and takes none, where nothing is left. Without a key or a limit there is no end.
        """
        if self._per_second and key is not None:
            left, now = self._now(key)
            if left < 1:
                raise too_many()
            self._left[key.id] = (left - dips, now)

    def owe(self, key: ApiKey | None, dips: int) -> float:
        """Take so many whatever is left; for how many seconds the key has to wait until it owes nothing."""
        if not self._per_second or key is None:
            return 0.0
        left, now = self._now(key)
        self._left[key.id] = (left - dips, now)
        return max(0.0, (dips - left) / self._per_second)

    def _now(self, key: ApiKey) -> tuple[float, float]:
        now = time.monotonic()
        left, then = self._left.get(key.id, (float(self._per_second), now))
        return min(left + (now - then) * self._per_second, self._per_second), now
