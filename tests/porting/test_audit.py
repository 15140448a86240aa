"""The audit chain: whole, tampered with, cut off, signed, erased in part."""

import io

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, func, insert, select, update

from portdip.errors import AuditError
from portdip.exchange.keys import SigningKey, TrustedKey
from portdip.porting import audit
from portdip.porting.actor import SYSTEM
from portdip.porting.audit import SignedHead
from portdip.porting.audit_record import details_digest, digest
from portdip.porting.tables.audit import AUDIT, AUDIT_HEAD

KEY = SigningKey.new()
TRUSTED = [TrustedKey(KEY.public)]


@pytest.fixture
def recorded(database):
    """A database with twelve records in four transactions."""
    for group in range(4):
        with database.transaction() as tx:
            for one in range(3):
                tx.audit(SYSTEM, "act", f"subject {one}", "a", "b", "cause", "rule", {"number": str(group)})
    return database


def tampered(database, statement) -> None:
    with database.engine.begin() as connection:
        connection.execute(statement)


def test_a_chain_that_nobody_touched_is_whole(recorded):
    head = audit.sign_head(recorded, KEY)
    assert audit.verify(recorded, TRUSTED, [head]) == audit.Verified(records=12, erased=0, heads=2)


def test_an_empty_chain_is_whole(database):
    assert audit.verify(database).records == 0


@pytest.mark.parametrize(
    "column", ["at", "actor", "role", "carrier", "act", "subject", "before", "after", "cause", "rule", "details"]
)
def test_a_change_of_any_column_shows(recorded, column):
    value = recorded.now().replace(year=2030) if column == "at" else "changed"
    tampered(recorded, update(AUDIT).where(AUDIT.c.sequence == 5).values({column: value}))
    with pytest.raises(AuditError, match="record 5"):
        audit.verify(recorded)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=12, deadline=None)
@given(sequence=st.integers(1, 11))
def test_a_record_that_is_missing_shows(recorded, sequence):
    with recorded.engine.connect() as connection:
        connection.begin()
        connection.execute(delete(AUDIT).where(AUDIT.c.sequence == sequence))
        assert connection.execute(select(func.count()).select_from(AUDIT)).scalar_one() == 11
        with pytest.raises(AuditError, match="missing"):
            audit.verify_all(connection, {})


def test_a_record_put_in_shows(recorded):
    with recorded.engine.begin() as connection:
        row = dict(connection.execute(select(AUDIT).where(AUDIT.c.sequence == 12)).one()._mapping)
        connection.execute(insert(AUDIT), {**row, "sequence": 13})
    with pytest.raises(AuditError, match="record 13"):
        audit.verify(recorded)


def test_an_end_cut_off_shows_against_the_head_and_against_a_signed_one(recorded):
    head = audit.sign_head(recorded, KEY)
    tampered(recorded, delete(AUDIT).where(AUDIT.c.sequence > 9))
    with pytest.raises(AuditError, match="head is not the last"):
        audit.verify(recorded, TRUSTED)
    with recorded.engine.begin() as connection:
        last = connection.execute(select(AUDIT.c.digest).where(AUDIT.c.sequence == 9)).scalar_one()
        connection.execute(update(AUDIT_HEAD).values(sequence=9, digest=last))
        connection.execute(delete(audit.AUDIT_SIGNATURES))
    assert audit.verify(recorded).records == 9
    with pytest.raises(AuditError, match="ends before"):
        audit.verify(recorded, TRUSTED, [head])


def test_a_chain_written_anew_shows_against_a_signed_head(recorded):
    head = audit.sign_head(recorded, KEY)
    with recorded.engine.begin() as connection:
        previous = bytes(32)
        for row in connection.execute(select(AUDIT).order_by(AUDIT.c.sequence)).all():
            values = dict(row._mapping) | {"actor": "somebody else"}
            previous = values["digest"] = digest(previous, values)
            connection.execute(update(AUDIT).where(AUDIT.c.sequence == row.sequence).values(values))
        connection.execute(update(AUDIT_HEAD).values(digest=previous))
        connection.execute(delete(audit.AUDIT_SIGNATURES))
    assert audit.verify(recorded).records == 12
    with pytest.raises(AuditError, match="not the one that was signed"):
        audit.verify(recorded, TRUSTED, [head])


def test_a_head_signed_by_a_stranger_is_no_witness(recorded):
    head = audit.sign_head(recorded, SigningKey.new())
    with pytest.raises(AuditError, match="not signed by a key that is trusted"):
        audit.verify(recorded, TRUSTED, [head])


def test_a_signed_head_survives_its_line_of_json(recorded):
    head = audit.sign_head(recorded, KEY)
    assert SignedHead.of_json(head.to_json()) == head
    for damaged in (b"", b"{}", b"[1]", head.to_json().replace(b'"sequence":12', b'"sequence":"x"')):
        with pytest.raises(AuditError):
            SignedHead.of_json(damaged)


def test_signing_twice_at_one_sequence_keeps_one_signature(recorded):
    assert audit.sign_head(recorded, KEY).sequence == audit.sign_head(recorded, KEY).sequence
    assert audit.verify(recorded, TRUSTED).heads == 1


def test_details_can_be_erased_and_the_chain_still_verifies(recorded):
    with recorded.transaction() as tx:
        assert audit.erase_details(tx, [3, 4]) == 2
        assert audit.erase_details(tx, []) == 0
    assert audit.verify(recorded) == audit.Verified(records=12, erased=2, heads=0)


def test_details_without_their_salt_gone_are_not_erased_but_removed(recorded):
    tampered(recorded, update(AUDIT).where(AUDIT.c.sequence == 4).values(details=None))
    with pytest.raises(AuditError, match="not erased"):
        audit.verify(recorded)


def test_an_export_is_enough_to_check_the_chain(recorded):
    file = io.BytesIO()
    assert audit.export(recorded, file) == 12
    previous = bytes(32)
    for line in file.getvalue().splitlines():
        row = orjson.loads(line)
        row["at"] = audit.datetime.fromisoformat(row["at"])
        row["details_digest"] = bytes.fromhex(row["details_digest"])
        assert row["details_digest"] == details_digest(bytes.fromhex(row["salt"]), row["details"])
        previous = digest(previous, row)
        assert previous.hex() == row["digest"]


def test_an_export_may_begin_later_or_be_of_one_subject(recorded):
    file = io.BytesIO()
    assert audit.export(recorded, file, first=8) == 5
    assert audit.export(recorded, file, subject="subject 1") == 4


def test_what_a_transaction_recorded_before_it_failed_is_not_there(recorded):
    def fail():
        with recorded.transaction() as tx:
            tx.audit(SYSTEM, "act", "subject")
            tx.write_appended()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert audit.verify(recorded).records == 12
