"""The simulator: days of a country's ports on a virtual clock, through the real layer, into a real delta chain.

All that the layer does is done for real: the review, the codes, every move with its audit record and events, the
cut-over at its instant with its deltas, timers, nodes that report and now and then are late. Two things differ from a
layer in service. What falls into one minute is one transaction, not hundreds, and SQLite does not wait for the disk:
a simulation that is cut off is repeated, not recovered. And donors' systems are made up
(`portdip.porting.simulation.people`).

The same seed gives the same people who do the same; codes and references differ from run to run.
"""

from __future__ import annotations

import contextlib
import random
import resource
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import event, func, select, text

from portdip.errors import PortingError
from portdip.porting import nodes, resources
from portdip.porting import profile as profiles
from portdip.porting.actor import SYSTEM, Actor, Role
from portdip.porting.after import AfterPort
from portdip.porting.applying import Applications
from portdip.porting.clock import VirtualClock
from portdip.porting.cutover import CutOver
from portdip.porting.database import Database, Transaction
from portdip.porting.donor_systems import DonorSystems
from portdip.porting.orders import Orders
from portdip.porting.privacy import Vault
from portdip.porting.profile import Profile
from portdip.porting.publisher import OpenWriter, Publisher
from portdip.porting.simulation.crowd import Crowd
from portdip.porting.simulation.people import CARRIERS, People, SimulatedDonor
from portdip.porting.steps import Steps
from portdip.porting.supervision.standing import may_port_in
from portdip.porting.tables.audit import AUDIT_HEAD
from portdip.porting.tables.outbox import OUTBOX
from portdip.porting.timers import Timers
from portdip.settings.porting import Privacy

_MINUTE, _DAY = timedelta(minutes=1), timedelta(days=1)
_CENTRE = Actor("simulated centre", Role.CENTRE)
#: How the applicants of a day spread over the hours of the profile's zone, from hour 0.
_HOURS = [1] * 8 + [6, 10, 12, 10, 8, 8, 10, 11, 10, 8, 6, 5, 4, 3, 2, 1]
#: Applicants for one number that is ported: some are refused, some forget their code.
_APPLICANTS_A_PORT = 1.3
#: One cut-over in so many finds a node late, and for so long.
_LATE_ONCE_IN, _LATE = 200, timedelta(minutes=20)
_NODE_LIMIT = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class Scenario:
    """What is simulated: so many days from `start` (UTC; its day begins at midnight of the profile's zone).

    About `ports_per_day` numbers are ported a day. `start` None: so that the last day ends before now.
    """

    profile: str
    days: int
    ports_per_day: int
    seed: int
    start: datetime | None = None


@dataclass(frozen=True, slots=True)
class Day:
    """What one simulated day came to.

    `tally` counts what happened, `moves` records of the audit, `sequence` is the chain's last delta. `seconds` were
    needed for the day, `burst_seconds` for the largest cut-over, of `burst` orders. `resident_mib` is the most memory
    that the process has used so far.
    """

    day: int
    tally: Counter[str]
    moves: int
    sequence: int
    seconds: float
    burst: int
    burst_seconds: float
    resident_mib: float


def simulate(scenario: Scenario, path: Path, open_writer: OpenWriter) -> Iterator[Day]:
    """Simulate a scenario in the directory `path`, whose porting database must be new; a Day after each.

    Raises PortingError where the database has orders already, and whatever the layer raises that it should not.
    """
    profile = profiles.load(scenario.profile)
    start = _midnight(profile, scenario.start or datetime.now(UTC) - scenario.days * _DAY)
    clock = VirtualClock(start)
    with _Database.open(f"sqlite:///{path / 'porting.db'}", clock) as database:
        simulation = _Simulation(scenario, profile, database, clock, path, open_writer)
        for day in range(scenario.days):
            yield simulation.day(day, _midnight(profile, start + day * _DAY + _DAY / 2))


class _Database(Database):
    """A database whose transactions, within `together`, are one; on a disk that need not keep it."""

    _joined: Transaction | None = None

    @classmethod
    def open(cls, url: str, clock: Any = None) -> _Database:
        database = super().open(url, clock)
        event.listen(database.engine, "connect", _do_not_wait)
        database.engine.dispose()  # connections made from now on do not wait
        return database

    @contextlib.contextmanager
    def together(self) -> Iterator[None]:
        """Everything in the block is one transaction. What raises in it and is caught must not have written."""
        with super().transaction() as tx:
            self._joined = tx
            try:
                yield
            finally:
                self._joined = None

    @contextlib.contextmanager
    def transaction(self) -> Iterator[Transaction]:
        if self._joined is not None:
            yield self._joined
        else:
            with super().transaction() as tx:
                yield tx


def _do_not_wait(connection: Any, _: object) -> None:
    connection.execute("PRAGMA synchronous=OFF")


class _Simulation:
    """A scenario under way."""

    def __init__(
        self,
        scenario: Scenario,
        profile: Profile,
        database: _Database,
        clock: VirtualClock,
        path: Path,
        open_writer: OpenWriter,
    ) -> None:
        self._profile, self._database, self._clock = profile, database, clock
        self._random = random.Random(f"run {scenario.seed}")  # noqa: S311
        self._applicants_a_day = scenario.ports_per_day * _APPLICANTS_A_PORT
        vault = Vault.open(Privacy(), path / "porting-keys.json")
        people = People(profile, vault, clock, scenario.seed)
        donors = DonorSystems(database, vault, {carrier: SimulatedDonor(people, carrier) for carrier in CARRIERS})
        orders = Orders({profile.name: profile})
        steps, after = Steps(orders), AfterPort(orders)
        applications = Applications(database, steps, donors, vault, may_port_in)
        self._crowd = Crowd(profile, database, people, applications, steps, after, scenario.seed)
        self._timers = Timers(database, steps, after)
        self._cut_over = CutOver(database, orders, Publisher(database, open_writer), _NODE_LIMIT)
        self._sequence = 0
        self._late_until: datetime | None = None
        self._found(people)

    def day(self, day: int, begins: datetime) -> Day:
        """Simulate the day that begins then."""
        began, moves_before = time.perf_counter(), self._moves()
        self._crowd.tally.clear()
        burst, burst_seconds = 0, 0.0
        ends = _midnight(self._profile, begins + _DAY + _DAY / 2)
        moment = begins
        while moment < ends:
            self._clock.set(moment)
            self._arrivals(moment)
            self._crowd_acts(moment)
            self._crowd.tally["timers"] += self._timers.step()
            cut_over_began = time.perf_counter()
            begun = self._cut()
            if begun > burst:
                burst, burst_seconds = begun, time.perf_counter() - cut_over_began
            moment += _MINUTE
        return Day(
            day + 1,
            self._crowd.tally.copy(),
            self._moves() - moves_before,
            self._sequence,
            time.perf_counter() - began,
            burst,
            burst_seconds,
            resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        )

    def _found(self, people: People) -> None:
        """The ranges of the carriers, and a node of each, in a database that has none."""
        with self._database.transaction() as tx:
            if resources.all_ranges(tx):
                raise PortingError("the database is not new", fix="Simulate in a store of its own.")
            for block in people.blocks:
                resources.assign(
                    tx,
                    _CENTRE,
                    block.first,
                    block.last,
                    block.carrier,
                    "simulated plan",
                    routing_number=block.routing_number,
                )
            for carrier in CARRIERS:
                nodes.register(tx, _CENTRE, f"node of {carrier}", carrier)

    def _arrivals(self, moment: datetime) -> None:
        hour = self._profile.calendar.local(moment).hour
        expected = self._applicants_a_day * _HOURS[hour] / sum(_HOURS) / 60
        count = int(expected) + (self._random.random() < expected % 1)
        for at in sorted(self._random.random() for _ in range(count)):
            self._crowd.apply(moment + _MINUTE * at)

    def _crowd_acts(self, moment: datetime) -> None:
        due = self._crowd.take(moment + _MINUTE)
        if due:
            with self._database.together():
                for entry in due:
                    self._crowd.do(entry)

    def _cut(self) -> int:
        """Cut over what is due; nodes report, but for one that is late now and then. How many orders were begun."""
        progress = self._cut_over.step()
        tally = self._crowd.tally
        if progress.published:
            self._sequence = self._newest()
            if self._late_until is None and self._random.randrange(_LATE_ONCE_IN) == 0:
                self._late_until = self._clock.now() + _LATE
        self._report()
        if progress.published or progress.arrived:
            arrived = self._cut_over.step().arrived
            tally["arrived"] += arrived
        tally.update({"cut over": progress.begun, "arrived": progress.arrived, "late": progress.missed})
        return progress.begun

    def _report(self) -> None:
        if self._late_until is not None and self._clock.now() >= self._late_until:
            self._late_until = None
        with self._database.transaction() as tx:
            late = self._late_until is not None
            for node in nodes.all_nodes(tx)[late:]:
                if node.sequence < self._sequence:
                    nodes.report(tx, SYSTEM, node.name, self._sequence)

    def _newest(self) -> int:
        """The last delta of those under way."""
        newest = select(func.max(OUTBOX.c.sequence)).where(text("arrived IS NULL"))
        with self._database.reading() as connection:
            return int(connection.execute(newest).scalar_one() or self._sequence)

    def _moves(self) -> int:
        with self._database.reading() as connection:
            return int(connection.execute(select(AUDIT_HEAD.c.sequence)).scalar_one())


def _midnight(profile: Profile, moment: datetime) -> datetime:
    """The last midnight (UTC) of the profile's zone before a moment."""
    local = profile.calendar.local(moment)
    return profile.calendar.at(local.date(), local.min.time())
