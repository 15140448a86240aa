"""Our own records kept in step with a migration: orders in force, subscribers and ranges, in the same transaction.

An order that says who serves a number says so after the migration, too: its recipient and routing number, or its
number, become the new ones. That is no move of the order; the audit row of the piece accounts for it. Orders that are
over stay as they were.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from sqlalchemy import ColumnElement, Table, bindparam, delete, insert, or_, select, update

from portdip.porting.database import Transaction
from portdip.porting.migration.alterations import Alterations
from portdip.porting.migration.standing import NOBODY, Mask, Route, Routes
from portdip.porting.migration.steps import Move
from portdip.porting.resources import RangeState
from portdip.porting.tables.orders import ORDERS
from portdip.porting.tables.ranges import RANGES
from portdip.porting.tables.subscribers import SUBSCRIBERS


def follow(tx: Transaction, found: Alterations, routes: Routes, renumbered: int = 0) -> None:
    """Alterations of a piece, one by one.

    Where `renumbered` is not 0, old numbers that nobody serves any more go on as new ones that much higher, and back
    where they are served again.
    """
    ranges = found.of_range
    numbers = found.where(~ranges)
    if renumbered:
        gone = numbers.after == NOBODY
        _renumber(tx, numbers.where(gone), renumbered)
        _renumber(tx, numbers.where(~gone), renumbered, back=True)
    else:
        _serve(tx, numbers.where((numbers.after != NOBODY) & (numbers.before != NOBODY)), routes)
    for first, last, before, after in _rows(found.where(ranges)):
        _hold(tx, (first, last), routes[before], routes[after], renumbered)


def follow_move(tx: Transaction, move: Move) -> None:
    """The orders and subscribers that a mass change moves; its ranges are for `follow`."""
    for table, column in ((ORDERS, ORDERS.c.recipient), (SUBSCRIBERS, SUBSCRIBERS.c.carrier)):
        chosen: list[ColumnElement[bool]] = [column == move.carrier]
        if move.first is not None:
            chosen.append(table.c.number.between(move.first, move.last))
        values: dict[str, Any] = {column.name: move.into, "changed": tx.now}
        if table is ORDERS:
            chosen.append(ORDERS.c.is_active)
            if move.old is not None:
                chosen.append(ORDERS.c.routing_number == move.old)
            values |= {"routing_number": move.new, "revision": ORDERS.c.revision + 1}
        tx.connection.execute(update(table).where(*chosen).values(values))


def _serve(tx: Transaction, found: Alterations, routes: Routes) -> None:
    """Numbers with an entry are served by another carrier, or by another routing number."""
    if not len(found):
        return
    rows = []
    for number, _, before, after in _rows(found.where(_known(tx, ORDERS, found, ORDERS.c.is_active))):
        old, new = routes[before], routes[after]
        assert old is not None
        assert new is not None
        rows.append({"of": number, "old": old.carrier, "new": new.carrier, "reached": new.routing_number})
    if rows:
        query = update(ORDERS).where(ORDERS.c.is_active, ORDERS.c.number == bindparam("of"))
        values = {"recipient": bindparam("new"), "routing_number": bindparam("reached"), "changed": tx.now}
        query = query.where(ORDERS.c.recipient == bindparam("old"))
        tx.connection.execute(query.values(revision=ORDERS.c.revision + 1, **values), rows)
    rows = []
    for number, _, before, after in _rows(found.where(_known(tx, SUBSCRIBERS, found))):
        old, new = routes[before], routes[after]
        if old is not None and new is not None and old.carrier != new.carrier:
            rows.append({"of": number, "old": old.carrier, "new": new.carrier})
    if rows:
        known = (SUBSCRIBERS.c.number == bindparam("of")) & (SUBSCRIBERS.c.carrier == bindparam("old"))
        tx.connection.execute(update(SUBSCRIBERS).where(known).values(carrier=bindparam("new"), changed=tx.now), rows)


def _known(tx: Transaction, table: Table, found: Alterations, *conditions: ColumnElement[bool]) -> Mask:
    """Which numbers there is a row of: far fewer than are looked for, most times."""
    inside = table.c.number.between(int(found.first.min()), int(found.first.max()))
    numbers = tx.connection.execute(select(table.c.number).where(inside, *conditions)).scalars().all()
    known: Mask = np.isin(found.first, np.array(numbers, np.uint64))
    return known


def _renumber(tx: Transaction, found: Alterations, by: int, *, back: bool = False) -> None:
    rows = [{"of": number + by * back, "new": number + by * (not back)} for number in found.first.tolist()]
    if rows:
        for table, inside in ((ORDERS, [ORDERS.c.is_active]), (SUBSCRIBERS, [])):
            query = update(table).where(table.c.number == bindparam("of"), *inside)
            tx.connection.execute(query.values(number=bindparam("new"), changed=tx.now), rows)


def _hold(tx: Transaction, interval: tuple[int, int], old: Route | None, new: Route | None, renumbered: int) -> None:
    """A range has another holder, or none, or one again."""
    first, last = interval
    if old is not None and new is not None and old.carrier != new.carrier:
        for table, column, inside in (
            (SUBSCRIBERS, SUBSCRIBERS.c.carrier, SUBSCRIBERS.c.number.notin_(_served_by_entry(first, last))),
            (ORDERS, ORDERS.c.range_holder, or_(ORDERS.c.is_active, ORDERS.c.is_open)),
        ):
            query = update(table).where(table.c.number.between(first, last), column == old.carrier, inside)
            tx.connection.execute(query.values({column.name: new.carrier, "changed": tx.now}))
    if renumbered:
        shift = renumbered if new is None else -renumbered
        moved = (first, last) if new is None else (first + renumbered, last + renumbered)
        query = update(SUBSCRIBERS).where(SUBSCRIBERS.c.number.between(*moved))
        tx.connection.execute(query.values(number=SUBSCRIBERS.c.number + shift, changed=tx.now))
    _register(tx, first, last, new)


def _served_by_entry(first: int, last: int) -> Any:
    return select(ORDERS.c.number).where(ORDERS.c.is_active, ORDERS.c.number.between(first, last))


def _register(tx: Transaction, first: int, last: int, holder: Route | None) -> None:
    """The register of ranges: what was there of the interval is cut away, the holder's range or a free one comes."""
    met = tx.connection.execute(select(RANGES).where(RANGES.c.last >= first, RANGES.c.first <= last)).all()
    if not met and holder is None:
        return
    rows: list[dict[str, Any]] = []
    for row in met:
        tx.connection.execute(delete(RANGES).where(RANGES.c.id == row.id))
        kept = {"state": row.state, "carrier": row.carrier, "routing_number": row.routing_number, "until": row.until}
        for low, high in ((row.first, min(row.last, first - 1)), (max(row.first, last + 1), row.last)):
            if low <= high:
                rows.append({"first": low, "last": high, "changed": row.changed, **kept})
    state = RangeState.FREE if holder is None else RangeState.ASSIGNED
    held = {"carrier": holder.carrier if holder else "", "routing_number": holder.routing_number if holder else ""}
    rows.append({"first": first, "last": last, "changed": tx.now, "state": state.value, "until": None, **held})
    tx.connection.execute(insert(RANGES), rows)


def _rows(found: Alterations) -> list[tuple[int, int, int, int]]:
    columns = (found.first, found.last, found.before.astype(np.int64), found.after.astype(np.int64))
    return list(zip(*(column.tolist() for column in columns), strict=True))
