"""The engine: a number in, the carrier and routing number of it out.

Safe to share between threads: each call takes the generation once and answers from it alone. A newer generation is
put in its place by one assignment, so no call waits for it.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from operator import index as integer
from os import PathLike
from pathlib import Path
from typing import Protocol, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from portdip.index import ENTRY, LiveIndex
from portdip.lookup import _digits, reverse
from portdip.lookup.answers import INVALID_TIME, Moments, answer, answer_at, unknown_route
from portdip.lookup.follower import Follower
from portdip.lookup.generation import Generation
from portdip.lookup.history import Holding, dip_at, history, record
from portdip.lookup.status import lag
from portdip.lookup.steps import LONG_AGO
from portdip.lookup.timeline import Timeline
from portdip.number import LIMIT, check
from portdip.route import Dip, Route, Status
from portdip.table.snapshot import Record
from portdip.table.store import Store

#: How often a live engine looks for what is new: a look at one file name costs a microsecond.
POLL_SECONDS = 0.01
#: How long a live engine's thread may keep the interpreter from others.
SWITCH_SECONDS = 0.001
#: How often it tries again where that failed.
TROUBLE_SECONDS = 1.0
#: Microseconds before the first moment asked from which on a timeline is made: the past of all time is larger.
_ROOM = 30 * 86_400_000_000


def open_engine(path: str | PathLike[str], resident: bool = False, live: bool = False) -> Engine:
    """The engine over the store at `path`, as it is now.

    Opening reads little: the index is mapped and shared by all processes of the host, and the deltas that no
    snapshot holds yet are applied. `resident` copies the index into huge pages of this process for the lowest
    latency. `live` keeps the engine at the head of the store's chain by a thread of its own, until it is closed;
    otherwise `refresh` does. Raises StoreError, ImageError or DeltaError.
    """
    engine = Engine(Follower(Store.open(Path(path)), resident, datetime.now(UTC)))
    if live:
        engine.follow()
    return engine


class Standing(Protocol):
    """What an engine answers from: a Follower, or something that stays where it is."""

    @property
    def store(self) -> Store:
        """The store."""

    @property
    def generation(self) -> Generation:
        """The state of now."""

    def refresh(self, moment: datetime) -> bool:
        """Go a step on; whether there is a new generation."""


@dataclass(frozen=True, slots=True)
class Pinned:
    """Stands where an engine has its follower, and never goes on."""

    store: Store
    generation: Generation

    def refresh(self, moment: datetime) -> bool:
        """Nothing is ever new."""
        return False


class _Hindsight:
    """The past as one generation knows it, looked up when it is first asked for."""

    def __init__(self, store: Store, generation: Generation) -> None:
        self.store = store
        self.generation = generation
        self._making = threading.Lock()
        self._timeline: Timeline | None = None

    def timeline(self, since: int | None) -> Timeline:
        """What `Engine.timeline` says."""
        wanted = LONG_AGO if since is None else since
        with self._making:
            kept = self._timeline
            if kept is None or kept.since > wanted:
                # Records come in nearly any order: earlier than was thought once, they may be of any time.
                begin = LONG_AGO if kept is not None or since is None else max(since - _ROOM, LONG_AGO)
                self._timeline = kept = None  # its memory may be needed
                self._timeline = kept = Timeline.of(self.store, self.generation, begin)
        return kept


class Engine:
    """Answers dips from one generation at a time.

    Use `dip` for one number, `annotate` for an Arrow column, `route_codes` for integers where codes are
    enough, and `index[number]` where every nanosecond of a single lookup counts. To be closed, or used in a `with`
    block, where it is live.
    """

    def __init__(self, follower: Standing) -> None:
        self._follower = follower
        self._generation = follower.generation
        self._refreshing = threading.Lock()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._looking_back = threading.Lock()
        self._hindsight = _Hindsight(follower.store, follower.generation)
        #: What kept the last refresh of a live engine from succeeding; dips go on from the last good state.
        self.trouble: Exception | None = None

    def refresh(self, moment: datetime | None = None) -> bool:
        """Take what has come into the store, as of `moment` (UTC; None: now); whether there was anything.

        Raises as opening does where the store is damaged; the engine then answers from as far as it could come, and
        never goes back.
        """
        new = False
        with self._refreshing:
            try:
                while self._follower.refresh(moment or datetime.now(UTC)):
                    new = True
                    self._generation = self._follower.generation
            finally:
                self._generation = self._follower.generation
        return new

    def follow(self) -> None:
        """Keep the engine at the head of the store's chain by a thread, until `close`. Asked again, nothing happens.

        Shortens the interpreter's switch interval to SWITCH_SECONDS: else a dip may wait 5 ms for this thread. A
        process in which no dip may wait for the garbage collector either calls `gc.freeze` once it has loaded
        everything, as `portdip serve` does.
        """
        if self._thread is None:
            sys.setswitchinterval(min(sys.getswitchinterval(), SWITCH_SECONDS))
            self._thread = threading.Thread(target=self._keep_up, name="portdip-follow", daemon=True)
            self._thread.start()

    def pinned(self) -> Engine:
        """An engine that stays at the state this one has now, and shares what it has made of the past."""
        hindsight = self._looking_back_from()
        engine = Engine(Pinned(hindsight.store, hindsight.generation))
        engine._hindsight = hindsight
        return engine

    def close(self) -> None:
        """End the thread of a live engine; dips are still answered, from the last state."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _keep_up(self) -> None:
        while not self._stopping.wait(POLL_SECONDS if self.trouble is None else TROUBLE_SECONDS):
            try:
                self.refresh()
                self.trouble = None
            except Exception as error:  # whatever it is, the thread goes on trying, and `trouble` says so
                self.trouble = error

    @property
    def generation(self) -> Generation:
        """The state that calls beginning now will answer from."""
        return self._generation

    @property
    def index(self) -> LiveIndex:
        """Numbers to route codes as they are now: `engine.index[8613800138000]`, 0 for none."""
        return self._generation.index

    @property
    def routes(self) -> Mapping[int, Route]:
        """Route codes to routes."""
        return self._generation.routes

    @property
    def sequence(self) -> int:
        """Which state of the table answers."""
        return self._generation.sequence

    @property
    def as_of(self) -> datetime:
        """The moment (UTC) of the newest change that the answers know of."""
        return self._generation.as_of

    @property
    def lag(self) -> float:
        """Seconds for which the engine may have missed changes: see `portdip.lookup.status.lag`."""
        return lag(self._follower.store, self._generation.sequence, datetime.now(UTC))

    def history(self, number: str | int) -> list[Holding]:
        """Every holder of `number` that the store knows of, oldest first. Raises InvalidNumberError."""
        return history(self._follower.store, self._generation, check(_integer(number)))

    def served(self, carrier: str | None = None, routing_number: str | None = None) -> pa.RecordBatchReader:
        """What a carrier (by id) or a routing number serves now, as a stream: see `portdip.lookup.reverse.served`.

        Raises UnknownCarrierError where the table has none such.
        """
        generation = self._generation
        return reverse.served(generation, reverse.chosen(generation, carrier=carrier, routing_number=routing_number))

    def record(self, number: str | int) -> Record | None:
        """The full row of a number that is ported: donor, date and sequence too. Takes some milliseconds.

        Raises InvalidNumberError.
        """
        return record(self._follower.store, self._generation, check(_integer(number)))

    def dip(self, number: str | int, at: datetime | None = None) -> Dip:
        """Who serves `number` now: a text of digits, with or without a leading '+', or an integer.

        `at`, a moment with a time zone, asks who served it then, or will: from the history, in milliseconds.

        What is no E.164 number gives a Dip with status `invalid`; what is neither text nor an integer raises
        TypeError, `at` without a time zone ValueError. Costs a few microseconds, nearly all of them for making the Dip.
        """
        generation = self._generation
        digits = _integer(number)
        if at is not None and at.utcoffset() is None:
            raise ValueError(f"`at` has no time zone: {at.isoformat()}")
        if at is not None and 0 < digits < LIMIT:
            return dip_at(self._follower.store, generation, digits, at)
        sequence, as_of = generation.sequence, generation.as_of
        if not 0 < digits < LIMIT:
            return Dip(None, Status.INVALID, None, "", False, None, sequence, as_of)
        match = generation.index.match(digits)
        if match == 0:
            return Dip(digits, Status.UNALLOCATED, None, "", False, None, sequence, as_of)
        route = _route(generation, match & (ENTRY - 1))
        carrier = route.carrier
        if match < ENTRY:
            return Dip(digits, Status.NATIVE, carrier, route.routing_number, False, carrier, sequence, as_of)
        around = generation.index.range_code(digits)
        holder = _route(generation, around).carrier if around else None
        return Dip(digits, Status.PORTED, carrier, route.routing_number, True, holder, sequence, as_of)

    def route_codes(self, numbers: npt.NDArray[np.uint64], threads: int = 1) -> npt.NDArray[np.uint16]:
        """The route code of each number, 0 for none: see `routes`.

        `numbers` is a contiguous uint64 array; any other type raises TypeError or ValueError.
        """
        return self._generation.index.find_many(numbers, threads=threads)

    def timeline(self, since: int | None = None) -> Timeline:
        """The past of all numbers as it is known now, for moments from `since` on (microseconds since 1970; None: any).

        Made when it is first asked for, in seconds for millions of changes, and kept for this state of the table.
        Raises as `history` does.
        """
        return self._looking_back_from().timeline(since)

    def _looking_back_from(self) -> _Hindsight:
        with self._looking_back:
            if self._hindsight.generation is not self._generation:
                self._hindsight = _Hindsight(self._follower.store, self._generation)
            return self._hindsight

    def annotate(
        self, numbers: pa.Array | pa.ChunkedArray, threads: int = 1, at: Moments | None = None
    ) -> pa.RecordBatch:
        """The answers for an Arrow column: carrier, routing_number, ported and status, nulls for nulls.

        `numbers` is an array or chunked array of string, large_string, string_view or uint64, else TypeError.
        Carrier (its id), routing number and status are dictionaries; carrier and routing number are null
        where no carrier serves the number, and status says why.

        `at` asks who served each number at a moment of its own: an int64 array of as many microseconds since 1970, UTC,
        else TypeError or ValueError, and what `portdip.lookup.answers.answer_at` says.
        """
        if at is not None:
            if not isinstance(at, np.ndarray) or at.dtype != np.int64 or at.ndim != 1:
                raise TypeError("moments must be a numpy array of int64: microseconds since 1970, UTC")
            at = np.ascontiguousarray(at)
            told = at if at.min(initial=0) > INVALID_TIME else at[at > INVALID_TIME]
            timeline = self.timeline(int(told.min()) if len(told) else 0)
            return answer_at(timeline, timeline.generation.labels, numbers, at, threads)
        generation = self._generation
        return answer(generation.index, generation.labels, numbers, threads)


def _integer(number: str | int) -> int:
    if isinstance(number, str):
        return _digits.parse(number)
    if isinstance(number, bool):
        raise TypeError("a number is a str or an int, not a bool")
    return integer(number)


def _route(generation: Generation, code: int) -> Route:
    try:
        return generation.routes[code]
    except KeyError:
        raise unknown_route(f"code {code}") from None
