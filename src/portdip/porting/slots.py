"""When a number cuts over: the moments a profile allows, and the first of them that has room.

An instant that people name is one of the calendar's zone: a full hour there, the opening of the night window there.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import islice

from sqlalchemy import ColumnElement, func, select

from portdip.errors import QuotaError
from portdip.porting.database import Transaction
from portdip.porting.profile import Profile
from portdip.porting.states import State
from portdip.porting.tables.orders import ORDERS

#: Slots that are looked at for room: two weeks of hours, or a year of nights.
_LOOKED_AT = 366

_HOUR = timedelta(hours=1)


def candidates(
    profile: Profile, now: datetime, first_possible: datetime | None, wished: datetime | None
) -> Iterator[datetime]:
    """The moments (UTC) at which an order may cut over, the earliest first, none before what was wished.

    Where a profile sets no grid of slots, a full one moves the order to the next hour.
    """
    slots, calendar = profile.slots, profile.calendar
    noticed = slots.notice.after(now, calendar)
    earliest = max(noticed, wished or now, first_possible or now)
    match slots.rule:
        case "next-full-hour":
            shown = calendar.local(earliest)
            moment = calendar.at(shown.date(), shown.time().replace(minute=0, second=0, microsecond=0))
            while moment <= noticed or moment < earliest:
                moment += _HOUR
            step = _HOUR
        case "night-window":
            assert slots.opens is not None
            day = calendar.local(earliest).date()
            while (moment := calendar.at(day, slots.opens)) < earliest:
                day += timedelta(days=1)
            while True:
                yield moment
                day += timedelta(days=1)
                moment = calendar.at(day, slots.opens)
        case "first-possible-date" | "immediate":
            moment, step = earliest, _HOUR
    while True:
        yield moment
        moment += step


def choose(
    tx: Transaction, profile: Profile, recipient: str, first_possible: datetime | None, wished: datetime | None
) -> datetime:
    """The first moment that has room, by the profile's quotas. Raises QuotaError where none is in sight."""
    quotas = profile.quotas
    moments = candidates(profile, tx.now, first_possible, wished)
    if not (quotas.slot or quotas.day or quotas.recipient_day):
        return next(moments)
    tx.lock(f"portdip slots {profile.name}")  # who counts decides before anybody else counts
    for moment in islice(moments, _LOOKED_AT):
        midnight = calendar_day(profile, moment)
        day = ORDERS.c.slot >= midnight[0], ORDERS.c.slot < midnight[1]
        if (
            _has_room(tx, profile, quotas.slot, ORDERS.c.slot == moment)
            and _has_room(tx, profile, quotas.day, *day)
            and _has_room(tx, profile, quotas.recipient_day, *day, ORDERS.c.recipient == recipient)
        ):
            return moment
    raise QuotaError("no slot has room", got=f"{_LOOKED_AT} slots that are full", fix="Wish for a later date.")


def calendar_day(profile: Profile, moment: datetime) -> tuple[datetime, datetime]:
    """The day of the calendar's zone around a moment: its beginning and its end (UTC)."""
    day = profile.calendar.local(moment).date()
    zero = moment.min.time()
    return profile.calendar.at(day, zero), profile.calendar.at(day + timedelta(days=1), zero)


def _has_room(tx: Transaction, profile: Profile, quota: int, *which: ColumnElement[bool]) -> bool:
    """Whether fewer orders than the quota are set for it; at most so many are counted."""
    if not quota:
        return True
    slotted = (ORDERS.c.profile == profile.name, ORDERS.c.slot.is_not(None), ORDERS.c.state.in_(_SLOTTED))
    some = select(ORDERS.c.id).where(*slotted, *which).limit(quota).subquery()
    return int(tx.connection.execute(select(func.count()).select_from(some)).scalar_one()) < quota


#: States of an order whose slot was or will be used.
_SLOTTED = (State.SCHEDULED, State.BROADCASTING, State.ACTIVE, State.PARTIAL_FAILURE)
