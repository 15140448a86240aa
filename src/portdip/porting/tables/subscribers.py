"""What a donor knows of its subscribers, where it has no system of its own that can be asked."""

from __future__ import annotations

from sqlalchemy import JSON, BigInteger, Boolean, Column, Index, LargeBinary, Table, Text

from portdip.porting.moment import Moment
from portdip.porting.tables.metadata import METADATA

SUBSCRIBERS = Table(
    "subscribers",
    METADATA,
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("carrier", Text, nullable=False),
    # `personal`, `corporate`, `iot`, `reseller`, `satellite`: what sort of line it is.
    Column("kind", Text, nullable=False),
    # `normal`, `suspended`, `lost`, `closed`.
    Column("status", Text, nullable=False),
    Column("area", Text, nullable=False),
    Column("real_name", Boolean, nullable=False),
    Column("identity", Text, nullable=False),
    Column("identity_last4", Text, nullable=False),
    Column("name", LargeBinary),
    # Money owed, in the smallest unit of the currency: billed and due, and used but not billed yet.
    Column("arrears", BigInteger, nullable=False),
    Column("unbilled", BigInteger, nullable=False),
    Column("unbilled_agreed", Boolean, nullable=False),
    Column("contract_until", Moment),
    Column("joined", Moment, nullable=False),
    # Bars by others: `court`, `sub-judice`, `ownership-change`.
    Column("bars", JSON, nullable=False),
    Column("changed", Moment, nullable=False),
    Index("ix_subscribers_carrier", "carrier", "number"),
)
