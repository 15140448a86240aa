"""Evidence: that a subscriber asked, was told of the risks, agreed; what a complaint or a violation rests on.

The content is sealed under the keys for personal data. Its digest, over a salt and the content, is in the audit chain:
so nobody can put other content in its place, and when both are erased by the retention rules the digest that stays
tells nothing.

For one transaction or connection, in one thread.
"""

from __future__ import annotations

import base64
import hashlib
import os
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, Row, bindparam, insert, select

from portdip.errors import SupervisionError, UnknownRecordError
from portdip.porting.actor import Actor
from portdip.porting.database import Transaction
from portdip.porting.prepared import Prepared
from portdip.porting.privacy import Vault
from portdip.porting.profile import Profile
from portdip.porting.tables.supervision import EVIDENCE

_SALT_BYTES = 16
#: The longest content, in bytes.
CONTENT_MAX = 4 << 20


class EvidenceKind(StrEnum):
    """What a piece of evidence shows.

    `query`: the subscriber asked whether the number can be ported, and the answer. `consent`: the application.
    `risk-confirmation`: the subscriber was told what is lost, and agreed (cn: Rules art. 7). `authority`: somebody may
    act for the subscriber. `document`: anything else, such as what a complaint or a violation rests on.
    """

    QUERY = "query"
    CONSENT = "consent"
    RISK_CONFIRMATION = "risk-confirmation"
    AUTHORITY = "authority"
    DOCUMENT = "document"


@dataclass(frozen=True, slots=True)
class Subject:
    """What evidence is of: the carrier that took it, and the number, order (id) or complaint (id) it is about."""

    carrier: str
    number: int | None = None
    order_id: int | None = None
    complaint_id: int | None = None


@dataclass(frozen=True, slots=True)
class Evidence:
    """A piece of evidence without its content; `digest` as 64 hex digits. `erased` is when the content went."""

    id: int
    kind: EvidenceKind
    subject: Subject
    wording: str
    media_type: str
    digest: str
    at: datetime
    keep_until: datetime
    erased: datetime | None


def put(
    tx: Transaction,
    vault: Vault,
    profile: Profile,
    actor: Actor,
    kind: EvidenceKind,
    subject: Subject,
    content: bytes,
    *,
    wording: str = "",
    media_type: str = "text/plain",
) -> int:
    """Keep `content`, at most 4 MiB, for as long as the profile says; the id of the evidence.

    `wording` is the version of the notice that the subscriber saw. Raises SupervisionError for no content or too long.
    """
    if not 0 < len(content) <= CONTENT_MAX:
        raise SupervisionError("not evidence", got=f"{len(content)} bytes", expected=f"1 to {CONTENT_MAX} bytes")
    salt = os.urandom(_SALT_BYTES)
    digest = hashlib.sha256(salt + content).digest()
    row = {
        "kind": kind.value,
        "carrier": subject.carrier,
        "number": subject.number,
        "order_id": subject.order_id,
        "complaint_id": subject.complaint_id,
        "wording": wording,
        "media_type": media_type,
        "content": vault.seal(base64.b64encode(content).decode(), content_context(digest)),
        "salt": salt,
        "digest": digest,
        "at": tx.now,
        "keep_until": profile.retention.evidence.after(tx.now, profile.calendar),
    }
    identifier = int(_PUT.first(tx.connection, **row).id)
    rule = f"{profile.name}: retention.evidence"
    tx.audit(actor, f"evidence {kind}", f"evidence {identifier}", "", digest.hex(), wording, rule)
    return identifier


_GIVEN = [column.name for column in EVIDENCE.columns if column.name not in ("id", "erased")]
_PUT = Prepared(insert(EVIDENCE).values({name: bindparam(name) for name in _GIVEN}).returning(EVIDENCE.c.id))


def find(connection: Connection, identifier: int) -> Evidence:
    """The evidence of this id; UnknownRecordError if there is none."""
    return _evidence(_row(connection, identifier))


def of_order(connection: Connection, order_id: int) -> list[Evidence]:
    """The evidence of an order, oldest first."""
    query = select(EVIDENCE).where(EVIDENCE.c.order_id == order_id).order_by(EVIDENCE.c.id)
    return [_evidence(row) for row in connection.execute(query)]


def of_complaint(connection: Connection, complaint_id: int) -> list[Evidence]:
    """The evidence of a complaint, oldest first."""
    query = select(EVIDENCE).where(EVIDENCE.c.complaint_id == complaint_id).order_by(EVIDENCE.c.id)
    return [_evidence(row) for row in connection.execute(query)]


def read(tx: Transaction, vault: Vault, actor: Actor, identifier: int, cause: str) -> bytes:
    """The content, for `actor` to see, which the audit chain then knows.

    Raises SupervisionError where it is erased, or is not what was kept; PersonalDataError where its key is missing.
    """
    row = _row(tx.connection, identifier)
    where = f"evidence {identifier}"
    if row.content is None:
        raise SupervisionError("the content is erased", where=where, got=f"erased at {row.erased.isoformat()}")
    content = base64.b64decode(vault.unseal(row.content, content_context(row.digest)))
    if hashlib.sha256(row.salt + content).digest() != row.digest:
        raise SupervisionError("the content is not what was kept", where=where)
    tx.audit(actor, "evidence read", where, cause=cause)
    return content


def check(connection: Connection, identifier: int, *, carrier: str, kind: EvidenceKind, number: int) -> Evidence:
    """The evidence, if it is of this kind, carrier and number; else SupervisionError. For what an order rests on."""
    found = find(connection, identifier)
    if found.kind is not kind or found.subject.carrier != carrier or found.subject.number != number:
        raise SupervisionError(
            "the evidence is of something else",
            where=f"evidence {identifier}",
            expected=f"{kind} taken by {carrier}, about the number",
            got=f"{found.kind} taken by {found.subject.carrier}, about {_spoken(found.subject.number, number)}",
        )
    return found


def _spoken(found: int | None, wanted: int) -> str:
    return "no number" if found is None else "the number" if found == wanted else "another number"


def _row(connection: Connection, identifier: int) -> Row[Any]:
    row = connection.execute(select(EVIDENCE).where(EVIDENCE.c.id == identifier)).first()
    if row is None:
        raise UnknownRecordError("no such evidence", got=str(identifier))
    return row


def content_context(digest: bytes) -> str:
    """What binds sealed content to its row."""
    return f"evidence {digest.hex()}"


def _evidence(row: Row[Any]) -> Evidence:
    subject = Subject(row.carrier, row.number, row.order_id, row.complaint_id)
    digest = row.digest.hex()
    times = (row.at, row.keep_until, row.erased)
    return Evidence(row.id, EvidenceKind(row.kind), subject, row.wording, row.media_type, digest, *times)
