"""Cut-over (網絡切換): orders whose slot has come become changes, the changes reach the nodes, the orders are active.

    scheduled ──(slot)──▶ broadcasting ──(at all nodes)──▶ active, or returned where the number goes home
                            │      └──(not at all nodes within the limit)──▶ partial failure ──(at all)──▶ active
                            └──(no change that the chain would take)──▶ failed

An order and its change in the outbox move in one transaction, so neither is there without the other; the publisher
brings the change to the chain; nodes report how far they are. All work is done in transactions of some hundred
orders, so that others who write wait for a moment only. Each step looks at what the database says and goes on from
there: a process that dies anywhere is followed by one that does what is left, and two of them side by side share it.

A node that is late cannot be sent a delta again, for it follows the chain and has what is in it as soon as it is at
its sequence: so `resend` tells those that run late nodes, and the order is active when the last of them is there.

For one thread; any number of processes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, and_, false, not_, select, text, update

from portdip.errors import ChangeError
from portdip.exchange.changes import Operation
from portdip.porting import nodes, outbox
from portdip.porting.actor import SYSTEM, Actor
from portdip.porting.database import Database, Transaction
from portdip.porting.orders import Order, Orders
from portdip.porting.outbox import Change
from portdip.porting.publisher import Publisher
from portdip.porting.states import Act, State
from portdip.porting.tables.orders import EVENTS, ORDERS
from portdip.porting.tables.outbox import OUTBOX

#: Orders moved in one transaction: some 30 ms of it.
_TOGETHER = 250
#: Orders published together: nodes apply the first of them while the next are begun.
_PUBLISHED_TOGETHER = 5_000
#: The reason of an order whose change no chain would take.
UNPUBLISHABLE = "unpublishable"
#: As the partial index on slots has it: a parameter would not be known to imply it.
_SCHEDULED = text("state = 'scheduled'")
#: States whose change is under way.
_UNDER_WAY = frozenset({State.BROADCASTING, State.PARTIAL_FAILURE, State.RETURNING})

#: A change as it is looked for: its id, its order, its delta.
_Sent = Row[Any, Any, Any]
_Found = list[tuple[_Sent, Order]]


@dataclass(frozen=True, slots=True)
class Progress:
    """What one step did: orders begun, changes published, changes arrived at all nodes, changes that are late."""

    begun: int
    published: int
    arrived: int
    missed: int


class CutOver:
    """Cuts the due orders of `database` over; nodes have `node_limit` to report a change."""

    def __init__(self, database: Database, orders: Orders, publisher: Publisher, node_limit: timedelta) -> None:
        self._database = database
        self._orders = orders
        self._publisher = publisher
        self._node_limit = node_limit
        frozen = [name for name, profile in orders.profiles.items() if profile.deciding.dispute_freezes]
        self._stands_still = and_(ORDERS.c.disputed, ORDERS.c.profile.in_(frozen))

    def step(self) -> Progress:
        """Do all that is to be done now. Raises what `Publisher.step` raises; the next step goes on from there."""
        begun = published = waiting = 0
        while count := self.begin():
            begun += count
            waiting += count
            if waiting >= _PUBLISHED_TOGETHER:
                published += self._publisher.step().count
                waiting = 0
        published += self._publisher.step().count
        arrived = missed = 0
        while count := self.settle():
            arrived += count
        while count := self.miss():
            missed += count
        return Progress(begun, published, arrived, missed)

    def begin(self) -> int:
        """Some orders whose slot has come go out; how many."""
        with self._database.reading() as connection:
            due_now = and_(ORDERS.c.slot <= self._database.now(), not_(self._stands_still))
            query = select(ORDERS.c.id).where(_SCHEDULED, due_now).order_by(ORDERS.c.slot).limit(_TOGETHER)
            ids = connection.execute(query).scalars().all()
        if not ids:
            return 0
        with self._database.transaction() as tx:
            # Looked at again: somebody may have cancelled one, or set it for later, meanwhile.
            still = and_(ORDERS.c.state == State.SCHEDULED.value, due_now, ORDERS.c.id.in_(ids))
            due = self._orders.where(tx.connection, still, limit=_TOGETHER, lock=True)
            begun = self._orders.move_all(
                tx, [(order, {}) for order in due], Act.CUT_OVER, SYSTEM, "its slot has come", "slots"
            )
            try:
                outbox.put(tx, [change_of(order, tx.now) for order in begun])
            except ChangeError:
                self._put_apart(tx, begun)
            return len(begun)

    def settle(self) -> int:
        """Some changes that all registered nodes have are settled, and their orders done; how many."""
        with self._database.reading() as connection:
            if not _under_way(connection, _published_to(connection)):
                return 0
        with self._database.transaction() as tx:
            arrived = _under_way(tx.connection, _published_to(tx.connection))
            return self._mark(tx, arrived, self._complete(tx, arrived), "arrived") if arrived else 0

    def miss(self) -> int:
        """Some changes that a registered node has not had within the limit are noted, and their orders; how many."""
        limit = self._database.now() - self._node_limit
        with self._database.reading() as connection:
            if not _under_way(connection, _late(connection, limit)):
                return 0
        with self._database.transaction() as tx:
            late = _under_way(tx.connection, _late(tx.connection, limit))
            if not late:
                return 0
            without = ", ".join(node.name for node in nodes.without(tx, late[-1].sequence))
            found = self._orders_of(tx, late)
            waiting = [
                (order, {"delta_sequence": row.sequence})
                for row, order in found
                if order.state in (State.BROADCASTING, State.RETURNING)
            ]
            self._supersede(tx, [order for order, _ in waiting])
            self._orders.move_all(tx, waiting, Act.MISS, SYSTEM, f"not at nodes: {without}", "node limit")
            return self._mark(tx, late, found, "missed")

    def _put_apart(self, tx: Transaction, begun: Sequence[Order]) -> None:
        """Put the changes of these orders into the outbox one by one; an order fails if the chain would not take it."""
        for order in begun:
            try:
                outbox.put(tx, [change_of(order, tx.now)])
            except ChangeError as error:
                cause = f"{error.what}: {error.got}"
                self._orders.move(tx, order, Act.FAIL, SYSTEM, cause, "slots", reasons=(UNPUBLISHABLE,))

    def _complete(self, tx: Transaction, arrived: Sequence[_Sent]) -> _Found:
        """The orders of changes that are everywhere are done, and those before them over; all that were found."""
        ported: list[tuple[Order, dict[str, Any]]] = []
        released: list[tuple[Order, dict[str, Any]]] = []
        found = self._orders_of(tx, arrived)
        for row, order in found:
            if order.state in _UNDER_WAY:
                goes_home = order.releases or order.state is State.RETURNING
                changes: dict[str, Any] = {"delta_sequence": row.sequence}
                if order.activated is None:
                    changes["activated"] = tx.now
                (released if goes_home else ported).append((order, changes))
        self._supersede(tx, [order for order, _ in (*ported, *released)])
        cause = "at all registered nodes"
        self._orders.move_all(tx, ported, Act.COMPLETE, SYSTEM, cause)
        self._orders.move_all(tx, released, Act.COMPLETE_RELEASE, SYSTEM, cause)
        return found

    def _supersede(self, tx: Transaction, coming: Sequence[Order]) -> None:
        """The orders that said who serves these numbers until now are over."""
        fresh = {order.number for order in coming if not order.is_active}
        if fresh:
            over = self._orders.where(
                tx.connection, ORDERS.c.number.in_(fresh), ORDERS.c.is_active, limit=len(fresh), lock=True
            )
            self._orders.move_all(tx, [(order, {}) for order in over], Act.SUPERSEDE, SYSTEM, "the number moved on")

    def _orders_of(self, tx: Transaction, rows: Sequence[_Sent]) -> _Found:
        """The orders that wait for these changes, but for those that somebody else is just changing."""
        by_order = {row.order_id: row for row in rows if row.order_id is not None}
        if not by_order:
            return []
        found = self._orders.where(tx.connection, ORDERS.c.id.in_(by_order), limit=len(by_order), lock=True)
        return [(by_order[order.id], order) for order in found]

    def _mark(self, tx: Transaction, rows: Sequence[_Sent], found: _Found, column: str) -> int:
        """Note it of the changes whose orders were found, and of those that no order waits for; how many."""
        ids = [row.id for row, _ in found] + [row.id for row in rows if row.order_id is None]
        tx.connection.execute(update(OUTBOX).where(OUTBOX.c.id.in_(ids)).values({column: tx.now}))
        return len(ids)


def change_of(order: Order, effective: datetime) -> Change:
    """What a cut-over says to the switches: the recipient serves the number, or it goes home."""
    if order.releases:
        return release_of(order, effective)
    return Change(
        Operation.PORT,
        order.reference,
        order.id,
        order.number,
        carrier=order.recipient,
        routing_number=order.routing_number,
        donor=order.donor,
        effective=effective,
    )


def release_of(order: Order, effective: datetime) -> Change:
    """The number has no entry of its own any more."""
    return Change(Operation.RELEASE, order.reference, order.id, order.number, effective=effective)


def resend(tx: Transaction, orders: Orders, order: Order, actor: Actor, cause: str) -> Order:
    """Tell the carriers of late nodes again that they lack this order's delta; see above.

    Raises MoveRefusedError where nothing of the order is late.
    """
    after = orders.move(tx, order, Act.RESEND, actor, cause)
    late = nodes.without(tx, order.delta_sequence or 0)
    for node in late:
        body = {"reference": order.reference, "node": node.name, "sequence": order.delta_sequence}
        row = {"carrier": node.carrier, "kind": "resend", "reference": order.reference, "body": body, "at": tx.now}
        tx.append(EVENTS, row)
    return after


def _published_to(connection: Connection) -> ColumnElement[bool]:
    """Of changes: those that all registered nodes have."""
    reached = nodes.reached(connection)
    return OUTBOX.c.sequence.is_not(None) if reached is None else OUTBOX.c.sequence <= reached


def _late(connection: Connection, published: datetime) -> ColumnElement[bool]:
    """Of changes: those that a registered node does not have, published at this moment or before, not noted yet."""
    reached = nodes.reached(connection)
    missing = false() if reached is None else OUTBOX.c.sequence > reached
    return and_(missing, OUTBOX.c.missed.is_(None), OUTBOX.c.published <= published)


def _under_way(connection: Connection, condition: ColumnElement[bool]) -> Sequence[_Sent]:
    """Some changes that have not arrived everywhere, for which the condition holds, in the order of the chain."""
    query = (
        select(OUTBOX.c.id, OUTBOX.c.order_id, OUTBOX.c.sequence)
        .where(text("arrived IS NULL"), condition)
        .order_by(OUTBOX.c.sequence, OUTBOX.c.id)
        .limit(_TOGETHER)
    )
    return connection.execute(query).all()
