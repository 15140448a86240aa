"""A rule machine drives a store and engines over it, and compares every answer with the oracle's."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime, timedelta
from typing import Any

import hypothesis
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from portdip.errors import InvalidRangeError, StoreError
from portdip.exchange import rows
from portdip.exchange.changes import Operation
from portdip.exchange.publish import Writer
from portdip.index import ENTRY
from portdip.lookup.engine import Engine
from portdip.lookup.follower import Follower
from portdip.lookup.generation import Generation
from portdip.lookup.load import init_store, write_image
from portdip.number import LIMIT
from portdip.route import Status
from tests.faults.scenario import scratch
from tests.lookup.oracle import LONG_AGO, Answer, Change, Import, Oracle, Range, Route

BEGAN = datetime(2026, 1, 1, tzinfo=UTC)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
BLOCKS = [(200, 209), (210, 219), (300, 309), (990, 999)]
NUMBERS = [number for first, last in BLOCKS for number in range(first, last + 1)]
ASKED = [*NUMBERS, 1, 199, 220, 1000]
#: Numbers that much happens to, so that something comes of it.
HOT = [200, 205, 210, 999]

numbers = st.sampled_from(HOT) | st.sampled_from(HOT) | st.sampled_from(NUMBERS)
carriers = st.sampled_from("ABC")
routes = st.tuples(carriers, st.sampled_from(["", "", "D1"]))
#: When a change takes effect, in hours from now; None: at once.
delays = st.sampled_from([None, None, -10, 6, 12])
delays_of_many = st.sampled_from([None, None, None, None, None, -10, 6])


@st.composite
def intervals(draw: st.DrawFn) -> tuple[int, int]:
    block = draw(st.sampled_from(BLOCKS))
    first = draw(st.integers(*block))
    return draw(st.sampled_from([block, (200, 219), (first, first), (first, draw(st.integers(first, block[1])))]))


ports = st.tuples(st.just(Operation.PORT), numbers, routes, delays)
releases = st.tuples(st.just(Operation.RELEASE), numbers, st.none(), delays)
changes_of_many = [
    st.tuples(st.just(Operation.RELEASE), intervals(), st.none(), delays_of_many),
    st.tuples(st.just(Operation.ASSIGN), intervals(), routes, delays_of_many),
    st.tuples(st.just(Operation.WITHDRAW), intervals(), st.none(), delays_of_many),
    st.tuples(
        st.just(Operation.MASS_CHANGE),
        st.none() | st.none() | intervals(),
        st.tuples(routes, carriers, st.sampled_from([None, None, "", "D1"])),
        delays_of_many,
    ),
]
changes = st.one_of(ports, ports, ports, ports, releases, *changes_of_many)
#: Whether to look at once what has become of it.
looks = st.booleans()


class FollowMachine(RuleBasedStateMachine):
    """`engine` is refreshed when a rule says so; `late` hardly ever; others are opened anew."""

    def __init__(self) -> None:
        super().__init__()
        self._open = contextlib.ExitStack()
        self.clock = BEGAN
        patch = self._open.enter_context(pytest.MonkeyPatch.context())
        patch.setattr(Writer, "_now", lambda writer: max(self.clock, writer._head.created))
        path = self._open.enter_context(scratch())
        self.store = init_store(path / "store", "test")
        self.oracle = Oracle()
        #: The changes in force in each snapshot, be their moment to come.
        self.settled: dict[int, frozenset[Change]] = {0: frozenset()}
        self.codes: dict[int, Route] = {}
        #: What generations of before have answered.
        self.kept: list[tuple[Generation, list[int]]] = []
        self.engine, self.seen = self.opened(), self.clock
        self.late, self.late_seen = self.opened(), self.clock

    def teardown(self) -> None:
        self._open.close()

    def opened(self) -> Engine:
        return Engine(Follower(self.store, False, self.clock))

    @rule(drawn=st.lists(changes, min_size=1, max_size=5), look=looks)
    def publish(self, drawn: list[Any], look: bool) -> None:
        made: list[dict[str, Any]] = []
        with self.store.writer() as writer:
            for operation, where, what, delay in drawn:
                effective = None if delay is None else self.clock + timedelta(hours=delay)
                made.append(self._put(writer, operation, where, what, effective and max(effective, EPOCH)))
        (sequence,) = writer.published
        created = self.store.chain.read(sequence).header.created
        self.oracle.chain += [Change((sequence, row), created=created, **one) for row, one in enumerate(made)]
        self.look(look)

    @staticmethod
    def _put(writer: Writer, operation: Operation, where: Any, what: Any, effective: datetime | None) -> dict[str, Any]:
        first, last = (where, where) if isinstance(where, int) else where or (1, LIMIT - 1)
        route, donor = what, None
        if operation is Operation.PORT:
            writer.port(first, *route, effective=effective)
        elif operation is Operation.RELEASE:
            writer.release(first, last=None if isinstance(where, int) else last, effective=effective)
        elif operation is Operation.ASSIGN:
            writer.assign(first, last, *route, effective=effective)
        elif operation is Operation.WITHDRAW:
            writer.withdraw(first, last, effective=effective)
        else:
            route, donor = what[0], what[1:]
            interval = {} if where is None else {"first": first, "last": last}
            writer.mass_change(donor[0], *route, donor_routing_number=donor[1], effective=effective, **interval)
        columns = {"operation": operation, "first": first, "last": last, "route": route}
        return columns | {"donor": donor, "effective": effective}

    @rule(count=st.sampled_from([1, 4, 8, 16]), look=looks)
    def time_passes(self, count: int, look: bool) -> None:
        self.clock += timedelta(hours=count)
        self.look(look)

    @precondition(lambda self: self.store.chain.head.sequence > 5)
    @rule(to=st.sampled_from([EPOCH, datetime(2038, 2, 1, tzinfo=UTC), BEGAN, None]))
    def clock_jumps(self, to: datetime | None) -> None:
        self.clock = to or self.clock - timedelta(hours=7)
        self.look(True)
        self.clock = max(self.clock, BEGAN + timedelta(days=30))

    @rule()
    def refresh(self) -> None:
        self.keep(self.engine)
        self.engine.refresh(self.clock)
        self.seen = max(self.seen, self.clock)

    @rule()
    def refresh_late(self) -> None:
        self.keep(self.late)
        self.late.refresh(self.clock)
        self.late_seen = max(self.late_seen, self.clock)
        self.compare(self.late, self.late_seen)

    @rule()
    def reopen(self) -> None:
        self.engine, self.seen = self.opened(), self.clock

    @rule(look=looks)
    def fold(self, look: bool) -> None:
        base = self.store.newest().manifest.sequence
        with self.store.fold(self.clock) as draft:
            if draft:
                write_image(draft)
        if draft:
            self.settled[draft.sequence] = self.settled_by(base, draft.sequence)
        self.look(look)

    def settled_by(self, base: int, sequence: int) -> frozenset[Change]:
        """What a snapshot made over another one now has settled."""
        so_far = (one for one in self.oracle.chain if isinstance(one, Change) and one.sequence <= sequence)
        return self.settled[base] | {one for one in so_far if one.effective is None or one.effective <= self.clock}

    @rule(
        ported=st.dictionaries(numbers, routes, max_size=5),
        plan=st.lists(st.tuples(intervals(), st.none() | routes), max_size=3, unique_by=lambda one: one[0]),
        look=looks,
    )
    def bring(self, ported: dict[int, Route], plan: list[tuple[tuple[int, int], Route | None]], look: bool) -> None:
        head = self.store.chain.head
        base = self.store.newest().manifest.sequence
        ranges: list[Range] = [(*interval, route) for interval, route in plan]
        to_come = [
            one
            for one in self.oracle.chain
            if isinstance(one, Change) and one.sequence > base and (one.effective or LONG_AGO) > self.clock
        ]
        try:
            with self.store.draft(pytest.fail, self.clock) as draft:
                for batch in as_rows(ported, ranges):
                    draft.add(batch)
                write_image(draft)
        except InvalidRangeError:
            assert crosses(self.oracle.ranges(head.sequence + 1), ranges)
            return
        except StoreError:
            assert to_come
            return
        created = self.store.chain.head.created
        settled = self.settled_by(base, head.sequence)
        self.settled[draft.sequence] = settled
        self.oracle.chain.append(Import(draft.sequence, self.clock, created, ported, ranges, settled))
        self.look(look)

    @rule(share=st.floats(0, 1), stay=st.sampled_from([False, False, True]))
    def hold(self, share: float, stay: bool) -> None:
        first, last = self.store.snapshots()[0], self.store.chain.head.sequence
        sequence = first + round((last - first) * share)
        try:
            self.store.hold(sequence)
        except StoreError:
            below = max(kept for kept in self.store.snapshots() if kept <= sequence)
            imports = [one.sequence for one in self.oracle.chain if isinstance(one, Import)]
            assert any(below < one <= sequence for one in imports)
        self.look(True)
        if not stay:
            self.resume()

    @precondition(lambda self: self.store.held is not None)
    @rule()
    def resume(self) -> None:
        self.store.resume()
        self.look(True)

    def look(self, wanted: bool) -> None:
        """Bring the engine up to date, and see that it answers as it should; one that is opened now, too."""
        if wanted:
            self.refresh()
            self.compare(self.engine, self.seen)
            self.compare(self.opened(), self.clock)
            for number in HOT:
                self.check_holders(number)

    def compare(self, engine: Engine, moment: datetime) -> None:
        sequence, live = engine.sequence, self.store.current().manifest.sequence
        held = self.store.held
        assert sequence == (self.store.chain.head.sequence if held is None else held)
        expected = {number: self.oracle.now(number, sequence, moment, self.settled[live]) for number in ASKED}
        for number, answer in expected.items():
            dip = engine.dip(number)
            assert (dip.status, dip.carrier and dip.carrier.id, dip.routing_number) == said(answer), number
            assert (dip.range_holder and dip.range_holder.id) == (answer.held and answer.held[0]), number
        batch = engine.annotate(pa.array(ASKED, pa.uint64())).to_pylist()
        assert [(row["status"], row["carrier"], row["routing_number"] or "") for row in batch] == [
            said(answer) for answer in expected.values()
        ]
        codes = engine.route_codes(np.array(ASKED, dtype=np.uint64)).tolist()
        for code, answer in zip(codes, expected.values(), strict=True):
            assert bool(code) == bool(answer.route)

    @rule(number=numbers, data=st.data(), beside=st.sampled_from([-1, 0, 1]))
    def look_back(self, number: int, data: st.DataObject, beside: int) -> None:
        engine = self.engine
        moments = [moment for moment in self.oracle.moments(number, engine.sequence) if moment != LONG_AGO]
        moment = data.draw(st.sampled_from([BEGAN, *moments])) + timedelta(microseconds=beside)
        dip = engine.dip(number, at=moment)
        answer = self.oracle.at(number, engine.sequence, moment)
        assert (dip.status, dip.carrier and dip.carrier.id, dip.routing_number) == said(answer)
        assert (dip.range_holder and dip.range_holder.id) == (answer.held and answer.held[0])

    @rule(number=st.sampled_from(ASKED))
    def check_holders(self, number: int) -> None:
        sequence = self.engine.sequence
        expected: list[tuple[Any, ...]] = []
        for moment in self.oracle.moments(number, sequence) or [LONG_AGO]:
            answer = said(self.oracle.at(number, sequence, moment))
            if not expected or expected[-1][0] != answer:
                expected.append((answer, None if moment == LONG_AGO else moment))
        found = self.engine.history(number)
        holders = [(one.status, one.carrier and one.carrier.id, one.routing_number) for one in found]
        assert list(zip(holders, (one.since for one in found), strict=True)) == expected
        assert [one.until for one in found] == [*(since for _, since in expected[1:]), None]

    @rule(number=st.sampled_from(NUMBERS))
    def look_up_the_record(self, number: int) -> None:
        record, dip = self.engine.record(number), self.engine.dip(number)
        assert (record is not None) == dip.ported
        if record:
            assert (record.route.carrier, record.route.routing_number) == (dip.carrier, dip.routing_number)

    def keep(self, engine: Engine) -> None:
        generation = engine.generation
        self.kept = [*self.kept[-3:], (generation, matches(generation))]

    @invariant()
    def old_generations_answer_as_before(self) -> None:
        for generation, before in self.kept:
            assert matches(generation) == before

    @invariant()
    def codes_mean_the_same_for_ever(self) -> None:
        for engine in (self.engine, self.late):
            for code, route in engine.routes.items():
                meaning = route.carrier.id, route.routing_number
                assert self.codes.setdefault(code, meaning) == meaning


def said(answer: Answer) -> tuple[Status, str | None, str]:
    status = Status.PORTED if answer.ported else Status.NATIVE if answer.route else Status.UNALLOCATED
    return status, answer.route and answer.route[0], answer.route[1] if answer.route else ""


def matches(generation: Generation) -> list[int]:
    found = generation.index.match_many(np.array(ASKED, dtype=np.uint64)).tolist()
    assert found == [generation.index.match(number) for number in ASKED]
    assert all(code % ENTRY in generation.routes for code in found if code)
    return found


def as_rows(ported: dict[int, Route], ranges: list[Range]) -> list[pa.RecordBatch]:
    brought = [
        {"number": number, "carrier": carrier, "routing_number": digits} for number, (carrier, digits) in ported.items()
    ]
    plan = [
        {"first": first, "last": last, "carrier": held and held[0], "routing_number": held[1] if held else ""}
        for first, last, held in ranges
    ]
    return [
        pa.RecordBatch.from_pylist(brought, schema=rows.NUMBERS),
        pa.RecordBatch.from_pylist(plan, schema=rows.RANGES),
    ]


def crosses(nest: list[Range], ranges: list[Range]) -> bool:
    both = [*nest, *ranges]
    return any(first < begin <= last < end for first, last, _ in both for begin, end, _ in both)


TestFollowMachine = FollowMachine.TestCase
# Each step of a history folds, imports or opens a store: the smoke run has few of them.
EXAMPLES = hypothesis.settings.default.max_examples
TestFollowMachine.settings = hypothesis.settings(max_examples=300 if EXAMPLES > 100 else 8, stateful_step_count=25)
