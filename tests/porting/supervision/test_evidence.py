"""Evidence is kept sealed, told apart from what was put in its place, and erased without a trace of its content."""

import pytest
from sqlalchemy import select, update

from portdip.errors import PersonalDataError, SupervisionError
from portdip.porting.actor import Actor, Role
from portdip.porting.privacy import Vault
from portdip.porting.states import State
from portdip.porting.supervision import evidence
from portdip.porting.supervision.evidence import EvidenceKind, Subject
from portdip.porting.tables.audit import AUDIT
from portdip.porting.tables.supervision import EVIDENCE

NUMBER = 8613800000000

DESK = Actor("shop 7", Role.DESK, "CUCC")
CONTENT = "我已知悉風險 李雷 440101199001011234".encode()


def put(office, kind=EvidenceKind.RISK_CONFIRMATION, subject=None, content=CONTENT):
    with office.database.transaction() as tx:
        return evidence.put(
            tx, office.vault, office.profile, DESK, kind, subject or Subject("CUCC"), content, wording="notice 3"
        )


def test_content_comes_back_and_is_sealed_in_the_database(office):
    order = office.order(1, State.DRAFT)
    kept = put(office, subject=Subject("CUCC", 8613800000001, order))
    with office.database.transaction() as tx:
        assert evidence.read(tx, office.vault, DESK, kept, "asked for by the subscriber") == CONTENT
        (found,) = evidence.of_order(tx.connection, order)
        stored = tx.connection.execute(select(EVIDENCE.c.content)).scalar_one()
    assert found.id == kept
    assert (found.kind, found.subject.carrier, found.wording) == (EvidenceKind.RISK_CONFIRMATION, "CUCC", "notice 3")
    assert found.keep_until == office.profile.retention.evidence.after(office.clock.now(), office.profile.calendar)
    assert b"440101" not in stored


def test_its_digest_is_in_the_audit_chain_and_its_content_is_not(office):
    kept = put(office)
    with office.database.reading() as connection:
        record = connection.execute(select(AUDIT)).one()
        found = evidence.find(connection, kept)
    assert (record.subject, record.after) == (f"evidence {kept}", found.digest)
    assert "440101" not in str(record)


def test_content_of_another_piece_in_its_place_is_found_out(office):
    kept, other = put(office), put(office, content=b"something else")
    with office.database.transaction() as tx:
        content = select(EVIDENCE.c.content).where(EVIDENCE.c.id == other).scalar_subquery()
        tx.connection.execute(update(EVIDENCE).where(EVIDENCE.c.id == kept).values(content=content))
    with office.database.transaction() as tx, pytest.raises(PersonalDataError):
        evidence.read(tx, office.vault, DESK, kept, "")


def test_who_read_it_is_in_the_audit_chain(office):
    kept = put(office)
    with office.database.transaction() as tx:
        evidence.read(tx, office.vault, Actor("officer", Role.REGULATOR), kept, "complaint C1")
    with office.database.reading() as connection:
        record = connection.execute(select(AUDIT).order_by(AUDIT.c.sequence.desc())).first()
    assert (record.actor, record.act, record.subject, record.cause) == (
        "officer",
        "evidence read",
        f"evidence {kept}",
        "complaint C1",
    )


def test_without_its_key_it_does_not_open(office):
    kept = put(office)
    with office.database.transaction() as tx, pytest.raises(PersonalDataError, match="key"):
        evidence.read(tx, Vault({"2": bytes(32)}, "2"), DESK, kept, "")


@pytest.mark.parametrize("content", [b"", b"x" * ((4 << 20) + 1)])
def test_nothing_and_too_much_are_no_evidence(office, content):
    with pytest.raises(SupervisionError, match="not evidence"):
        put(office, content=content)


def test_evidence_of_another_kind_carrier_or_number_is_not_taken_for_an_order(office):
    kept = put(office, subject=Subject("CUCC", NUMBER))
    with office.database.reading() as connection:
        assert (
            evidence.check(connection, kept, carrier="CUCC", kind=EvidenceKind.RISK_CONFIRMATION, number=NUMBER).id
            == kept
        )
        for carrier, kind, number in (
            ("CMCC", EvidenceKind.RISK_CONFIRMATION, NUMBER),
            ("CUCC", EvidenceKind.CONSENT, NUMBER),
            ("CUCC", EvidenceKind.RISK_CONFIRMATION, NUMBER + 1),
        ):
            with pytest.raises(SupervisionError, match="something else"):
                evidence.check(connection, kept, carrier=carrier, kind=kind, number=number)
        with pytest.raises(SupervisionError, match="no such evidence"):
            evidence.find(connection, kept + 1)
