"""Emergency reversals of ports, and who has approved each."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Table, Text, text

from portdip.porting.moment import Id, Moment
from portdip.porting.tables.metadata import METADATA

REVERSALS = Table(
    "reversals",
    METADATA,
    Column("id", Id, primary_key=True),
    # The port to be undone, and the order that undoes it once that is approved.
    Column("order_id", BigInteger, ForeignKey("orders.id"), nullable=False),
    Column("reverse_order_id", BigInteger, ForeignKey("orders.id")),
    Column("cause", Text, nullable=False),
    Column("asked", Moment, nullable=False),
    # When it was approved or refused; null while it is open.
    Column("decided", Moment),
    Index(
        "uq_reversals_open",
        "order_id",
        unique=True,
        sqlite_where=text("decided IS NULL"),
        postgresql_where=text("decided IS NULL"),
    ),
)

APPROVALS = Table(
    "approvals",
    METADATA,
    Column("reversal_id", BigInteger, ForeignKey("reversals.id"), primary_key=True, autoincrement=False),
    # The person.
    Column("name", Text, primary_key=True),
    Column("role", Text, nullable=False),
    Column("carrier", Text, nullable=False),
    Column("at", Moment, nullable=False),
)
