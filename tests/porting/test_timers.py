"""What the profile does by itself, once, when it is due."""

from datetime import timedelta

import pytest

from portdip.errors import QuotaError
from portdip.porting.states import Act, State
from portdip.porting.steps import Steps
from portdip.porting.timers import Timers
from tests.porting.cutting import CENTRE, FIRST, RECIPIENT, Layer

DAY = timedelta(days=1)


@pytest.fixture
def layer(database, tmp_path):
    return Layer(database, tmp_path / "store")


@pytest.fixture
def timers(layer):
    return Timers(layer.database, Steps(layer.orders), layer.after)


def draft(layer, offset, profile="cn"):
    with layer.database.transaction() as tx:
        values = {"donor": "CMCC", "recipient": "CUCC", "range_holder": "CMCC"}
        return layer.orders.open(tx, CENTRE, "a test", profile=profile, number=FIRST + offset, **values)


def test_what_is_due_is_done_at_its_moment_and_once(layer, timers, clock):
    order = draft(layer, 1)
    clock.advance(DAY - timedelta(microseconds=1))
    assert timers.step() == 0
    clock.advance(timedelta(microseconds=1))
    assert timers.step() == 1
    assert layer.states([order]) == [State.CANCELLED]
    assert timers.step() == 0


def test_what_came_due_while_nothing_ran_is_done_later(layer, timers, clock):
    orders = [draft(layer, offset) for offset in range(5)]
    clock.advance(40 * DAY)
    assert timers.step() == 5
    assert set(layer.states(orders)) == {State.CANCELLED}


def test_many_due_timers_are_all_done(layer, timers, clock, monkeypatch):
    monkeypatch.setattr("portdip.porting.timers._TOGETHER", 3)
    for offset in range(10):
        draft(layer, offset)
    clock.advance(DAY)
    assert timers.step() == 10


def test_a_silent_donor_is_reminded_and_then_taken_to_agree(layer, timers, clock):
    order = draft(layer, 1, "nanp")
    layer.move(order, Act.SUBMIT, RECIPIENT)
    layer.move(order, Act.VALIDATE, CENTRE)
    layer.move(order, Act.ACCEPT, CENTRE)
    seen = [layer.seen(order).timer]
    for _ in range(2):
        clock.set(layer.seen(order).due)
        assert timers.step() == 1
        seen.append(layer.seen(order).timer)
    assert seen[:2] == ["initial-concurrence", "final-concurrence"]
    assert layer.seen(order).state in (State.APPROVED, State.SCHEDULED)
    with layer.database.reading() as connection:
        rules = connection.exec_driver_sql("SELECT rule FROM audit WHERE act IN ('remind', 'approve')").scalars().all()
    assert rules == ["nanp: timers.initial-concurrence", "nanp: timers.final-concurrence"]


def test_a_quarantine_ends_with_the_release_of_the_number(layer, timers, clock):
    (order,) = layer.ported(1)
    layer.move(order, Act.RETURN, RECIPIENT)
    clock.advance(90 * DAY)
    assert timers.step() == 1
    assert layer.states([order]) == [State.RETURNING]
    layer.cut_over.step()
    assert layer.states([order]) == [State.RETURNED]


def test_a_timer_that_cannot_be_carried_out_keeps_no_other_from_it(layer, timers, clock, monkeypatch):
    (stuck, fine) = draft(layer, 1), draft(layer, 2)
    due = Steps.timer_due

    def refused(self, tx, order):
        if order.number == stuck.number:
            raise QuotaError("no slot has room")
        return due(self, tx, order)

    monkeypatch.setattr(Steps, "timer_due", refused)
    clock.advance(DAY)
    timers.step()
    assert layer.states([stuck, fine]) == [State.DRAFT, State.CANCELLED]
    monkeypatch.undo()
    assert timers.step() == 0
    clock.advance(timedelta(minutes=15))
    assert timers.step() == 1
    assert layer.states([stuck]) == [State.CANCELLED]


def test_a_clock_that_goes_back_brings_nothing_forward(layer, timers, clock):
    draft(layer, 1)
    clock.advance(-DAY)
    assert timers.step() == 0
    clock.advance(2 * DAY)
    assert timers.step() == 1
