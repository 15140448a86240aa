"""Port orders, and the events that tell carriers of them.

`orders` has one row an order of one number; orders of one application for several numbers share `batch`. An order
stays after it is done: the rows of a number, by `version`, are its porting history. `events` is append-only, and its
ids grow in the order in which transactions commit, so a reader that has seen an id has seen all before it.
"""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
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
from portdip.porting.states import ACTIVE, OPEN, State
from portdip.porting.tables.metadata import METADATA


def _among(states: Iterable[State]) -> str:
    return "state IN (" + ", ".join(f"'{state.value}'" for state in State if state in states) + ")"


_NUMBER_MIN, _NUMBER_MAX = 1, 10**15 - 1

ORDERS = Table(
    "orders",
    METADATA,
    Column("id", Id, primary_key=True),
    Column("reference", Text, nullable=False, unique=True),
    Column("kind", Text, nullable=False),
    Column("profile", Text, nullable=False),
    Column("number", BigInteger, nullable=False),
    Column("batch", Text, nullable=False, server_default=""),
    Column("state", Text, nullable=False),
    # Counts the moves: who changes an order says which revision of it they saw.
    Column("revision", Integer, nullable=False),
    # The authority's version id of what this order says of the number: grows from order to order of a number.
    Column("version", BigInteger, nullable=False),
    Column("donor", Text, nullable=False),
    Column("recipient", Text, nullable=False, server_default=""),
    Column("range_holder", Text, nullable=False),
    Column("routing_number", Text, nullable=False, server_default=""),
    Column("donor_routing_number", Text, nullable=False, server_default=""),
    Column("reseller", Text, nullable=False, server_default=""),
    Column("area", Text, nullable=False, server_default=""),
    # When the subscriber wants the port (not before), the donor's first possible date, and the instant it is set for.
    Column("wished", Moment),
    Column("first_possible", Moment),
    Column("slot", Moment),
    # The next thing the profile does by itself, and when.
    Column("timer", Text, nullable=False, server_default=""),
    Column("due", Moment),
    Column("is_open", Boolean, nullable=False),
    Column("is_active", Boolean, nullable=False),
    Column("disputed", Boolean, nullable=False),
    Column("answered", Boolean, nullable=False),
    Column("conflicts", Integer, nullable=False),
    Column("cancelled_by", Text, nullable=False, server_default=""),
    Column("supersedes", BigInteger, ForeignKey("orders.id")),
    # The delta that says the last change of this order to the switches; null before it is published.
    Column("delta_sequence", BigInteger),
    Column("reasons", JSON, nullable=False),
    Column("consent", BigInteger),
    Column("opened", Moment, nullable=False),
    Column("submitted", Moment),
    Column("activated", Moment),
    Column("changed", Moment, nullable=False),
    CheckConstraint(_among(State), name="state"),
    CheckConstraint(f"is_open = ({_among(OPEN)})", name="is_open"),
    CheckConstraint(f"is_active = ({_among(ACTIVE)})", name="is_active"),
    CheckConstraint(f"number BETWEEN {_NUMBER_MIN} AND {_NUMBER_MAX}", name="number"),
    CheckConstraint("version >= 1 AND revision >= 1", name="counts"),
    UniqueConstraint("number", "version"),
    Index("uq_orders_open", "number", unique=True, sqlite_where=text("is_open"), postgresql_where=text("is_open")),
    Index(
        "uq_orders_active", "number", unique=True, sqlite_where=text("is_active"), postgresql_where=text("is_active")
    ),
    Index("ix_orders_due", "due", sqlite_where=text("due IS NOT NULL"), postgresql_where=text("due IS NOT NULL")),
    Index(
        "ix_orders_slot",
        "slot",
        "recipient",
        sqlite_where=text("state = 'scheduled'"),
        postgresql_where=text("state = 'scheduled'"),
    ),
    Index(
        "ix_orders_quota",
        "profile",  # first, so that SQLite does not take this index for orders whose slot has come
        "slot",
        sqlite_where=text("slot IS NOT NULL"),
        postgresql_where=text("slot IS NOT NULL"),
    ),
    Index("ix_orders_batch", "batch", sqlite_where=text("batch <> ''"), postgresql_where=text("batch <> ''")),
    Index("ix_orders_recipient", "recipient", "id"),
    Index("ix_orders_donor", "donor", "id"),
)

#: Who applied for an order: a person's identity number as keyed hash and last four digits, the name sealed.
#: Apart from the order, so that it can be erased and the order stays.
APPLICANTS = Table(
    "applicants",
    METADATA,
    Column("order_id", BigInteger, ForeignKey("orders.id"), primary_key=True, autoincrement=False),
    Column("identity", Text, nullable=False),
    Column("identity_last4", Text, nullable=False),
    Column("name", LargeBinary),
    Column("language", Text, nullable=False),
)

EVENTS = Table(
    "events",
    METADATA,
    Column("id", Id, primary_key=True),
    Column("carrier", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("reference", Text, nullable=False),
    Column("body", JSON, nullable=False),
    Column("at", Moment, nullable=False),
    Index("ix_events_carrier", "carrier", "id"),
    sqlite_autoincrement=True,
)

#: How far those have come that read the events one after the other; `held` is until when one of them is at it.
EVENT_READERS = Table(
    "event_readers",
    METADATA,
    Column("name", Text, primary_key=True),
    Column("event_id", BigInteger, nullable=False),
    Column("held", Moment, nullable=False),
)
