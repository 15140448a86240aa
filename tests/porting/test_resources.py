"""Number resources: no number is assigned twice, and every change of holder goes out."""

from datetime import UTC, datetime, timedelta

import hypothesis.strategies as st
import pytest
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from sqlalchemy import select

from portdip.errors import InvalidRangeError, ResourceError
from portdip.exchange.changes import Operation
from portdip.porting import resources
from portdip.porting.actor import SYSTEM, Actor, Role
from portdip.porting.clock import VirtualClock
from portdip.porting.database import Database
from portdip.porting.resources import Range, RangeState
from portdip.porting.tables.outbox import OUTBOX

CENTRE = Actor("centre", Role.CENTRE)
BLOCK = 8610000000000
QUARANTINE = timedelta(days=90)


@pytest.fixture
def tx(database):
    with database.transaction() as transaction:
        yield transaction


def sent(tx):
    tx.write_appended()
    rows = tx.connection.execute(select(OUTBOX).order_by(OUTBOX.c.id)).all()
    return [(Operation(row.operation), row.number - BLOCK, row.last - BLOCK, row.carrier) for row in rows]


def spans(tx):
    return [(one.first - BLOCK, one.last - BLOCK, one.state, one.carrier) for one in resources.all_ranges(tx)]


def test_an_assigned_range_goes_out_and_is_found_by_its_numbers(tx):
    resources.assign(tx, CENTRE, BLOCK, BLOCK + 999, "CMCC", "new plan", routing_number="0A")
    assert sent(tx) == [(Operation.ASSIGN, 0, 999, "CMCC")]
    assert resources.range_of(tx, BLOCK + 500).carrier == "CMCC"
    assert resources.range_of(tx, BLOCK + 1000) is None
    assert resources.range_of(tx, BLOCK - 1) is None


@pytest.mark.parametrize(("first", "last"), [(0, 999), (500, 500), (900, 1100), (-5, 5), (-5, 2000)])
def test_no_number_is_assigned_twice(tx, first, last):
    resources.assign(tx, CENTRE, BLOCK, BLOCK + 999, "CMCC", "")
    with pytest.raises(ResourceError, match="cannot be had"):
        resources.assign(tx, CENTRE, BLOCK + first, BLOCK + last, "CUCC", "")
    assert spans(tx) == [(0, 999, RangeState.ASSIGNED, "CMCC")]


def test_part_of_a_range_is_pooled_and_assigned_to_another(tx):
    resources.assign(tx, CENTRE, BLOCK, BLOCK + 999, "CMCC", "")
    resources.pool(tx, CENTRE, BLOCK + 100, BLOCK + 199, "thousands pooling")
    resources.assign(tx, CENTRE, BLOCK + 100, BLOCK + 199, "CUCC", "")
    assert spans(tx) == [
        (0, 99, RangeState.ASSIGNED, "CMCC"),
        (100, 199, RangeState.ASSIGNED, "CUCC"),
        (200, 999, RangeState.ASSIGNED, "CMCC"),
    ]
    assert sent(tx)[1:] == [(Operation.WITHDRAW, 100, 199, None), (Operation.ASSIGN, 100, 199, "CUCC")]


def test_withdrawn_numbers_rest_before_they_are_used_again(database, clock):
    with database.transaction() as tx:
        resources.assign(tx, CENTRE, BLOCK, BLOCK + 999, "CMCC", "")
        resources.withdraw(tx, CENTRE, BLOCK, BLOCK + 499, "licence ended", quarantine=QUARANTINE)
        with pytest.raises(ResourceError, match="quarantined"):
            resources.assign(tx, CENTRE, BLOCK, BLOCK + 99, "CUCC", "")
        assert resources.release_due(tx, SYSTEM) == []
    clock.advance(QUARANTINE)
    with database.transaction() as tx:
        assert [one.count for one in resources.release_due(tx, SYSTEM)] == [500]
        resources.assign(tx, CENTRE, BLOCK, BLOCK + 99, "CUCC", "")


def test_a_split_sends_nothing(tx):
    resources.assign(tx, CENTRE, BLOCK, BLOCK + 999, "CMCC", "")
    low, high = resources.split(tx, CENTRE, BLOCK + 400, "two areas")
    assert (low.count, high.count) == (400, 600)
    resources.reroute(tx, CENTRE, BLOCK + 400, BLOCK + 999, "0C", "area code")
    assert [operation for operation, *_ in sent(tx)] == [Operation.ASSIGN, Operation.ASSIGN]
    assert resources.range_of(tx, BLOCK + 999).routing_number == "0C"


def test_utilization_counts_what_a_carrier_holds(tx):
    resources.assign(tx, CENTRE, BLOCK, BLOCK + 999, "CMCC", "")
    resources.assign(tx, CENTRE, BLOCK + 1000, BLOCK + 1499, "CUCC", "")
    resources.pool(tx, CENTRE, BLOCK, BLOCK + 99, "")
    found = {one.carrier: one for one in resources.utilization(tx)}
    assert (found["CMCC"].assigned, found["CUCC"].assigned) == (900, 500)
    assert found["CMCC"].share_kept == 1.0


@pytest.mark.parametrize(
    ("act", "error", "message"),
    [
        (lambda tx, do: do.assign(tx, CENTRE, 8610, 861, "CMCC", ""), InvalidRangeError, "not a range"),
        (lambda tx, do: do.assign(tx, CENTRE, 20, 10, "CMCC", ""), InvalidRangeError, "not a range"),
        (lambda tx, do: do.assign(tx, Actor("x", Role.DONOR, "CMCC"), 10, 20, "CMCC", ""), ResourceError, "not yours"),
        (lambda tx, do: do.pool(tx, CENTRE, BLOCK, BLOCK + 9, ""), ResourceError, "no range has"),
        (lambda tx, do: do.withdraw(tx, CENTRE, 1, 2, "", quarantine=QUARANTINE), ResourceError, "no range has"),
        (lambda tx, do: do.pool(tx, CENTRE, BLOCK + 90, BLOCK + 109, ""), ResourceError, "more than one holder"),
        (lambda tx, do: do.pool(tx, CENTRE, BLOCK + 190, BLOCK + 209, ""), ResourceError, "no range has"),
        (lambda tx, do: do.split(tx, CENTRE, BLOCK + 50, ""), ResourceError, "nothing to split"),
        (lambda tx, do: do.add(tx, CENTRE, BLOCK + 150, BLOCK + 250, ""), ResourceError, "a range at these numbers"),
    ],
)
def test_what_makes_no_sense_is_refused(tx, act, error, message):
    resources.assign(tx, CENTRE, BLOCK + 50, BLOCK + 99, "CMCC", "")
    resources.assign(tx, CENTRE, BLOCK + 100, BLOCK + 199, "CUCC", "")
    with pytest.raises(error, match=message):
        act(tx, resources)


class Ranges(RuleBasedStateMachine):
    """All acts at random, against a dict from number to (state, carrier); ten numbers are all there are."""

    def __init__(self):
        super().__init__()
        self.clock = VirtualClock(datetime(2026, 1, 1, tzinfo=UTC))
        self.database = Database.open("sqlite://", self.clock)
        self.known: dict[int, tuple[RangeState, str]] = {}
        self.until: dict[int, datetime] = {}

    def teardown(self):
        self.database.close()

    interval = st.tuples(st.integers(10, 19), st.integers(10, 19)).map(sorted)

    def attempt(self, numbers, may, act, after):
        """The act is done exactly if every number is in a state that it may be in."""
        first, last = numbers
        every = range(first, last + 1)
        holders = {self.known.get(number, ("", ""))[1] for number in every}
        allowed = may({self.known[number][0] if number in self.known else None for number in every}, holders)
        try:
            with self.database.transaction() as tx:
                act(tx, first, last)
        except ResourceError:
            assert not allowed
            return
        assert allowed
        self.known |= {number: after(self.known.get(number)) for number in every}

    @rule(numbers=interval, carrier=st.sampled_from("AB"))
    def assign(self, numbers, carrier):
        self.attempt(
            numbers,
            lambda states, _: states <= {None, RangeState.FREE, RangeState.POOLED},
            lambda tx, first, last: resources.assign(tx, CENTRE, first, last, carrier, ""),
            lambda _: (RangeState.ASSIGNED, carrier),
        )

    @rule(numbers=interval)
    def pool(self, numbers):
        self.attempt(
            numbers,
            lambda states, holders: states == {RangeState.ASSIGNED} and len(holders) == 1,
            lambda tx, first, last: resources.pool(tx, CENTRE, first, last, ""),
            lambda before: (RangeState.POOLED, before[1]),
        )

    @rule(numbers=interval)
    def withdraw(self, numbers):
        def act(tx, first, last):
            resources.withdraw(tx, CENTRE, first, last, "", quarantine=QUARANTINE)
            self.until |= dict.fromkeys(range(first, last + 1), tx.now + QUARANTINE)

        self.attempt(
            numbers,
            lambda states, holders: states <= {RangeState.ASSIGNED, RangeState.POOLED} and len(holders) == 1,
            act,
            lambda before: (RangeState.QUARANTINED, before[1]),
        )

    @rule(days=st.sampled_from([1, 89, 90]))
    def time_goes_by(self, days):
        self.clock.advance(timedelta(days=days))
        with self.database.transaction() as tx:
            resources.release_due(tx, SYSTEM)
        for number, (state, _) in self.known.items():
            if state is RangeState.QUARANTINED and self.until[number] <= self.clock.now():
                self.known[number] = (RangeState.FREE, "")

    @rule(at=st.integers(10, 19))
    @precondition(lambda self: self.known)
    def split(self, at):
        with self.database.transaction() as tx:
            found = resources.range_of(tx, at)
            if found is not None and found.first < at:
                resources.split(tx, CENTRE, at, "")

    @invariant()
    def ranges_say_what_was_done(self):
        with self.database.transaction() as tx:
            found: list[Range] = resources.all_ranges(tx)
        numbers = [number for one in found for number in range(one.first, one.last + 1)]
        assert len(numbers) == len(set(numbers))
        said = {number: (one.state, one.carrier) for one in found for number in range(one.first, one.last + 1)}
        assert said == self.known


TestRanges = Ranges.TestCase
TestRanges.settings = settings(stateful_step_count=30, max_examples=40)
