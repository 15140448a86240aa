"""The changes that wait for the delta chain, in the order in which they are to be in it.

A change is written in the transaction of what decided it, and its `id` is at the same time the `version` of its row
in the chain: so version ids only grow, and a row is found in the chain again after a crash. Ids grow in the order in
which transactions commit. `sequence` is the delta that holds it, null while it waits. `arrived` is when all registered
nodes had that delta, `missed` when some had not within the limit.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, CheckConstraint, Column, Index, Integer, SmallInteger, Table, Text, text

from portdip.porting.moment import Id, Moment
from portdip.porting.tables.metadata import METADATA

OUTBOX = Table(
    "outbox",
    METADATA,
    Column("id", Id, primary_key=True),
    # The reference of the order, or of whatever else decided it, and the order that waits for its arrival.
    Column("reference", Text, nullable=False),
    Column("order_id", BigInteger),
    # Columns of `portdip.exchange.changes`.
    Column("operation", SmallInteger, nullable=False),
    Column("number", BigInteger),
    Column("last", BigInteger),
    Column("carrier", Text),
    Column("routing_number", Text),
    Column("donor", Text),
    Column("donor_routing_number", Text),
    Column("text", Text),
    Column("effective", Moment),
    Column("written", Moment, nullable=False),
    Column("sequence", BigInteger),
    Column("published", Moment),
    Column("missed", Moment),
    Column("arrived", Moment),
    Index("ix_outbox_waiting", "id", sqlite_where=text("sequence IS NULL"), postgresql_where=text("sequence IS NULL")),
    Index(
        "ix_outbox_under_way",
        "sequence",
        "id",
        sqlite_where=text("arrived IS NULL"),
        postgresql_where=text("arrived IS NULL"),
    ),
    Index("ix_outbox_order", "order_id"),
    sqlite_autoincrement=True,
)

#: One row: the last delta that has been looked through for changes of the outbox.
PUBLICATION = Table(
    "publication",
    METADATA,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("sequence", BigInteger, nullable=False),
    Column("digest", Text, nullable=False),
    CheckConstraint("id = 1", name="one"),
)
