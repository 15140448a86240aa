"""Fetching: one look at a source after the other, all it offers to the intake of a store.

There is no loop and no clock here. Whoever follows a source calls `Fetcher.poll` as often as it likes to be up to date,
and decides by what came of it how long to sleep.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import TypeVar

from portdip.errors import PortdipError, SnapshotAwaitedError
from portdip.exchange import waiting
from portdip.exchange.following import Following
from portdip.exchange.intake import Intake, Kind, Moved, Outcome
from portdip.exchange.quarantine import Refusal
from portdip.exchange.source import Arrival, Source
from portdip.exchange.waiting import Gap

#: The most arrivals that one poll handles, so that a long backlog does not keep it from telling how it goes.
ARRIVALS_MAX = 500

_STATUS_SECONDS = 1.0

_Result = TypeVar("_Result")


@dataclass(slots=True)
class Progress:
    """What came of one poll.

    `applied` is the sequences that entered the chain, in order; `duplicates` and `waiting` count arrivals; `torn` are
    the names of arrivals that end too early; `refused` is what newly came into the quarantine. `missing` is the gaps
    between the chain and the newest delta that waits, `newest` the highest sequence known at the source or waiting.
    `caught_up` says that the source was looked at and knows of nothing newer than the chain. `problem` is what ended
    the poll early, to be tried again: a source that cannot be reached, a lock that another process holds, a full disk,
    a list of keys that cannot be read, a snapshot that has to come first.
    """

    applied: list[int] = field(default_factory=list)
    duplicates: int = 0
    waiting: int = 0
    torn: list[str] = field(default_factory=list)
    refused: list[Refusal] = field(default_factory=list)
    missing: list[Gap] = field(default_factory=list)
    newest: int | None = None
    caught_up: bool = False
    problem: PortdipError | OSError | None = None


class Fetcher:
    """Brings what `source` offers to `intake`, and tells in the file `status` (a `Following`) how far it is.

    `clock` gives the time for people, UTC. `supply` is called where a delta waits for a snapshot, and either brings it
    or raises SnapshotAwaitedError, saying why not. One object for one thread.
    """

    def __init__(
        self,
        source: Source,
        intake: Intake,
        status: Path,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        supply: Callable[[SnapshotAwaitedError], None] | None = None,
    ) -> None:
        self._source = source
        self._intake = intake
        self._status = status
        self._clock = clock
        self._supply = supply
        self._status_from = -math.inf
        last = Following.read(status)
        self._caught_up_at = last.caught_up_at if last is not None and last.source == source.name else None

    def poll(self, now: float) -> Progress:
        """Offer what has arrived. `now` is seconds of a clock that never goes back.

        Nothing is raised for what may pass: it is the progress's `problem`, and the next poll tries again.
        """
        progress = Progress()
        for step in (self._fetch, self._sum_up, self._tell):
            try:
                step(progress, now)
            except (PortdipError, OSError) as error:
                progress.problem = progress.problem or error
        return progress

    def _fetch(self, progress: Progress, now: float) -> None:
        _add(self._supplied(self._intake.drain), progress)
        count = 0
        for arrival in islice(self._source.arrivals(self._intake.sequence, now), ARRIVALS_MAX):
            count += 1
            try:
                outcome = self._offer(arrival)
            except BaseException:
                self._source.again(arrival, 0)
                raise
            self._record(arrival, outcome, progress)
        progress.caught_up = count < ARRIVALS_MAX

    def _offer(self, arrival: Arrival) -> Outcome:
        origin = f"{self._source.name}/{arrival.name}"
        if arrival.problem is not None:
            return self._intake.refuse(arrival.content, origin, arrival.problem)
        outcome = self._supplied(lambda: self._intake.offer(arrival.content, origin))
        if outcome.kind is Kind.TORN and outcome.error is not None and arrival.settled:
            return self._intake.refuse(arrival.content, origin, outcome.error)
        return outcome

    def _supplied(self, act: Callable[[], _Result]) -> _Result:
        """What `act` gives, once a snapshot that it waits for has been brought."""
        try:
            return act()
        except SnapshotAwaitedError as awaited:
            if self._supply is None:
                raise
            self._supply(awaited)
            return act()

    def _record(self, arrival: Arrival, outcome: Outcome, progress: Progress) -> None:
        _add(outcome.moved, progress)
        match outcome.kind:
            case Kind.DUPLICATE:
                progress.duplicates += 1
            case Kind.WAITING:
                progress.waiting += 1
                if outcome.kept:
                    self._source.watch(arrival)  # should anybody clear the waiting room
                elif outcome.sequence is not None:
                    self._source.again(arrival, outcome.sequence - waiting.AHEAD_MAX)
            case Kind.TORN:
                progress.torn.append(arrival.name)
                self._source.watch(arrival)
            case Kind.REFUSED:
                self._source.watch(arrival)

    def _sum_up(self, progress: Progress, now: float) -> None:
        """What is still missing. `caught_up` was whether the source had nothing more to offer."""
        sequence = self._intake.sequence
        progress.missing = self._intake.missing
        newest = (self._source.newest(), self._intake.newest_waiting)
        progress.newest = max((found for found in newest if found is not None), default=None)
        progress.caught_up &= not progress.missing and (progress.newest or 0) <= sequence
        if progress.caught_up:
            self._caught_up_at = self._clock()

    def _tell(self, progress: Progress, now: float) -> None:
        if now < self._status_from:
            return
        self._status_from = now + _STATUS_SECONDS
        Following(
            self._source.name,
            self._clock(),
            progress.newest,
            progress.missing,
            self._caught_up_at,
            "" if progress.problem is None else str(progress.problem),
        ).write(self._status)


def _add(moved: Moved, progress: Progress) -> None:
    progress.applied += moved.applied
    progress.refused += moved.refused
