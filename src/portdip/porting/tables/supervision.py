"""Supervision: evidence, complaints, violations of the prohibitions, cases against carriers and what came of them."""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from portdip.porting.moment import Id, Moment
from portdip.porting.tables.metadata import METADATA

#: What shows that something was asked, told or agreed to. The content is sealed; when it is erased its digest stays.
EVIDENCE = Table(
    "evidence",
    METADATA,
    Column("id", Id, primary_key=True),
    # `portdip.porting.supervision.evidence.EvidenceKind`.
    Column("kind", Text, nullable=False),
    Column("carrier", Text, nullable=False),
    Column("number", BigInteger),
    Column("order_id", BigInteger, ForeignKey("orders.id")),
    Column("complaint_id", BigInteger, ForeignKey("complaints.id")),
    # The version of the notice or form that was shown, and the type of the content (RFC 6838).
    Column("wording", Text, nullable=False),
    Column("media_type", Text, nullable=False),
    Column("content", LargeBinary),
    # SHA-256 over salt and content; the salt goes with the content, so the digest tells nothing of it then.
    Column("salt", LargeBinary),
    Column("digest", LargeBinary, nullable=False),
    Column("at", Moment, nullable=False),
    Column("keep_until", Moment, nullable=False),
    Column("erased", Moment),
    Index("ix_evidence_order", "order_id"),
    Index("ix_evidence_complaint", "complaint_id"),
    Index(
        "ix_evidence_keep_until",
        "keep_until",
        sqlite_where=text("erased IS NULL"),
        postgresql_where=text("erased IS NULL"),
    ),
)

COMPLAINTS = Table(
    "complaints",
    METADATA,
    Column("id", Id, primary_key=True),
    Column("reference", Text, nullable=False, unique=True),
    Column("profile", Text, nullable=False),
    # Who is complained about, and the number and order it is about.
    Column("carrier", Text, nullable=False),
    Column("number", BigInteger),
    Column("order_id", BigInteger, ForeignKey("orders.id")),
    Column("topic", Text, nullable=False),
    # `portdip.porting.supervision.complaints.Stage`.
    Column("stage", Text, nullable=False),
    Column("revision", Integer, nullable=False),
    # When the stage's clock runs out; null where none runs, or it has run out.
    Column("due", Moment),
    # The stages whose clock has run out.
    Column("late", JSON, nullable=False),
    Column("opened", Moment, nullable=False),
    Column("answered", Moment),
    Column("escalated", Moment),
    Column("ended", Moment),
    Column("changed", Moment, nullable=False),
    # The carrier whose desk opened it for the subscriber, '' for centre and regulator.
    Column("complainant", Text, nullable=False, server_default=""),
    Index("ix_complaints_carrier", "carrier", "id"),
    Index("ix_complaints_complainant", "complainant", "id"),
    Index("ix_complaints_due", "due", sqlite_where=text("due IS NOT NULL"), postgresql_where=text("due IS NOT NULL")),
)

CASES = Table(
    "cases",
    METADATA,
    Column("id", Id, primary_key=True),
    Column("reference", Text, nullable=False, unique=True),
    Column("carrier", Text, nullable=False),
    # `portdip.porting.supervision.cases.CaseState`.
    Column("state", Text, nullable=False),
    Column("revision", Integer, nullable=False),
    # By when the carrier has to have rectified what it was warned of.
    Column("due", Moment),
    Column("opened", Moment, nullable=False),
    Column("changed", Moment, nullable=False),
    Index("ix_cases_carrier", "carrier", "id"),
)

MEASURES = Table(
    "measures",
    METADATA,
    Column("id", Id, primary_key=True),
    Column("case_id", BigInteger, ForeignKey("cases.id"), nullable=False),
    # `portdip.porting.supervision.cases.Measure`.
    Column("measure", Text, nullable=False),
    # A fine or compensation, in the smallest unit of the currency, and to whom a compensation goes.
    Column("amount", BigInteger, nullable=False),
    Column("currency", Text, nullable=False),
    Column("beneficiary", Text, nullable=False),
    Column("cause", Text, nullable=False),
    Column("at", Moment, nullable=False),
    CheckConstraint("amount >= 0", name="amount"),
    Index("ix_measures_case", "case_id"),
)

VIOLATIONS = Table(
    "violations",
    METADATA,
    Column("id", Id, primary_key=True),
    # `portdip.porting.supervision.violations.Prohibition`, V1 to V9.
    Column("code", Text, nullable=False),
    Column("carrier", Text, nullable=False),
    # The rule that found it, '' where somebody reported it.
    Column("rule", Text, nullable=False),
    Column("order_id", BigInteger, ForeignKey("orders.id")),
    Column("complaint_id", BigInteger, ForeignKey("complaints.id")),
    Column("case_id", BigInteger, ForeignKey("cases.id")),
    Column("finding", Text, nullable=False),
    # Ids of EVIDENCE.
    Column("evidence", JSON, nullable=False),
    Column("status", Text, nullable=False),
    Column("found", Moment, nullable=False),
    Column("decided", Moment),
    CheckConstraint("status IN ('suspected', 'confirmed', 'dismissed')", name="status"),
    UniqueConstraint("code", "carrier", "rule", "order_id"),
    Index("ix_violations_carrier", "carrier", "id"),
    Index("ix_violations_case", "case_id"),
)

#: Carriers that may not port numbers in: suspended, or without a licence.
BARS = Table(
    "bars",
    METADATA,
    Column("carrier", Text, primary_key=True),
    Column("standing", Text, nullable=False),
    Column("case_id", BigInteger, ForeignKey("cases.id"), nullable=False),
    Column("since", Moment, nullable=False),
    CheckConstraint("standing IN ('suspended', 'revoked')", name="standing"),
)
