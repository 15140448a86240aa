"""Number resources (號碼資源): which carrier holds which range, and the life of a range from one holder to the next.

    free ──assign──▶ assigned ──withdraw──▶ quarantined ──(its time is over) release──▶ free
                        │  ▲
                        │  └──assign── pooled (given back by its holder for others to have, at once)
                        └──pool──▶ pooled ──withdraw──▶ quarantined

Ranges never overlap, so no number can be assigned twice: every act looks at all ranges it meets under one lock. An
act on part of a range splits it. What changes who holds numbers goes to the chain in the same transaction: `assign`
as an assignment, `pool` and `withdraw` as a withdrawal. A split alone changes no answer and sends nothing. Numbers
ported out of a range keep their own entries throughout (see `portdip.exchange.changes`), and while a number has an
open order its range stays as it is.

Every function is for one transaction, in one thread.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import Row, bindparam, delete, func, insert, select

from portdip import number as numbers
from portdip.errors import InvalidRangeError, ResourceError
from portdip.exchange.changes import Operation
from portdip.porting import outbox
from portdip.porting.actor import Actor, Role
from portdip.porting.database import Transaction
from portdip.porting.prepared import Prepared
from portdip.porting.tables.orders import ORDERS
from portdip.porting.tables.ranges import RANGES

_RANGE_OF = Prepared(
    select(RANGES).where(RANGES.c.first <= bindparam("number")).order_by(RANGES.c.first.desc()).limit(1)
)
_MAY_CHANGE = (Role.CENTRE, Role.REGULATOR, Role.SYSTEM)


class RangeState(StrEnum):
    """What a range is now. Numbers that no row tells of are not portdip's to give out."""

    FREE = "free"
    ASSIGNED = "assigned"
    POOLED = "pooled"
    QUARANTINED = "quarantined"


@dataclass(frozen=True, slots=True)
class Range:
    """The numbers from `first` to `last`. `carrier` holds them, or held them last; '' for none.

    `until` is when a quarantine ends (UTC).
    """

    first: int
    last: int
    state: RangeState
    carrier: str = ""
    routing_number: str = ""
    until: datetime | None = None

    @property
    def holder(self) -> str:
        """Who holds the numbers now; '' for nobody."""
        return self.carrier if self.state is RangeState.ASSIGNED else ""

    @property
    def count(self) -> int:
        """How many numbers it has.

        >>> Range(100, 199, RangeState.FREE).count
        100
        """
        return self.last - self.first + 1


@dataclass(frozen=True, slots=True)
class Utilization:
    """How a carrier uses what it holds: numbers it is assigned, and of those ported to others; ported in to it."""

    carrier: str
    assigned: int
    ported_out: int
    ported_in: int

    @property
    def share_kept(self) -> float:
        """The share of the carrier's own numbers that are not ported out; 1.0 where it has none."""
        return 1.0 - self.ported_out / self.assigned if self.assigned else 1.0


def add(tx: Transaction, actor: Actor, first: int, last: int, cause: str) -> Range:
    """New numbers to be given out: a free range. Raises ResourceError where one of them is known already."""
    _begin(tx, actor, first, last)
    met = _met(tx, first, last)
    if met:
        raise ResourceError("there is a range at these numbers", got=_spoken(met), expected="numbers not known yet")
    return _put(tx, actor, "add", [], Range(first, last, RangeState.FREE), cause)


def assign(
    tx: Transaction, actor: Actor, first: int, last: int, carrier: str, cause: str, *, routing_number: str = ""
) -> Range:
    """`carrier` holds these numbers, which were free or pooled (or not known at all: then they are now).

    Raises ResourceError where one of them has a holder or is in quarantine.
    """
    _begin(tx, actor, first, last)
    before = _cut(tx, first, last, {RangeState.FREE, RangeState.POOLED})
    after = Range(first, last, RangeState.ASSIGNED, carrier, routing_number)
    change = outbox.Change(
        Operation.ASSIGN, _reference(tx), number=first, last=last, carrier=carrier, routing_number=routing_number
    )
    outbox.put(tx, [change])
    return _put(tx, actor, "assign", before, after, cause)


def reroute(tx: Transaction, actor: Actor, first: int, last: int, routing_number: str, cause: str) -> Range:
    """Calls to these numbers, all of one holder, need another routing number."""
    _begin(tx, actor, first, last)
    holder = _one_holder(_whole(tx, first, last))
    before = _cut(tx, first, last, {RangeState.ASSIGNED})
    after = Range(first, last, RangeState.ASSIGNED, holder, routing_number)
    change = outbox.Change(
        Operation.ASSIGN, _reference(tx), number=first, last=last, carrier=holder, routing_number=routing_number
    )
    outbox.put(tx, [change])
    return _put(tx, actor, "reroute", before, after, cause)


def split(tx: Transaction, actor: Actor, at: int, cause: str) -> tuple[Range, Range]:
    """Make two ranges of the one that holds `at`: the second begins with it. No answer to a dip changes."""
    _begin(tx, actor, at, at)
    found = range_of(tx, at)
    if found is None or found.first == at:
        raise ResourceError("there is nothing to split here", got=_spoken([found] if found else []), where=str(at))
    _store(tx, [found], _pieces(found, at, at))
    parts = (_moved(found, found.first, at - 1), _moved(found, at, found.last))
    _audit(tx, actor, "split", [found], parts, cause)
    return parts


def pool(tx: Transaction, actor: Actor, first: int, last: int, cause: str) -> Range:
    """The holder gives these numbers back, for others to be assigned at once."""
    _begin(tx, actor, first, last)
    before = _cut(tx, first, last, {RangeState.ASSIGNED})
    _withdraw(tx, first, last)
    after = Range(first, last, RangeState.POOLED, _one_holder(before))
    return _put(tx, actor, "pool", before, after, cause)


def withdraw(tx: Transaction, actor: Actor, first: int, last: int, cause: str, *, quarantine: timedelta) -> Range:
    """Nobody holds these numbers any more; nobody can be given them before the quarantine is over."""
    _begin(tx, actor, first, last)
    before = _cut(tx, first, last, {RangeState.ASSIGNED, RangeState.POOLED})
    _withdraw(tx, first, last)
    after = Range(first, last, RangeState.QUARANTINED, _one_holder(before), until=tx.now + quarantine)
    return _put(tx, actor, "withdraw", before, after, cause)


def release_due(tx: Transaction, actor: Actor) -> list[Range]:
    """Free the ranges whose quarantine is over: they can be assigned again. Which they were."""
    query = select(RANGES).where(RANGES.c.state == RangeState.QUARANTINED, RANGES.c.until <= tx.now)
    freed = []
    for row in tx.connection.execute(query.order_by(RANGES.c.first)).all():
        before = _range(row)
        after = Range(before.first, before.last, RangeState.FREE)
        freed.append(_put(tx, actor, "release", [before], after, "the quarantine is over"))
    return freed


def range_of(tx: Transaction, number: int) -> Range | None:
    """The range that has this number, None if none has."""
    row = _RANGE_OF.first(tx.connection, number=number)
    return _range(row) if row is not None and row.last >= number else None


def all_ranges(tx: Transaction, carrier: str | None = None) -> list[Range]:
    """All ranges, or those that a carrier holds or held last, in order."""
    query = select(RANGES).order_by(RANGES.c.first)
    if carrier is not None:
        query = query.where(RANGES.c.carrier == carrier)
    return [_range(row) for row in tx.connection.execute(query)]


def utilization(tx: Transaction) -> list[Utilization]:
    """How each carrier that holds numbers, or serves ported ones, uses them; by its name."""
    size = func.sum(RANGES.c.last - RANGES.c.first + 1)
    held = select(RANGES.c.carrier, size).where(RANGES.c.state == RangeState.ASSIGNED).group_by(RANGES.c.carrier)
    assigned = Counter({carrier: int(count) for carrier, count in tx.connection.execute(held)})
    ported = (
        select(ORDERS.c.range_holder, ORDERS.c.recipient, func.count())
        .where(ORDERS.c.is_active, ORDERS.c.recipient != ORDERS.c.range_holder)
        .group_by(ORDERS.c.range_holder, ORDERS.c.recipient)
    )
    out: Counter[str] = Counter()
    into: Counter[str] = Counter()
    for holder, recipient, count in tx.connection.execute(ported):
        out[holder] += int(count)
        into[recipient] += int(count)
    return [
        Utilization(carrier, assigned[carrier], out[carrier], into[carrier])
        for carrier in sorted({*assigned, *out, *into})
    ]


def _begin(tx: Transaction, actor: Actor, first: int, last: int) -> None:
    """What every act begins with: who may, one at a time, numbers that make a range, and none of them under way."""
    if actor.role not in _MAY_CHANGE:
        raise ResourceError(
            "not yours to change",
            got=actor.role,
            expected=f"one of {', '.join(_MAY_CHANGE)}",
            where=_interval(first, last),
        )
    tx.lock("portdip ranges")
    same_length = numbers.length(numbers.check(first)) == numbers.length(numbers.check(last))
    if last < first or not same_length:
        raise InvalidRangeError("not a range", got=_interval(first, last), expected="two ends of one length, in order")
    query = select(ORDERS.c.reference).where(ORDERS.c.is_open, ORDERS.c.number.between(first, last))
    under_way = tx.connection.execute(query.limit(1)).scalar()
    if under_way is not None:
        raise ResourceError(
            "a number of the range has an open order",
            where=_interval(first, last),
            got=f"order {under_way}",
            fix="Wait until the order has ended, or cancel it.",
        )


def _met(tx: Transaction, first: int, last: int) -> list[Range]:
    """The ranges that have a number in common with this interval, in order."""
    query = select(RANGES).where(RANGES.c.last >= first, RANGES.c.first <= last).order_by(RANGES.c.first)
    return [_range(row) for row in tx.connection.execute(query)]


def _whole(tx: Transaction, first: int, last: int) -> list[Range]:
    """The ranges of this interval; ResourceError where part of it is of none."""
    met = _met(tx, first, last)
    reached = first
    for found in met:
        if found.first > reached:
            break
        reached = found.last + 1
    if reached <= last:
        raise ResourceError("no range has these numbers", where=_interval(first, last), got=f"nothing at {reached}")
    return met


def _cut(tx: Transaction, first: int, last: int, states: set[RangeState]) -> list[Range]:
    """Take the interval out of the ranges that have it, which must all be in one of `states`; what they were."""
    met = _met(tx, first, last) if RangeState.FREE in states else _whole(tx, first, last)
    for found in met:
        if found.state not in states:
            until = f" until {found.until.isoformat()}" if found.until else ""
            raise ResourceError(
                "the numbers cannot be had" if RangeState.FREE in states else "the numbers are not held",
                where=_interval(found.first, found.last),
                expected=" or ".join(sorted(states)),
                got=f"{found.state} ({found.carrier}){until}" if found.carrier else found.state,
            )
    left = [piece for found in met for piece in _pieces(found, first, last) if piece.last < first or piece.first > last]
    _store(tx, met, left)
    return met


def _pieces(found: Range, first: int, last: int) -> list[Range]:
    """A range, cut before `first` and after `last`.

    >>> [(piece.first, piece.last) for piece in _pieces(Range(10, 99, RangeState.FREE), 20, 29)]
    [(10, 19), (20, 29), (30, 99)]
    """
    inner = (max(found.first, first), min(found.last, last))
    bounds = [(found.first, inner[0] - 1), inner, (inner[1] + 1, found.last)]
    return [_moved(found, low, high) for low, high in bounds if low <= high]


def _moved(found: Range, first: int, last: int) -> Range:
    return Range(first, last, found.state, found.carrier, found.routing_number, found.until)


def _put(tx: Transaction, actor: Actor, act: str, before: list[Range], after: Range, cause: str) -> Range:
    """Have `after` in the table in the place of what is there of it, and the act in the audit chain."""
    _store(tx, [after], [after])
    _audit(tx, actor, act, before, [after], cause)
    return after


def _store(tx: Transaction, gone: Iterable[Range], come: Iterable[Range]) -> None:
    for found in gone:
        tx.connection.execute(delete(RANGES).where(RANGES.c.first == found.first))
    rows: list[dict[str, Any]] = [
        {
            "first": piece.first,
            "last": piece.last,
            "state": piece.state.value,
            "carrier": piece.carrier,
            "routing_number": piece.routing_number,
            "until": piece.until,
            "changed": tx.now,
        }
        for piece in come
    ]
    if rows:
        tx.connection.execute(insert(RANGES), rows)


def _withdraw(tx: Transaction, first: int, last: int) -> None:
    outbox.put(tx, [outbox.Change(Operation.WITHDRAW, _reference(tx), number=first, last=last)])


def _audit(tx: Transaction, actor: Actor, act: str, before: list[Range], after: Iterable[Range], cause: str) -> None:
    after = list(after)
    subject = f"range {_interval(after[0].first, after[-1].last)}"
    tx.audit(actor, f"range {act}", subject, _spoken(before), _spoken(after), cause)


def _one_holder(found: Iterable[Range]) -> str:
    """The carrier that holds, or held, all of these; ResourceError where they are several carriers'."""
    holders = {one.carrier for one in found}
    if len(holders) != 1:
        raise ResourceError("the numbers have more than one holder", got=", ".join(sorted(holders)))
    return holders.pop()


def _reference(tx: Transaction) -> str:
    return f"range {tx.now:%Y%m%dT%H%M%S}"


def _interval(first: int, last: int) -> str:
    return f"{first} to {last}"


def _spoken(found: Iterable[Range]) -> str:
    spoken = [f"{_interval(one.first, one.last)} {one.state} {one.carrier}".strip() for one in found]
    return "; ".join(spoken)


def _range(row: Row[Any]) -> Range:
    return Range(row.first, row.last, RangeState(row.state), row.carrier, row.routing_number, row.until)
