"""What is known of persons goes when its time is over; orders and the audit chain stay whole."""

import dataclasses
from datetime import timedelta

import pytest
from sqlalchemy import func, select

from portdip.errors import SupervisionError
from portdip.exchange.keys import SigningKey, TrustedKey
from portdip.porting import audit, profile
from portdip.porting.actor import SYSTEM, Actor, Role
from portdip.porting.profile import Duration
from portdip.porting.retention import Erased, Retention
from portdip.porting.states import State
from portdip.porting.supervision import evidence
from portdip.porting.supervision.evidence import EvidenceKind, Subject
from portdip.porting.tables.audit import AUDIT
from portdip.porting.tables.codes import CODES
from portdip.porting.tables.orders import APPLICANTS, ORDERS
from portdip.porting.tables.supervision import EVIDENCE
from tests.porting.supervision.office import START, Office

KEPT = timedelta(days=180)


@pytest.fixture
def office(database, clock):
    clock.set(START)
    return Office(database, clock)


@pytest.fixture
def retention(office):
    return Retention(office.database, office.profiles)


def applied(office, offset, state, **columns):
    """An order with all that is known of its applicant."""
    order = office.order(offset, state, **columns)
    with office.database.transaction() as tx:
        row = {"order_id": order, "identity": "1:aa", "identity_last4": "1234", "language": "zh"}
        tx.connection.execute(APPLICANTS.insert().values(row | {"name": b"sealed"}))
        code = {"order_id": order, "number": 8613800000000 + offset, "identity": "1:aa", "digest": "1:bb"}
        code |= {"status": "used", "attempts": 0, "issued": START, "expires": START}
        tx.connection.execute(CODES.insert().values(code))
        tx.audit(SYSTEM, "open", f"order-{offset}", "", "draft", "", "cn", {"number": "8613800000001"})
        tx.audit(SYSTEM, "submit", f"order-{offset}", "draft", "submitted")
    return order


def known(office):
    """Orders whose applicant is known, how many codes there are, and subjects with details."""
    with office.database.reading() as connection:
        orders = connection.execute(select(APPLICANTS.c.order_id).order_by(APPLICANTS.c.order_id)).scalars().all()
        codes = connection.execute(select(func.count()).select_from(CODES)).scalar_one()
        told = connection.execute(select(AUDIT.c.subject).where(AUDIT.c.details != "")).scalars().all()
    return list(orders), codes, sorted(told)


def test_applicant_codes_and_details_of_an_order_go_when_its_time_is_over(office, retention):
    order = applied(office, 1, State.CANCELLED)
    office.clock.advance(KEPT - timedelta(seconds=1))
    assert retention.run() == Erased()
    assert known(office) == ([order], 1, ["order-1"])
    office.clock.advance(timedelta(seconds=1))
    assert retention.run() == Erased(orders=1)
    assert known(office) == ([], 0, [])
    assert retention.run() == Erased()
    with office.database.reading() as connection:
        assert connection.execute(select(ORDERS.c.reference)).scalars().all() == ["order-1"]


def test_open_and_disputed_orders_keep_theirs(office, retention):
    kept = [applied(office, 1, State.SCHEDULED, slot=START), applied(office, 2, State.ACTIVE, disputed=True)]
    applied(office, 3, State.ACTIVE)
    office.clock.advance(KEPT * 10)
    assert retention.run() == Erased(orders=1)
    assert known(office)[0] == kept


def test_the_audit_chain_and_its_signed_heads_still_verify(office, retention):
    applied(office, 1, State.CANCELLED)
    key = SigningKey.new()
    head = audit.sign_head(office.database, key)
    office.clock.advance(KEPT)
    retention.run()
    verified = audit.verify(office.database, [TrustedKey(key.public)], [head])
    assert (verified.records, verified.erased) == (3, 1)
    with office.database.reading() as connection:
        (last,) = [record for record in audit.of_subject(connection, "order-1") if record["act"] == "erase"]
    assert last["rule"] == "cn: retention.applicants"


def test_more_orders_than_one_transaction_takes_all_go(office, retention):
    for offset in range(450):
        applied(office, offset, State.CANCELLED if offset % 3 else State.DRAFT)
    office.clock.advance(KEPT)
    assert retention.run() == Erased(orders=300)
    assert len(known(office)[0]) == 150


def test_open_days_are_counted_by_the_calendar(office):
    cn = profile.load("cn")
    slow = cn.retention.model_copy(update={"applicants": Duration(days=5, clock="business")})
    retention = Retention(office.database, {"cn": cn.model_copy(update={"retention": slow})})
    applied(office, 1, State.CANCELLED)
    office.wait(days=6)
    assert retention.run() == Erased()
    office.wait(days=1)
    assert retention.run() == Erased(orders=1)


def test_evidence_loses_its_content_and_keeps_its_digest(office, retention):
    desk = Actor("shop", Role.DESK, "CUCC")
    with office.database.transaction() as tx:
        kept = evidence.put(tx, office.vault, office.profile, desk, EvidenceKind.CONSENT, Subject("CUCC"), b"yes")
        before = evidence.find(tx.connection, kept)
    office.clock.set(before.keep_until)
    assert retention.run() == Erased(evidence=1)
    with office.database.reading() as connection:
        assert evidence.find(connection, kept) == dataclasses.replace(before, erased=office.clock.now())
        assert connection.execute(select(EVIDENCE.c.content, EVIDENCE.c.salt)).one() == (None, None)
    with office.database.transaction() as tx, pytest.raises(SupervisionError, match="erased"):
        evidence.read(tx, office.vault, desk, kept, "")
    audit.verify(office.database)


def test_who_asked_and_was_told_no_is_forgotten_too(office, retention):
    for _ in range(250):
        with office.database.transaction() as tx:
            tx.audit(SYSTEM, "query", "eligibility", rule="cn: eligibility", details={"number": "8613800000001"})
    office.clock.advance(KEPT - timedelta(seconds=1))
    assert retention.run() == Erased()
    office.clock.advance(timedelta(seconds=1))
    assert retention.run() == Erased(queries=250)
    assert audit.verify(office.database).erased == 250
