"""After the port: suspended, returned, corrected, reversed."""

from datetime import timedelta

import pytest

from portdip.errors import ForbiddenActError, MoveRefusedError, PortOngoingError, ReversalError
from portdip.exchange.changes import Operation
from portdip.porting.actor import Actor, Role
from portdip.porting.after import reversals_of
from portdip.porting.orders import OrderKind
from portdip.porting.states import Act, State
from tests.porting.cutting import CENTRE, DONOR, FIRST, RECIPIENT, REGULATOR, Layer

OTHER = Actor("porting desk of CTCC", Role.DONOR, "CTCC")


@pytest.fixture
def layer(database, tmp_path):
    return Layer(database, tmp_path / "store")


@pytest.fixture
def port(layer):
    (order,) = layer.ported(1)
    return order


def numbers_of(layer, port):
    with layer.database.reading() as connection:
        return layer.orders.of_number(connection, port.number)


def ask(layer, port, actor, cause="wrong subscriber"):
    with layer.database.transaction() as tx:
        return layer.after.ask_reversal(tx, layer.seen(port), actor, cause)


def approve(layer, port, actor):
    with layer.database.transaction() as tx:
        return layer.after.approve_reversal(tx, layer.seen(port), actor)


def test_a_suspended_port_still_serves_the_number_and_is_resumed(layer, port):
    changes = layer.changes()
    assert layer.move(port, Act.SUSPEND, DONOR, "arrears").is_active
    assert layer.move(port, Act.RESUME, DONOR, "paid").state is State.ACTIVE
    layer.cut_over.step()
    assert layer.changes() == changes


def test_the_recipient_cannot_suspend(layer, port):
    with pytest.raises(ForbiddenActError):
        layer.move(port, Act.SUSPEND, RECIPIENT, "arrears")


def test_a_suspended_number_may_be_ported_on(layer, port):
    layer.move(port, Act.SUSPEND, DONOR, "arrears")
    (second,) = layer.ported(1, donor="CUCC", recipient="CTCC")
    assert layer.states([port, second]) == [State.SUPERSEDED, State.ACTIVE]


def test_a_returned_number_goes_home_after_its_release(layer, port):
    layer.register("north")
    order = layer.move(port, Act.RETURN, RECIPIENT, "subscriber left")
    assert (order.state, order.timer) == (State.RETURN_PENDING, "quarantine")
    with layer.database.transaction() as tx:
        layer.after.release(tx, layer.seen(port), RECIPIENT, "early")
    layer.cut_over.step()
    assert layer.states([port]) == [State.RETURNING]
    layer.arrive()
    assert layer.states([port]) == [State.RETURNED]
    assert [row["operation"] for row in layer.changes()] == [Operation.PORT, Operation.RELEASE]


def test_a_subscriber_who_comes_back_keeps_the_number(layer, port):
    layer.move(port, Act.RETURN, RECIPIENT)
    assert layer.move(port, Act.KEEP, RECIPIENT).state is State.ACTIVE


def test_a_number_in_quarantine_is_not_ported(layer, port):
    layer.move(port, Act.RETURN, RECIPIENT)
    with pytest.raises(PortOngoingError):
        layer.scheduled(1, donor="CUCC", recipient="CTCC")


def test_a_wrong_port_is_put_right_at_once(layer, port):
    with layer.database.transaction() as tx:
        right = layer.after.correct(tx, layer.seen(port), REGULATOR, "CTCC", "0C", "ported to the wrong carrier")
    layer.cut_over.step()
    assert layer.states([port, right]) == [State.SUPERSEDED, State.ACTIVE]
    right = layer.seen(right)
    assert (right.kind, right.donor, right.recipient, right.supersedes) == (
        OrderKind.CORRECTION,
        "CUCC",
        "CTCC",
        port.id,
    )
    assert layer.changes()[-1]["carrier"] == "CTCC"


def test_a_correction_home_releases_the_number(layer, port):
    with layer.database.transaction() as tx:
        layer.after.correct(tx, layer.seen(port), CENTRE, "CMCC", "", "never applied for")
    layer.cut_over.step()
    assert layer.changes()[-1]["operation"] == Operation.RELEASE


@pytest.mark.parametrize("actor", [DONOR, RECIPIENT])
def test_a_carrier_cannot_correct(layer, port, actor):
    with pytest.raises(ForbiddenActError), layer.database.transaction() as tx:
        layer.after.correct(tx, port, actor, "CTCC", "", "")


def test_a_correction_to_who_serves_the_number_is_none(layer, port):
    with pytest.raises(MoveRefusedError), layer.database.transaction() as tx:
        layer.after.correct(tx, port, CENTRE, "CUCC", "", "")


@pytest.mark.parametrize(
    ("first", "second"), [(DONOR, RECIPIENT), (RECIPIENT, DONOR), (DONOR, REGULATOR), (CENTRE, REGULATOR)]
)
def test_two_sides_reverse_a_port(layer, port, first, second):
    asked = ask(layer, port, first)
    assert (asked.approved_by, asked.decided) == ((first.name,), None)
    layer.cut_over.step()
    assert layer.states([port]) == [State.ACTIVE]
    done = approve(layer, port, second)
    assert set(done.approved_by) == {first.name, second.name}
    assert done.decided is not None
    layer.cut_over.step()
    reverse, before = numbers_of(layer, port)
    assert (reverse.kind, reverse.state, reverse.id) == (OrderKind.REVERSAL, State.RETURNED, done.reverse_order_id)
    assert before.state is State.SUPERSEDED
    assert layer.changes()[-1]["operation"] == Operation.RELEASE


def test_the_reversal_of_a_second_port_brings_the_number_to_its_donor(layer, port):
    (second,) = layer.ported(1, donor="CUCC", donor_routing_number="0B17", recipient="CTCC", routing_number="0C")
    ask(layer, second, CENTRE)
    approve(layer, second, REGULATOR)
    layer.cut_over.step()
    change = layer.changes()[-1]
    assert (change["operation"], change["carrier"], change["routing_number"]) == (Operation.PORT, "CUCC", "0B17")


@pytest.mark.parametrize(
    "second", [DONOR, Actor(DONOR.name, Role.REGULATOR), Actor("another desk", Role.DONOR, "CMCC")]
)
def test_one_person_or_one_side_cannot_approve_twice(layer, port, second):
    ask(layer, port, DONOR)
    with pytest.raises(ReversalError, match="approved already"):
        approve(layer, port, second)
    with layer.database.transaction() as tx:
        (kept,) = reversals_of(tx, port)
    assert kept.approved_by == (DONOR.name,)


@pytest.mark.parametrize("actor", [OTHER, Actor("shop", Role.DESK, "CMCC"), Actor("x", Role.RANGE_HOLDER, "CMCC")])
def test_others_neither_ask_nor_approve(layer, port, actor):
    with pytest.raises(ForbiddenActError):
        ask(layer, port, actor)
    ask(layer, port, DONOR)
    with pytest.raises(ForbiddenActError):
        approve(layer, port, actor)


def test_a_reversal_comes_too_late_after_the_profiles_days(layer, port, clock):
    clock.advance(timedelta(days=7, seconds=1))
    with pytest.raises(ReversalError, match="too late"):
        ask(layer, port, DONOR)


def test_a_reversal_is_asked_for_once_and_may_be_refused(layer, port):
    ask(layer, port, DONOR)
    with pytest.raises(ReversalError, match="asked for already"):
        ask(layer, port, RECIPIENT)
    with layer.database.transaction() as tx:
        refused = layer.after.refuse_reversal(tx, port, REGULATOR, "the port was right")
    assert (refused.reverse_order_id, refused.decided is not None) == (None, True)
    with pytest.raises(ReversalError, match="no reversal"):
        approve(layer, port, RECIPIENT)
    ask(layer, port, RECIPIENT)


def test_a_port_under_way_is_not_reversed(layer):
    (order,) = layer.scheduled(1)
    with pytest.raises(ReversalError, match="does not say"):
        ask(layer, order, DONOR)
    assert order.number == FIRST + 1
