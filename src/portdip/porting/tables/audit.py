"""The audit chain: its records, its head, the signatures over heads.

Records are numbered from 1 without gaps. A record's details may be erased; their salted digest stays, and with it the
chain (`portdip.porting.audit_record` says what is hashed).
"""

from __future__ import annotations

from sqlalchemy import BigInteger, CheckConstraint, Column, Index, Integer, LargeBinary, Table, Text

from portdip.porting.moment import Moment
from portdip.porting.tables.metadata import METADATA

AUDIT = Table(
    "audit",
    METADATA,
    Column("sequence", BigInteger, primary_key=True, autoincrement=False),
    Column("at", Moment, nullable=False),
    Column("actor", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("carrier", Text, nullable=False),
    Column("act", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("before", Text, nullable=False),
    Column("after", Text, nullable=False),
    Column("cause", Text, nullable=False),
    Column("rule", Text, nullable=False),
    Column("details", Text),
    Column("salt", LargeBinary),
    Column("details_digest", LargeBinary, nullable=False),
    Column("digest", LargeBinary, nullable=False),
    Index("ix_audit_subject", "subject", "sequence"),
)

#: One row: the last record. Who appends holds it until the commit.
AUDIT_HEAD = Table(
    "audit_head",
    METADATA,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("sequence", BigInteger, nullable=False),
    Column("digest", LargeBinary, nullable=False),
    CheckConstraint("id = 1", name="one"),
)

AUDIT_SIGNATURES = Table(
    "audit_signatures",
    METADATA,
    Column("sequence", BigInteger, primary_key=True, autoincrement=False),
    Column("digest", LargeBinary, nullable=False),
    Column("key_id", Text, nullable=False),
    Column("signature", LargeBinary, nullable=False),
    Column("at", Moment, nullable=False),
)
