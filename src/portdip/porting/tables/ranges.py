"""Number resources: intervals of numbers side by side, each with the state it is in now.

No two rows share a number. What a range was before is in the audit chain.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, CheckConstraint, Column, Index, Table, Text

from portdip.porting.moment import Id, Moment
from portdip.porting.tables.metadata import METADATA

RANGES = Table(
    "ranges",
    METADATA,
    Column("id", Id, primary_key=True),
    Column("first", BigInteger, nullable=False, unique=True),
    Column("last", BigInteger, nullable=False, unique=True),
    # portdip.porting.resources.RangeState
    Column("state", Text, nullable=False),
    # The range holder; who was it last, where the range is pooled or quarantined; '' for none.
    Column("carrier", Text, nullable=False),
    Column("routing_number", Text, nullable=False),
    # When the quarantine ends.
    Column("until", Moment),
    Column("changed", Moment, nullable=False),
    CheckConstraint("first <= last", name="interval"),
    Index("ix_ranges_carrier", "carrier", "state"),
)
