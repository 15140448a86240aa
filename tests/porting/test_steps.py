"""What sides say between submission and cut-over: answers, conflicts, cancels, disputes, timers."""

from datetime import UTC, datetime, timedelta

import pytest

from portdip.errors import ForbiddenActError, MoveRefusedError
from portdip.porting.states import Act, State
from tests.porting.world import CENTRE, REGULATOR, desk, donor, recipient

HOUR = timedelta(hours=1)


def do(world, step, order, *arguments, **more):
    """One step in a transaction of its own; the order before it is read anew."""
    with world.database.transaction() as tx:
        return getattr(world.steps, step)(tx, world.orders.get(tx, order.reference), *arguments, **more)


def fire(world, order):
    """Let the order's timer run out."""
    world.advance_to(world.now_of(order).due)
    return do(world, "timer_due", order)


def test_a_donor_names_the_first_possible_date_and_the_order_is_set_for_it(world):
    order = world.in_country("nl").port(world.number())
    date = world.clock.now() + timedelta(days=3)
    order = do(world, "approve", order, donor(), "yes", first_possible=date)
    assert (order.state, order.slot) == (State.SCHEDULED, date)


def test_no_date_is_named_where_the_profile_has_its_own_slots(world):
    order = world.in_country("nanp").port(world.number())
    with pytest.raises(MoveRefusedError, match="first possible date"):
        do(world, "approve", order, donor(), "yes", first_possible=world.clock.now())


def test_a_donor_refuses_for_reasons_that_the_profile_knows(world):
    order = world.in_country("nl").port(world.number())
    for reasons in ((), ("we would rather not",), ("no-answer",)):
        with pytest.raises(MoveRefusedError, match="needs reasons"):
            do(world, "refuse", order, donor(), reasons, "no")
    order = do(world, "refuse", order, donor(), ("contract-running",), "no")
    assert (order.state, order.reasons, order.is_open) == (State.REJECTED, ("contract-running",), False)


def test_where_a_code_decides_the_donor_has_nothing_to_say(world):
    order = world.port(world.number())
    for step, arguments in {"approve": ("yes",), "refuse": (("code-invalid",), "no")}.items():
        with pytest.raises(ForbiddenActError, match="the authorization code has decided"):
            do(world, step, order, donor(), *arguments)


def test_a_delay_puts_the_answer_off_and_cannot_end_in_the_past(world):
    order = world.in_country("nl").port(world.number())
    later = world.clock.now() + timedelta(days=9)
    assert do(world, "delay", order, donor(), later, "ill").due == later
    with pytest.raises(MoveRefusedError):
        do(world, "delay", order, donor(), world.clock.now(), "ill")


def test_a_silent_donor_in_america_has_agreed_after_two_timers(world):
    world.advance_to(datetime(2026, 6, 1, 13, 0, tzinfo=UTC))  # eight in the morning in Chicago
    order = world.in_country("nanp").port(world.number())
    assert (order.timer, order.due) == ("initial-concurrence", world.clock.now() + HOUR)
    order = fire(world, order)
    assert (order.state, order.timer) == (State.AWAITING_DONOR, "final-concurrence")
    assert fire(world, order).state is State.SCHEDULED


def test_a_timer_of_business_hours_stops_for_the_night_and_the_weekend(world):
    world.advance_to(datetime(2026, 6, 5, 23, 30, tzinfo=UTC))  # Friday, half past six in the evening in Chicago
    order = world.in_country("nanp").port(world.number())
    assert order.due == datetime(2026, 6, 8, 12, 30, tzinfo=UTC)


def test_a_silent_donor_in_the_netherlands_has_refused(world):
    order = world.in_country("nl").port(world.number())
    order = fire(world, fire(world, order))
    assert (order.state, order.reasons) == (State.REJECTED, ("no-answer",))


def test_a_timer_that_is_not_due_does_nothing(world):
    order = world.in_country("nl").port(world.number())
    assert do(world, "timer_due", order) == order


def test_a_code_expires_by_its_timer_and_the_order_with_it(world):
    number = world.subscriber(world.number())
    code = world.code(number)
    with world.database.transaction() as tx:
        order = world.orders.open_of(tx, number)
    assert fire(world, order).state is State.CODE_EXPIRED
    assert world.submit(number, code=world.code(number)).state is State.SCHEDULED
    assert code


def test_an_approval_lapses_ninety_days_after_the_first_possible_date(world):
    order = world.in_country("nl").port(world.number())
    date = world.clock.now() + timedelta(days=3)
    with world.database.transaction() as tx:
        order = world.orders.get(tx, order.reference)
        timer = world.profile.timer_of(State.APPROVED)
        due = world.profile.due(timer, date)
        order = world.orders.move(tx, order, Act.APPROVE, donor(), "yes", timer=timer, due=due)
    assert order.due == date + timedelta(days=90)
    assert fire(world, order).state is State.CANCELLED


def test_a_donor_objects_once_and_the_recipient_resolves_after_six_hours(world):
    order = world.in_country("nanp").scheduled(world.number())
    order = do(world, "object", order, donor(), "wrong account")
    assert (order.state, order.slot) == (State.CONFLICT, None)
    with pytest.raises(MoveRefusedError, match="not resolve the conflict yet"):
        do(world, "resolve", order, recipient(), "checked")
    world.clock.advance(6 * HOUR)
    order = do(world, "resolve", order, recipient(), "checked")
    assert order.state is State.SCHEDULED
    with pytest.raises(MoveRefusedError, match="1 times"):
        do(world, "object", order, donor(), "again")


def test_a_conflict_that_nobody_resolves_ends_after_thirty_days(world):
    order = world.in_country("nanp").scheduled(world.number())
    order = do(world, "object", order, donor(), "wrong account")
    assert order.due == world.clock.now() + timedelta(days=30)
    assert fire(world, order).state is State.CANCELLED


def test_a_cancel_waits_for_the_other_side_and_can_be_taken_back(world):
    order = world.in_country("nanp").scheduled(world.number())
    order = do(world, "cancel", order, recipient(), "changed their mind")
    assert order.state is State.CANCEL_PENDING
    with pytest.raises(MoveRefusedError):
        do(world, "acknowledge_cancel", order, recipient(), "yes")
    with pytest.raises(ForbiddenActError):
        do(world, "undo_cancel", order, donor(), "no")
    assert do(world, "undo_cancel", order, recipient(), "no").state is State.SCHEDULED
    order = do(world, "cancel", order, recipient(), "changed their mind again")
    assert do(world, "acknowledge_cancel", order, donor(), "yes").state is State.CANCELLED


@pytest.mark.parametrize(("who", "after"), [(recipient, State.CANCELLED), (donor, State.CONFLICT)])
def test_a_cancel_without_an_answer_goes_by_who_is_silent(world, who, after):
    order = world.in_country("nanp").scheduled(world.number())
    order = do(world, "cancel", order, who(), "stop")
    assert fire(world, fire(world, order)).state is after


def test_a_chinese_donor_cannot_stop_a_port_the_recipient_can(world):
    order = world.port(world.number())
    with pytest.raises(ForbiddenActError, match="does not cancel"):
        do(world, "cancel", order, donor(), "stay")
    assert do(world, "cancel", order, desk("BETA"), "they stay").state is State.CANCELLED


def test_in_india_a_port_can_be_cancelled_for_a_day(world):
    order = world.in_country("in").port(world.number())
    world.clock.advance(timedelta(hours=24, microseconds=1))
    with pytest.raises(MoveRefusedError, match="time for a cancel"):
        do(world, "cancel", order, desk("BETA"), "they stay")
    assert do(world, "cancel", order, REGULATOR, "by order").state is State.CANCELLED


def test_a_dispute_freezes_in_the_netherlands(world):
    order = world.in_country("nl").port(world.number())
    order = do(world, "dispute", order, desk("BETA"), "not the owner")
    assert (order.state, order.due, order.timer) == (State.AWAITING_DONOR, None, "answer")
    with pytest.raises(MoveRefusedError, match="stands still"):
        do(world, "approve", order, donor(), "yes")
    world.clock.advance(timedelta(days=3))
    order = do(world, "settle", order, REGULATOR, "is the owner")
    assert order.due == world.profile.due("answer", world.clock.now())
    with pytest.raises(MoveRefusedError, match="not disputed"):
        do(world, "settle", order, REGULATOR, "again")


def test_a_slot_that_passed_during_a_dispute_is_chosen_anew(world):
    order = world.in_country("nl").scheduled(world.number())
    do(world, "dispute", order, desk("BETA"), "not the owner")
    world.clock.advance(timedelta(days=9))
    order = do(world, "settle", order, CENTRE, "is the owner")
    assert (order.state, order.slot) == (State.SCHEDULED, world.clock.now())


def test_a_dispute_is_a_note_in_china(world):
    order = world.port(world.number())
    order = do(world, "dispute", order, donor(), "unpaid roaming")
    with world.database.transaction() as tx:
        assert world.orders.move(tx, order, Act.CUT_OVER, CENTRE, "slot").state is State.BROADCASTING


def test_a_scheduled_order_can_be_set_for_a_later_wish(world):
    order = world.scheduled(world.number())
    wished = order.slot + timedelta(days=2, minutes=5)
    again = do(world, "schedule", order, desk("BETA"), "next week", wished)
    assert again.slot == order.slot + timedelta(days=2, hours=1)
