"""Complaints go to the operator first, then to the regulator, by the profile's clocks."""

import itertools
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from portdip.errors import SupervisionError
from portdip.porting.actor import CARRIER_ROLES, SYSTEM, Actor, Role
from portdip.porting.supervision import complaints
from portdip.porting.supervision.complaints import ENDED, MOVES, ROLES, Deed, Stage
from portdip.porting.tables.audit import AUDIT

DESK = Actor("shop 7", Role.DESK, "CUCC")
OPERATOR = Actor("service", Role.DONOR, "CMCC")
REGULATOR = Actor("officer", Role.REGULATOR)


@pytest.fixture
def complaint(office):
    with office.database.transaction() as tx:
        return complaints.open_new(tx, office.profile, DESK, "CMCC", "the code was refused", number=8613800000000)


def move(office, found, deed, actor):
    with office.database.transaction() as tx:
        return complaints.move(tx, office.profile, found, deed, actor, "because")


def run_due(office):
    with office.database.transaction() as tx:
        return complaints.run_due(tx, office.profiles)


def again(office, found):
    with office.database.reading() as connection:
        return complaints.find(connection, found.reference)


def test_the_operator_answers_and_the_subscriber_is_satisfied(office, complaint):
    assert complaint.due - office.clock.now() == timedelta(days=15)
    answered = move(office, complaint, Deed.ANSWER, OPERATOR)
    assert (answered.stage, answered.due, answered.answered) == (Stage.ANSWERED, None, office.clock.now())
    settled = move(office, answered, Deed.SATISFY, DESK)
    assert (settled.stage, settled.ended) == (Stage.SETTLED, office.clock.now())
    assert again(office, complaint) == settled


def test_the_regulator_is_not_asked_while_the_operator_has_time(office, complaint):
    with pytest.raises(SupervisionError, match="still has time"):
        move(office, complaint, Deed.ESCALATE, DESK)
    office.wait(days=15)
    assert run_due(office) == 1
    late = again(office, complaint)
    assert (late.stage, late.late, late.due) == (Stage.WITH_OPERATOR, (Stage.WITH_OPERATOR,), None)
    escalated = move(office, late, Deed.ESCALATE, DESK)
    assert escalated.due.isoformat() == "2026-11-24T02:00:00+00:00"  # five working days
    assert run_due(office) == 0


def test_mediation_comes_without_a_reply_and_ends_by_itself(office, complaint):
    answered = move(office, complaint, Deed.ANSWER, OPERATOR)
    accepted = move(office, move(office, answered, Deed.ESCALATE, DESK), Deed.ACCEPT, REGULATOR)
    assert accepted.due - office.clock.now() == timedelta(days=10)
    office.wait(days=10)
    run_due(office)
    mediation = again(office, complaint)
    assert (mediation.stage, mediation.late) == (Stage.MEDIATION, (Stage.ACCEPTED,))
    office.wait(days=30)
    run_due(office)
    closed = again(office, complaint)
    assert (closed.stage, closed.due, closed.ended) == (Stage.CLOSED, None, office.clock.now())


def test_every_move_is_in_the_audit_chain_with_the_rule(office, complaint):
    move(office, complaint, Deed.ANSWER, OPERATOR)
    with office.database.reading() as connection:
        records = connection.execute(select(AUDIT.c.act, AUDIT.c.before, AUDIT.c.after, AUDIT.c.rule)).all()
    assert [tuple(record) for record in records] == [
        ("complaint open", "", "with-operator", "cn: complaints"),
        ("complaint answer", "with-operator", "answered", "cn: complaints"),
    ]


def test_of_two_that_move_one_complaint_the_second_is_told(office, complaint):
    move(office, complaint, Deed.ANSWER, OPERATOR)
    with pytest.raises(SupervisionError, match="changed meanwhile"):
        move(office, complaint, Deed.ANSWER, OPERATOR)


def test_a_carrier_answers_for_itself_only_and_ends_no_complaint_about_itself(office, complaint):
    with pytest.raises(SupervisionError, match="not yours"):
        move(office, complaint, Deed.ANSWER, Actor("service", Role.RECIPIENT, "CUCC"))
    with pytest.raises(SupervisionError, match="not yours"):
        move(office, complaint, Deed.WITHDRAW, Actor("shop", Role.DESK, "CMCC"))
    assert move(office, complaint, Deed.WITHDRAW, DESK).stage is Stage.WITHDRAWN


def test_a_complaint_is_found_by_reference_and_by_carrier(office, complaint):
    with office.database.reading() as connection:
        assert complaints.newest(connection, 10, carrier="CMCC") == [complaint]
        assert complaints.newest(connection, 10, carrier="CUCC") == []
        with pytest.raises(SupervisionError, match="no such complaint"):
            complaints.find(connection, "C0")


def test_who_may_not_open_one_is_refused(office):
    with office.database.transaction() as tx, pytest.raises(SupervisionError, match="not yours"):
        complaints.open_new(tx, office.profile, OPERATOR, "CUCC", "x")


def actors():
    for role in Role:
        yield from (
            [Actor("a", role, carrier) for carrier in ("CMCC", "CUCC")] if role in CARRIER_ROLES else [Actor("a", role)]
        )


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(deeds=st.lists(st.tuples(st.sampled_from(Deed), st.sampled_from(list(actors())), st.booleans()), max_size=12))
def test_whatever_is_tried_a_complaint_moves_by_the_table_only(office, deeds):
    with office.database.transaction() as tx:
        found = complaints.open_new(tx, office.profile, DESK, "CMCC", "topic")
    for deed, actor, waits in deeds:
        if waits:
            office.wait(days=40)
            run_due(office)
            found = again(office, found)
        before = found
        try:
            found = move(office, found, deed, actor)
        except SupervisionError:
            assert again(office, before) == before
        else:
            assert MOVES[before.stage, deed] is found.stage
            assert actor.role in ROLES[deed]
            assert found.revision == before.revision + 1
        assert (found.ended is not None) == (found.stage in ENDED)
        assert found.due is None or found.stage not in ENDED


def test_nothing_leads_out_of_the_end():
    assert not ENDED & {stage for stage, _ in MOVES}
    reached = {Stage.WITH_OPERATOR, *MOVES.values()}
    assert reached == set(Stage)
    for stage, deed in itertools.product(ENDED, Deed):
        assert (stage, deed) not in MOVES
    assert SYSTEM.role in ROLES[Deed.CLOSE]
