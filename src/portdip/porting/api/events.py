"""The events of a carrier, in the order of their ids, and as a stream (Server-Sent Events, WHATWG HTML §9.2).

Ids grow in the order in which what happened was committed, so a reader who goes on from the last id has missed
nothing. A stream is read anew from the database: it needs no memory of who listens, and any process can go on with it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import Connection, select
from starlette.concurrency import run_in_threadpool

from portdip.porting.database import Database
from portdip.porting.tables.orders import EVENTS

#: How often a stream looks for new events, and after how much silence it says that it is there, in seconds.
_LOOK_SECONDS = 0.25
_SILENCE_SECONDS = 15.0
#: Events read together.
_PAGE = 500


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened, as the carrier is told it."""

    id: int
    carrier: str
    kind: str
    reference: str
    body: dict[str, Any]
    at: datetime

    def as_json(self) -> bytes:
        """The event as JSON."""
        return orjson.dumps(
            {
                "id": self.id,
                "carrier": self.carrier,
                "kind": self.kind,
                "reference": self.reference,
                "at": self.at,
                "body": self.body,
            }
        )

    def as_sse(self) -> bytes:
        """The event as part of a stream.

        >>> from datetime import UTC
        >>> Event(7, "CMCC", "order", "r", {}, datetime(2026, 1, 1, tzinfo=UTC)).as_sse().splitlines()[:2]
        [b'id: 7', b'event: order']
        """
        return b"id: %d\nevent: %s\ndata: %s\n\n" % (self.id, self.kind.encode(), self.as_json())


def after(connection: Connection, position: int, limit: int, carrier: str = "") -> list[Event]:
    """At most `limit` events after the one whose id is `position`, of a carrier or of all."""
    query = select(EVENTS).where(EVENTS.c.id > position).order_by(EVENTS.c.id).limit(limit)
    if carrier:
        query = query.where(EVENTS.c.carrier == carrier)
    return [Event(row.id, row.carrier, row.kind, row.reference, row.body, row.at) for row in connection.execute(query)]


async def stream(
    database: Database, position: int, carrier: str, is_over: Callable[[], Awaitable[bool]]
) -> AsyncIterator[bytes]:
    """The events after `position`, those that come included, until `is_over` says so."""
    yield b"retry: 1000\n\n"
    silent = 0.0
    while not await is_over():
        page = await run_in_threadpool(_page, database, position, carrier)
        if page:
            yield b"".join(event.as_sse() for event in page)
            position, silent = page[-1].id, 0.0
            continue
        if silent >= _SILENCE_SECONDS:
            yield b": here\n\n"
            silent = 0.0
        await asyncio.sleep(_LOOK_SECONDS)
        silent += _LOOK_SECONDS


def _page(database: Database, position: int, carrier: str) -> list[Event]:
    with database.reading() as connection:
        return after(connection, position, _PAGE, carrier)
