"""The audit chain read back: verified, signed, exported, its details erased.

What a record and its digest are is in `portdip.porting.audit_record`. A signed head says "the chain had this digest
at this sequence"; kept outside the database, as a line of JSON, it shows when the end of a chain was cut off or the
whole of it written anew.

    {"sequence": 12, "digest": 64 hex digits, "at": ISO time, "key": KEY-ID, "signature": 128 hex digits}

Signed are the bytes `portdip audit head`, a zero byte, the sequence in eight bytes (big endian), and the digest.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, BinaryIO, Self

import orjson
from sqlalchemy import Connection, bindparam, insert, select, update

from portdip.errors import AuditError
from portdip.exchange.keys import SigningKey, TrustedKey
from portdip.porting.audit_record import BEGINNING, details_digest, digest
from portdip.porting.database import Database, Transaction
from portdip.porting.prepared import Prepared
from portdip.porting.tables.audit import AUDIT, AUDIT_HEAD, AUDIT_SIGNATURES

_PREFIX = b"portdip audit head\0"
_BATCH = 10_000


@dataclass(frozen=True, slots=True)
class SignedHead:
    """The chain's digest at a sequence, signed."""

    sequence: int
    digest: bytes
    at: datetime
    key_id: str
    signature: bytes

    @property
    def message(self) -> bytes:
        """The bytes that are signed."""
        return _PREFIX + self.sequence.to_bytes(8, "big") + self.digest

    def to_json(self) -> bytes:
        """One line for people and programs to keep."""
        return orjson.dumps(
            {
                "sequence": self.sequence,
                "digest": self.digest.hex(),
                "at": self.at,
                "key": self.key_id,
                "signature": self.signature.hex(),
            },
            option=orjson.OPT_APPEND_NEWLINE,
        )

    @classmethod
    def of_json(cls, line: bytes | str) -> Self:
        """What `to_json` wrote. Raises AuditError for anything else."""
        try:
            said = orjson.loads(line)
            return cls(
                int(said["sequence"]),
                bytes.fromhex(said["digest"]),
                datetime.fromisoformat(said["at"]),
                str(said["key"]),
                bytes.fromhex(said["signature"]),
            )
        except (ValueError, KeyError, TypeError) as error:
            raise AuditError("not a signed head", got=str(line)[:80]) from error


@dataclass(frozen=True, slots=True)
class Verified:
    """A chain that is whole: its records, those whose details were erased, and the signed heads that agree with it."""

    records: int
    erased: int
    heads: int


def sign_head(database: Database, key: SigningKey) -> SignedHead:
    """Sign the head as it is now. The signature stays in the database; keep the value elsewhere, too."""
    with database.transaction() as tx:
        sequence, head = tx.connection.execute(select(AUDIT_HEAD.c.sequence, AUDIT_HEAD.c.digest)).one()
        signed = SignedHead(sequence, head, tx.now, key.id, b"")
        signed = SignedHead(sequence, head, tx.now, key.id, key.sign(signed.message))
        known = select(AUDIT_SIGNATURES.c.sequence).where(AUDIT_SIGNATURES.c.sequence == sequence)
        if tx.connection.execute(known).first() is None:
            row = {"sequence": sequence, "digest": head, "key_id": key.id, "signature": signed.signature, "at": tx.now}
            tx.connection.execute(insert(AUDIT_SIGNATURES), row)
    return signed


def verify(database: Database, keys: Iterable[TrustedKey] = (), heads: Iterable[SignedHead] = ()) -> Verified:
    """Check every record, the head, and every signed head: those in the database and those given.

    `keys` are the public keys that may have signed. Raises AuditError naming the first record that is wrong.
    """
    trusted = {key.id: key for key in keys}
    with database.reading() as connection:
        return verify_all(connection, _wanted([*heads, *_stored_heads(connection)], trusted))


def verify_all(connection: Connection, wanted: dict[int, list[SignedHead]]) -> Verified:
    """What `verify` does, in one snapshot of the database; `wanted` are heads with good signatures, by sequence."""
    previous, sequence, erased = BEGINNING, 0, 0
    agreed = _agree(wanted, 0, BEGINNING)
    for row in _rows(connection):
        sequence += 1
        previous = _checked(row, sequence, previous)
        erased += row["details"] is None
        agreed += _agree(wanted, sequence, previous)
    head = connection.execute(select(AUDIT_HEAD.c.sequence, AUDIT_HEAD.c.digest)).one()
    if tuple(head) != (sequence, previous):
        raise AuditError("the head is not the last record", where=f"record {sequence}", got=f"head {head.sequence}")
    if wanted:
        raise AuditError(
            "the chain ends before a head that was signed",
            where=f"record {sequence}",
            expected=f"at least {max(wanted)} records",
            fix="Its end was cut off, or an older copy of the database was put back.",
        )
    return Verified(sequence, erased, agreed)


def export(database: Database, file: BinaryIO, first: int = 1, subject: str = "") -> int:
    """Write records as lines of JSON, in order, from `first` on, or only those of one subject; how many there are.

    A line holds the columns of the table `audit`, digests and salt in hex. With all lines of a chain anybody can
    check it.
    """
    count = 0
    with database.reading() as connection:
        for row in _rows(connection, first):
            if subject and row["subject"] != subject:
                continue
            line = {str(name): value.hex() if isinstance(value, bytes) else value for name, value in row.items()}
            file.write(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE))
            count += 1
    return count


def of_subject(connection: Connection, subject: str) -> list[dict[str, Any]]:
    """The records of one subject, such as an order's reference, in order."""
    return [row._asdict() for row in _OF_SUBJECT.all(connection, subject=subject)]


_OF_SUBJECT = Prepared(select(AUDIT).where(AUDIT.c.subject == bindparam("subject")).order_by(AUDIT.c.sequence))


def erase_details(tx: Transaction, sequences: Iterable[int]) -> int:
    """Erase the details, and the salt, of these records; the chain still verifies. How many records there were."""
    rows = [{"of_sequence": sequence} for sequence in sequences]
    return tx.connection.execute(_ERASE, rows).rowcount if rows else 0


_ERASE = update(AUDIT).where(AUDIT.c.sequence == bindparam("of_sequence")).values(details=None, salt=None)


def _rows(connection: Connection, first: int = 1) -> Iterator[dict[str, Any]]:
    """All records from `first` on, some thousand at a time."""
    query = select(AUDIT).where(AUDIT.c.sequence >= bindparam("first")).order_by(AUDIT.c.sequence).limit(_BATCH)
    while True:
        rows = connection.execute(query, {"first": first}).all()
        yield from (dict(row._mapping) for row in rows)
        if len(rows) < _BATCH:
            return
        first = rows[-1].sequence + 1


def _checked(row: Mapping[str, Any], sequence: int, previous: bytes) -> bytes:
    """The digest of a record that is as it should be."""
    where = f"record {sequence}"
    if row["sequence"] != sequence:
        raise AuditError("a record is missing", where=where, got=f"record {row['sequence']}")
    if row["details"] is not None and not (
        row["salt"] is not None and _same(details_digest(row["salt"], row["details"]), row["details_digest"])
    ):
        raise AuditError("the details of a record were changed", where=where)
    if row["details"] is None and row["salt"] is not None:
        raise AuditError("the details of a record are gone, but were not erased", where=where)
    if not _same(digest(previous, dict(row)), row["digest"]):
        raise AuditError("a record was changed, or one before it", where=where)
    return bytes(row["digest"])


def _same(one: bytes, other: bytes) -> bool:
    return hmac.compare_digest(one, other)


def _wanted(heads: Iterable[SignedHead], trusted: Mapping[str, TrustedKey]) -> dict[int, list[SignedHead]]:
    """Heads by sequence, each with a good signature of a trusted key."""
    wanted: dict[int, list[SignedHead]] = {}
    for head in heads:
        key = trusted.get(head.key_id)
        if key is None or not key.has_signed(head.message, head.signature):
            raise AuditError(
                "a head is not signed by a key that is trusted",
                where=f"record {head.sequence}",
                got=f"key {head.key_id}",
                fix="Name the public key that signed it.",
            )
        wanted.setdefault(head.sequence, []).append(head)
    return wanted


def _agree(wanted: dict[int, list[SignedHead]], sequence: int, reached: bytes) -> int:
    """How many of the signed heads are of this record; AuditError if one was of another."""
    heads = wanted.pop(sequence, [])
    if any(not _same(head.digest, reached) for head in heads):
        raise AuditError("the chain is not the one that was signed", where=f"record {sequence}")
    return len(heads)


def _stored_heads(connection: Connection) -> list[SignedHead]:
    return [
        SignedHead(row.sequence, row.digest, row.at, row.key_id, row.signature)
        for row in connection.execute(select(AUDIT_SIGNATURES))
    ]
