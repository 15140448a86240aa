"""The subscriber knows the risks and agrees before an order is submitted, where the profile wants it so."""

import orjson
import pytest

from portdip.errors import ConsentMissingError, MoveRefusedError, SupervisionError
from portdip.porting import profile as profiles
from portdip.porting.actor import SYSTEM
from portdip.porting.applying import Application
from portdip.porting.states import State
from portdip.porting.supervision import evidence
from portdip.porting.supervision.evidence import EvidenceKind, Subject
from tests.porting.world import CLAIM, recipient


def submit(world, number, code, **said):
    application = Application(number, "BETA", "B2", CLAIM, code=code, **said)
    return world.applications.submit(recipient(), world.profile, application, "test")


def taken(world, number):
    with world.database.transaction() as tx:
        subject = Subject("BETA", number)
        return evidence.put(
            tx, world.vault, world.profile, recipient(), EvidenceKind.RISK_CONFIRMATION, subject, b"signed"
        )


def test_the_chinese_rules_want_it_and_no_other_profile_of_ours():
    wanted = {name for name in profiles.NAMES if profiles.load(name).consent is not None}
    assert wanted == {"cn"}
    assert "art. 7" in profiles.load("cn").consent.source


def test_without_it_nothing_is_submitted_and_no_try_of_the_code_is_lost(world):
    number = world.subscriber(world.number())
    code = world.code(number)
    for _ in range(6):
        with pytest.raises(ConsentMissingError, match="Tell the subscriber what is lost"):
            submit(world, number, "00000000")
    assert submit(world, number, code, risks_confirmed="notice 3").state is State.SCHEDULED


def test_what_was_confirmed_with_the_order_is_evidence_of_that_order(world):
    number = world.subscriber(world.number())
    order = submit(world, number, world.code(number), risks_confirmed="notice 3")
    with world.database.transaction() as tx:
        (kept,) = evidence.of_order(tx.connection, order.id)
        content = orjson.loads(evidence.read(tx, world.vault, SYSTEM, kept.id, "test"))
    assert (order.consent, kept.kind, kept.wording) == (kept.id, EvidenceKind.RISK_CONFIRMATION, "notice 3")
    assert kept.subject == Subject("BETA", number, order.id)
    assert content == {
        "number": str(number),
        "recipient": "BETA",
        "notice": "notice 3",
        "taken by": recipient().name,
    }


def test_a_wrong_code_leaves_no_evidence(world):
    number = world.subscriber(world.number())
    code = world.code(number)
    with pytest.raises(Exception, match="not right"):
        submit(world, number, "00000000" if code != "00000000" else "11111111", risks_confirmed="notice 3")
    with world.database.reading() as connection, pytest.raises(SupervisionError):
        evidence.find(connection, 1)


def test_one_confirmation_is_for_one_order(world):
    number = world.subscriber(world.number())
    kept = taken(world, number)
    order = submit(world, number, world.code(number), consent=kept)
    assert order.consent == kept
    with world.database.transaction() as tx:
        world.steps.cancel(tx, world.orders.get(tx, order.reference), recipient(), "changed her mind")
    code = world.code(number)
    with pytest.raises(SupervisionError, match="an order of before"):
        submit(world, number, code, consent=kept)
    assert submit(world, number, code, consent=taken(world, number)).state is State.SCHEDULED


def test_it_is_named_or_made_not_both(world):
    number = world.subscriber(world.number())
    code, kept = world.code(number), taken(world, number)
    with pytest.raises(MoveRefusedError, match="given twice"):
        submit(world, number, code, consent=kept, risks_confirmed="notice 3")


def test_where_the_profile_does_not_want_it_it_may_be_given(world):
    world.in_country("nl")
    assert submit(world, world.number(), "").consent is None
    assert submit(world, world.number(1), "", risks_confirmed="notice 3").consent is not None
