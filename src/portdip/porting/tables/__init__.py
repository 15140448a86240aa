"""The tables of the porting database, by area. All are in one `METADATA`, which the migrations bring about.

Moments are 64-bit microseconds (`portdip.porting.moment`), states and roles are their words. What must never be
untrue is a constraint or a unique index here, so that no program can get around it.
"""

from portdip.porting.tables import (
    access,
    audit,
    codes,
    migrations,
    nodes,
    orders,
    outbox,
    ranges,
    reversals,
    subscribers,
    supervision,
)
from portdip.porting.tables.metadata import METADATA

__all__ = [
    "METADATA",
    "access",
    "audit",
    "codes",
    "migrations",
    "nodes",
    "orders",
    "outbox",
    "ranges",
    "reversals",
    "subscribers",
    "supervision",
]
