"""Who may use the API, what was answered to requests that may come twice, and where events are posted.

Webhooks are beside the events: each says how far it has come in its carrier's events, in the order of their ids.
"""

from __future__ import annotations

from sqlalchemy import (
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
)

from portdip.porting.moment import Id, Moment
from portdip.porting.tables.metadata import METADATA

#: Keys for the API. Of a key nothing is kept but its SHA-256.
API_KEYS = Table(
    "api_keys",
    METADATA,
    # 8 hex digits, part of the key's text.
    Column("id", Text, primary_key=True),
    Column("digest", LargeBinary, nullable=False),
    Column("role", Text, nullable=False),
    Column("carrier", Text, nullable=False),
    Column("owner", Text, nullable=False),
    Column("created", Moment, nullable=False),
    Column("expires", Moment),
    Column("revoked", Moment),
)

#: Requests with an idempotency key: what was asked, and once it is known, what was answered, sealed.
REQUESTS = Table(
    "requests",
    METADATA,
    Column("api_key", Text, ForeignKey("api_keys.id"), primary_key=True),
    Column("idempotency_key", Text, primary_key=True),
    # SHA-256 over method, path, condition and body.
    Column("digest", LargeBinary, nullable=False),
    Column("status", Integer),
    Column("answer", LargeBinary),
    Column("begun", Moment, nullable=False),
    Index("ix_requests_begun", "begun"),
)

WEBHOOKS = Table(
    "webhooks",
    METADATA,
    Column("id", Id, primary_key=True),
    Column("carrier", Text, nullable=False),
    Column("url", Text, nullable=False),
    # What signs the posts, sealed.
    Column("secret", LargeBinary, nullable=False),
    # The last event that was delivered or given up, and how often the one after it has been tried.
    Column("position", BigInteger, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("given_up", BigInteger, nullable=False),
    # When to try next; while a post is under way, when it counts as lost.
    Column("due", Moment, nullable=False),
    Column("made", Moment, nullable=False),
    UniqueConstraint("carrier", "url"),
    CheckConstraint("attempts >= 0 AND given_up >= 0", name="counts"),
    Index("ix_webhooks_due", "due"),
    sqlite_autoincrement=True,
)
