"""The nodes that answer dips, and how far each has applied the chain, as they report it."""

from __future__ import annotations

from sqlalchemy import BigInteger, CheckConstraint, Column, Index, Table, Text

from portdip.porting.moment import Moment
from portdip.porting.tables.metadata import METADATA

NODES = Table(
    "nodes",
    METADATA,
    Column("name", Text, primary_key=True),
    # Whose network the node answers for.
    Column("carrier", Text, nullable=False),
    # The last delta it has applied, and when it said so; never, where that is null.
    Column("sequence", BigInteger, nullable=False),
    Column("reported", Moment),
    Column("registered", Moment, nullable=False),
    CheckConstraint("sequence >= 0", name="sequence"),
    Index("ix_nodes_sequence", "sequence"),
)
