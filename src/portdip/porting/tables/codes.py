"""Authorization codes, hashed. One row a code ever issued; of an order at most one is live. Wrong tries of carriers."""

from __future__ import annotations

from sqlalchemy import BigInteger, CheckConstraint, Column, ForeignKey, Index, Integer, Table, Text, text

from portdip.porting.moment import Id, Moment
from portdip.porting.tables.metadata import METADATA

CODES = Table(
    "codes",
    METADATA,
    Column("id", Id, primary_key=True),
    Column("order_id", BigInteger, ForeignKey("orders.id"), nullable=False),
    Column("number", BigInteger, nullable=False),
    Column("identity", Text, nullable=False),
    # Both are keyed hashes of portdip.porting.privacy.
    Column("digest", Text, nullable=False),
    # `live`, then one of `used`, `void` (another was issued, or the order ended), `expired`, `blocked` (all attempts).
    Column("status", Text, nullable=False),
    # Wrong tries of all carriers together.
    Column("attempts", Integer, nullable=False),
    Column("issued", Moment, nullable=False),
    Column("expires", Moment, nullable=False),
    CheckConstraint("status IN ('live', 'used', 'void', 'expired', 'blocked')", name="status"),
    Index(
        "uq_codes_live",
        "order_id",
        unique=True,
        sqlite_where=text("status = 'live'"),
        postgresql_where=text("status = 'live'"),
    ),
    Index("ix_codes_number", "number", "id"),
)

#: How often each carrier has tried a code wrongly; who never did has no row.
CODE_TRIES = Table(
    "code_tries",
    METADATA,
    Column("code_id", BigInteger, ForeignKey("codes.id"), primary_key=True, autoincrement=False),
    Column("carrier", Text, primary_key=True),
    Column("tries", Integer, nullable=False),
    CheckConstraint("tries >= 1", name="tries"),
)
