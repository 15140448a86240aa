"""A rule machine over whole ports: any act by anybody at any time, under every profile, on both databases.

Numbers are few, so that orders meet. What must always hold is read from the database itself after every step.
"""

import contextlib
import dataclasses
import itertools
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test
from sqlalchemy import select

from portdip.errors import PortingError
from portdip.porting import audit
from portdip.porting.actor import CARRIER_ROLES, SYSTEM, Actor, Role
from portdip.porting.audit_record import BEGINNING
from portdip.porting.clock import VirtualClock
from portdip.porting.database import Database
from portdip.porting.orders import Order
from portdip.porting.states import ACTIVE, MOVES, OPEN, ROLES, Act, State
from portdip.porting.tables import METADATA
from portdip.porting.tables.audit import AUDIT, AUDIT_HEAD
from portdip.porting.tables.codes import CODES
from portdip.porting.tables.orders import EVENTS, ORDERS
from tests.conftest import FULL
from tests.porting.conftest import START
from tests.porting.world import CARRIERS, World

STOPS = ["cancel", "acknowledge_cancel", "undo_cancel"]
PLACES = st.integers(0, 1)
CARRIER = st.sampled_from(CARRIERS)
#: A role, and mostly no carrier, which stands for the right one.
WHO = st.tuples(st.sampled_from(Role), st.sampled_from(["", "", "", *CARRIERS]))
WAITS = st.sampled_from([timedelta(hours=1), timedelta(hours=9), timedelta(days=4), timedelta(days=130)])

#: Moves that the other rules make, with all that belongs to them.
WITH_MORE = frozenset(
    {Act.ISSUE_CODE, Act.EXPIRE_CODE, Act.SUBMIT, Act.SCHEDULE, Act.CANCEL, Act.REQUEST_CANCEL}
    | {Act.CUT_OVER, Act.COMPLETE, Act.COMPLETE_RELEASE, Act.MISS, Act.SUPERSEDE}
)


def actor_of(order: Order, role: Role, carrier: str) -> Actor:
    """Somebody of this role: of the carrier given, or of the one that the role stands for."""
    if role not in CARRIER_ROLES:
        return Actor("somebody", role)
    stands_for = {Role.DONOR: order.donor, Role.RANGE_HOLDER: order.range_holder}.get(role, order.recipient)
    return Actor("somebody", role, carrier or stands_for or order.donor)


class Ports(RuleBasedStateMachine):
    """Each example begins with an empty database."""

    def __init__(self, database: Database, clock: VirtualClock, country: str) -> None:
        super().__init__()
        with database.transaction() as tx:
            for table in reversed(METADATA.sorted_tables):
                tx.connection.execute(table.delete())
            tx.connection.execute(AUDIT_HEAD.insert(), {"id": 1, "sequence": 0, "digest": BEGINNING})
        clock.set(START)
        self.world = World(database, clock).in_country(country)
        self.codes: dict[int, str] = {}

    def orders(self, *conditions) -> list[Order]:
        with self.world.database.reading() as connection:
            return self.world.orders.where(connection, *conditions, limit=1000)

    def some_order(self, choice: int) -> Order | None:
        found = self.orders()
        return found[choice % len(found)] if found else None

    def tried(self, act, *arguments, **more):
        """Do it if it is allowed; a refusal leaves everything as it was."""
        before = self.orders()
        try:
            return act(*arguments, **more)
        except PortingError:
            pass
        assert self.orders() == before, "refused, and yet something changed"
        return None

    def in_transaction(self, step, order: Order, *arguments, **more):
        def run():
            with self.world.database.transaction() as tx:
                return step(tx, self.world.orders.get(tx, order.reference, order.revision), *arguments, **more)

        return self.tried(run)

    def serving(self, place: int) -> str:
        active = self.orders(ORDERS.c.number == self.world.number(place), ORDERS.c.is_active)
        return active[0].recipient if active else "ALPHA"

    @precondition(lambda self: self.world.profile.code)
    @rule(place=PLACES, carrier=CARRIER, right=st.booleans())
    def ask_for_a_code(self, place, carrier, right):
        """At the carrier that serves the number, or at any."""
        carrier = self.serving(place) if right else carrier
        number = self.world.subscriber(self.world.number(place), carrier)
        code = self.tried(self.world.code, number, carrier)
        if code:
            self.codes[place] = code

    @rule(place=PLACES, to=CARRIER, good=st.sampled_from([True, True, True, False]))
    def submit(self, place, to, good):
        number = self.world.number(place)
        if self.world.profile.code and good and not self.orders(ORDERS.c.number == number, ORDERS.c.is_open):
            self.ask_for_a_code(place, to, True)
        self.tried(self.world.submit, number, to, self.codes.get(place, "") if good else "999")

    @rule(wait=WAITS)
    def wait_and_cut_over(self, wait):
        self.world.clock.advance(wait)
        for _ in range(3):
            self.cut_over(0, False)

    @rule(choice=st.integers(0, 100), act=st.sampled_from(Act), who=WHO)
    def do_anything(self, choice, act, who):
        """What the table or the roles forbid is refused."""
        order = self.some_order(choice)
        if order is None:
            return
        allowed = (order.state, act) in MOVES and who[0] in ROLES[act]
        if act in WITH_MORE and allowed:
            return
        changes = {"recipient": "GAMMA"} if act is Act.AUTHORIZE else {}
        moved = self.in_transaction(
            self.world.orders.move,
            order,
            act,
            actor_of(order, *who),
            "anything",
            **changes,
        )
        assert moved is None or allowed

    @rule(
        choice=st.integers(0, 100),
        who=WHO,
        step=st.sampled_from(["approve", "object", "resolve", "schedule"]),
    )
    def decide(self, choice, who, step):
        if order := self.some_order(choice):
            self.in_transaction(getattr(self.world.steps, step), order, actor_of(order, *who), "decided")

    @rule(choice=st.integers(0, 100), who=WHO, days=st.integers(1, 5))
    def approve_for_a_date(self, choice, who, days):
        if order := self.some_order(choice):
            date = self.world.clock.now() + timedelta(days=days)
            self.in_transaction(
                self.world.steps.approve,
                order,
                actor_of(order, *who),
                "decided",
                first_possible=date,
            )
            self.in_transaction(self.world.steps.delay, order, actor_of(order, *who), date, "later")

    @rule(choice=st.integers(0, 100), who=WHO, step=st.sampled_from(STOPS))
    def stop(self, choice, who, step):
        if order := self.some_order(choice):
            self.in_transaction(getattr(self.world.steps, step), order, actor_of(order, *who), "stopped")

    @rule(
        choice=st.integers(0, 100),
        who=WHO,
        step=st.sampled_from(["dispute", "settle"]),
    )
    def quarrel(self, choice, who, step):
        if order := self.some_order(choice):
            self.in_transaction(getattr(self.world.steps, step), order, actor_of(order, *who), "quarrel")

    @rule(choice=st.integers(0, 100), late=st.booleans())
    def cut_over(self, choice, late):
        """What `portdip.porting.cutover` does in the end, without the chain."""
        due = [
            order for order in self.orders(ORDERS.c.state == State.SCHEDULED) if order.slot <= self.world.clock.now()
        ]
        if not due:
            return
        order = due[choice % len(due)]
        order = self.in_transaction(self.world.orders.move, order, Act.CUT_OVER, SYSTEM, "slot")
        if order is None:
            return

        def complete(tx, order):
            before = self.world.orders.active_of(tx, order.number)
            if before is not None:
                self.world.orders.move(tx, before, Act.SUPERSEDE, SYSTEM, "a later port")
            act = Act.COMPLETE_RELEASE if order.releases else Act.MISS if late else Act.COMPLETE
            return self.world.orders.move(tx, order, act, SYSTEM, "nodes", activated=tx.now)

        self.in_transaction(complete, order)

    @rule(choice=st.integers(0, 100))
    def let_a_timer_fire(self, choice):
        due = self.orders(ORDERS.c.due <= self.world.clock.now(), ORDERS.c.timer != "quarantine")
        if due:
            self.in_transaction(self.world.steps.timer_due, due[choice % len(due)])

    @rule(wait=WAITS)
    def wait(self, wait):
        self.world.clock.advance(wait)

    @rule()
    def clock_goes_back(self):
        self.world.clock.advance(-timedelta(minutes=30))

    @rule(choice=st.integers(0, 100))
    def act_on_what_has_changed(self, choice):
        """A revision of before is refused, whatever the act."""
        order = self.some_order(choice)
        if order is None or order.revision == 1:
            return
        with pytest.raises(PortingError), self.world.database.transaction() as tx:
            self.world.orders.get(tx, order.reference, order.revision - 1)

    @invariant()
    def a_number_has_one_open_and_one_active_order(self):
        orders = self.orders()
        for states in (OPEN, ACTIVE):
            numbers = [order.number for order in orders if order.state in states]
            assert len(numbers) == len(set(numbers))
        assert all(order.is_open == (order.state in OPEN) for order in orders)
        assert all(order.is_active == (order.state in ACTIVE) for order in orders)

    @invariant()
    def version_ids_only_grow(self):
        by_number: dict[int, list[int]] = {}
        for order in self.orders():  # in the order of their ids
            by_number.setdefault(order.number, []).append(order.version)
        assert all(versions == sorted(set(versions)) for versions in by_number.values())

    @invariant()
    def no_order_is_in_a_state_that_the_profile_skips(self):
        assert not {order.state for order in self.orders()} & self.world.profile.skipped

    @invariant()
    def every_move_is_in_the_audit_and_told(self):
        with self.world.database.reading() as connection:
            rows = connection.execute(select(AUDIT).order_by(AUDIT.c.sequence)).all()
            told = connection.execute(select(EVENTS.c.reference, EVENTS.c.body)).all()
        for order in self.orders():
            path = [row for row in rows if row.subject == order.reference and row.act != "try-code"]
            assert len(path) == order.revision
            assert all(one.after == next_.before for one, next_ in itertools.pairwise(path))
            assert path[-1].after == order.state
            assert all(row.cause and row.rule.startswith(f"{order.profile}: ") for row in path)
            assert {event.body["revision"] for event in told if event.reference == order.reference} == set(
                range(1, order.revision + 1)
            )

    @invariant()
    def a_code_is_live_only_while_its_order_waits_for_it(self):
        with self.world.database.reading() as connection:
            query = select(ORDERS.c.state).join(CODES, CODES.c.order_id == ORDERS.c.id).where(CODES.c.status == "live")
            states = set(connection.execute(query).scalars())
        assert states <= {State.CODE_ISSUED}

    def teardown(self):
        audit.verify(self.world.database)


@pytest.mark.parametrize("country", ["cn", "nanp", "nl", "in"])
def test_no_sequence_of_acts_breaks_what_must_hold(database, clock, country):
    run_state_machine_as_test(
        lambda: Ports(database, clock, country),
        settings=settings(
            max_examples=100 if FULL else 8,
            stateful_step_count=60 if FULL else 30,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )


def test_no_role_does_what_is_not_its_own(world):
    """The table of roles, walked through all states: the wrong role, and the right role of another carrier."""
    order = world.port(world.number())
    refused = 0
    for state, act in MOVES:
        there = dataclasses.replace(order, state=state)
        for role in Role:
            stranger = Actor("somebody", role, "GAMMA" if role in CARRIER_ROLES else "")
            if role in CARRIER_ROLES or role not in ROLES[act]:
                assert refuses(world, there, act, stranger), (state, act, role)
                refused += 1
    assert refused > 300


def refuses(world, order, act, actor) -> bool:
    with contextlib.suppress(PortingError), world.database.transaction() as tx:
        world.orders.move(tx, order, act, actor, "test")
        return False
    return True
