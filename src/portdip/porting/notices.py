"""Notices to subscribers: a text message when their order is submitted, scheduled, rejected, cancelled or active.

The events of orders are read in their order, from where the last reading ended; that place is in the database. A
notice is sent before its place is noted, so after a crash the last one may come twice, and none is lost. Where one
cannot be sent the next step tries again; one that is older than a day by then is passed over, for it would confuse.

Any number of processes may send: one that is at it holds the place for a minute, and the others leave it alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, bindparam, func, insert, select, update

from portdip.porting.database import Database
from portdip.porting.orders import OrderKind
from portdip.porting.profile import Profile
from portdip.porting.states import UNSUBMITTED, Act
from portdip.porting.tables.orders import APPLICANTS, EVENT_READERS, EVENTS, ORDERS
from portdip.porting.text_senders import TextSender

_READER = "notices"
_BATCH = 200
_STALE = timedelta(days=1)
_HELD = timedelta(minutes=1)

#: The text of the profile for what was done to an order.
_TEXTS = {
    Act.SUBMIT: "submitted",
    Act.SCHEDULE: "scheduled",
    Act.REJECT: "rejected",
    Act.CANCEL: "cancelled",
    Act.COMPLETE: "active",
}

#: Of the events of one move, one to each carrier, the donor's.
_NEXT = (
    select(EVENTS.c.id, EVENTS.c.at, EVENTS.c.body, ORDERS.c.profile, APPLICANTS.c.language)
    .join(ORDERS, ORDERS.c.reference == EVENTS.c.reference)
    .outerjoin(APPLICANTS, APPLICANTS.c.order_id == ORDERS.c.id)
    .where(
        EVENTS.c.id > bindparam("after"),
        EVENTS.c.kind == "order",
        EVENTS.c.carrier == ORDERS.c.donor,
        ORDERS.c.kind == OrderKind.PORT.value,
    )
    .order_by(EVENTS.c.id)
    .limit(_BATCH)
)
_MINE = EVENT_READERS.c.name == _READER


class Notices:
    """Sends the notices of `database`. Safe to share between threads."""

    def __init__(self, database: Database, profiles: Mapping[str, Profile], sender: TextSender) -> None:
        self._database = database
        self._profiles = profiles
        self._sender = sender

    def step(self) -> int:
        """Send what is to be sent now, some hundred at most; how many there were. The first step ever only begins.

        Raises PortingError where one cannot be sent; those before it are done with.
        """
        place = self._taken()
        if place is None:
            return 0
        sent = 0
        try:
            with self._database.reading() as connection:
                found = connection.execute(_NEXT, {"after": place}).all()
            for event in found:
                if self._notify(event):
                    sent += 1
                    self._note(event.id)
                place = event.id
        finally:
            self._note(place, freed=True)
        return sent

    def _notify(self, event: Row[*tuple[Any, ...]]) -> bool:
        """Whether a notice was sent."""
        body = event.body
        name = _TEXTS.get(body["act"])
        begun = body["act"] == Act.SUBMIT or body["before"] not in UNSUBMITTED
        if name is None or not begun or self._database.now() - event.at > _STALE:
            return False
        profile = self._profiles[event.profile]
        language = event.language or profile.language
        values = {"number": body["number"], "recipient": body["recipient"]}
        if name == "rejected":
            values["reasons"] = " ".join(profile.reason_text(reason, language) for reason in body["reasons"])
        if name == "scheduled":
            values["slot"] = profile.calendar.local(datetime.fromisoformat(body["slot"])).strftime("%Y-%m-%d %H:%M")
        self._sender.send(int(body["number"]), profile.texts[name].filled(language, **values))
        return True

    def _taken(self) -> int | None:
        """The last event that is done with, held for us; None where another process is at it."""
        with self._database.transaction() as tx:
            row = tx.connection.execute(select(EVENT_READERS).where(_MINE).with_for_update()).first()
            if row is None:
                last = select(func.coalesce(func.max(EVENTS.c.id), 0))
                place = int(tx.connection.execute(last).scalar_one())
                tx.connection.execute(insert(EVENT_READERS), {"name": _READER, "event_id": place, "held": tx.now})
                return None
            if row.held > tx.now:
                return None
            tx.connection.execute(update(EVENT_READERS).where(_MINE).values(held=tx.now + _HELD))
            return int(row.event_id)

    def _note(self, event: int, *, freed: bool = False) -> None:
        with self._database.transaction() as tx:
            held = tx.now if freed else tx.now + _HELD
            tx.connection.execute(update(EVENT_READERS).where(_MINE).values(event_id=event, held=held))
