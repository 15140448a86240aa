"""What keeps a worker's answers new: a thread that looks for newer generations and for staleness."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from datetime import datetime

from portdip.access.counters import Counters, State
from portdip.lookup.engine import Engine
from portdip.lookup.generation import Generation
from portdip.service import log
from portdip.service.staleness import Staleness

#: How often it looks for another generation, says how it is, and sees how stale it is, in seconds.
_LOOK_SECONDS = 0.005
_SAY_SECONDS = 0.05
_LAG_SECONDS = 0.25
#: When it tries again where a generation could not be rendered.
_AGAIN_SECONDS = 1.0


class Keeper:
    """Calls `renew` when the engine has another generation than `shown`, `set_down` when its lag passes `limit` s.

    Both come from its thread, which also says how it is in `row` of the counters. What keeps the engine, or `renew`,
    from going on is logged once, and the answers stay the last good ones.
    """

    def __init__(
        self,
        engine: Engine,
        counters: Counters,
        row: int,
        limit: float,
        shown: Generation,
        renew: Callable[[Generation], None],
        set_down: Callable[[bool], None],
    ) -> None:
        self._engine = engine
        self._counters = counters
        self._row = row
        self._limit = limit
        self._renew = renew
        self._set_down = set_down
        self._shown = shown
        self._staleness = Staleness(engine)
        self._judge_at = self._say_at = self._renew_at = 0.0
        self._trouble: Exception | None = None
        self._lag_ms = 0
        self._told = ""
        self._started = _now_us()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="portdip-keeper", daemon=True)
        #: Whether the answers are too old to be given.
        self.is_down = False
        #: Whether the worker answers, as it says it does.
        self.is_ready = False

    def look(self) -> None:
        """Look once, and say how it is if that is new or it is time."""
        now = time.monotonic()
        generation = self._engine.generation
        is_new = generation is not self._shown and now >= self._renew_at
        if is_new:
            try:
                self._renew(generation)
                self._shown, self._trouble = generation, None
            except Exception as error:  # whatever it is: the answers before go on, and it is tried again
                self._trouble, self._renew_at = error, now + _AGAIN_SECONDS
        if now >= self._judge_at:
            self._judge_at = now + _LAG_SECONDS
            self._judge(self._staleness.look())
            self._tell(self._trouble or self._engine.trouble)
        if is_new or now >= self._say_at:
            self._say_at = now + _SAY_SECONDS
            self._say()

    def start(self) -> None:
        """Look from now on, until `stop`."""
        self._thread.start()

    def stop(self) -> None:
        """Look no more."""
        self._stopping.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stopping.wait(_LOOK_SECONDS):
            self.look()

    def _say(self) -> None:
        self._counters.set_state(
            self._row,
            State(
                pid=os.getpid(),
                ready=self.is_ready,
                sequence=self._shown.sequence,
                lag=self._lag_ms,
                as_of=_microseconds(self._shown.as_of),
                heartbeat=_now_us(),
                started=self._started,
            ),
        )

    def _judge(self, lag: float) -> None:
        self._lag_ms = round(lag * 1000)
        is_down = lag > self._limit
        if is_down != self.is_down:
            self.is_down = is_down
            self._set_down(is_down)
            log.say("stale: pdb is silent, ENUM says SERVFAIL" if is_down else "current again", lag=f"{lag:.1f} s")

    def _tell(self, trouble: Exception | None) -> None:
        """Log what is wrong, once."""
        said = "" if trouble is None else str(trouble) or repr(trouble)
        if said and said != self._told:
            log.say("cannot go on with the chain", why=said)
        self._told = said


def _now_us() -> int:
    return time.time_ns() // 1000


def _microseconds(moment: datetime) -> int:
    return round(moment.timestamp() * 1_000_000)
