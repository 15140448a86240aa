"""After the port: returns of numbers, corrections of wrong ports, emergency reversals with two approvals.

What needs no more than a move (suspend and resume, dispute and settle, keep a number after all) is a move of
`Orders`. A second port and a port back home are ordinary orders: when their change has arrived, the order before them
is superseded (`portdip.porting.cutover`).

A correction and a reversal are orders too, of kinds of their own, which nobody reviews: the centre or the regulator
authorizes the first, two persons of different sides the second. Both cut over at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, insert, select, update
from sqlalchemy.exc import IntegrityError

from portdip.errors import ForbiddenActError, ReversalError
from portdip.porting import outbox
from portdip.porting.actor import SYSTEM, Actor, Role
from portdip.porting.cutover import release_of
from portdip.porting.database import Transaction
from portdip.porting.orders import Order, OrderKind, Orders
from portdip.porting.states import Act, State
from portdip.porting.tables.reversals import APPROVALS, REVERSALS

#: So many persons, each of another side, must approve a reversal.
APPROVALS_NEEDED = 2
_SERVED = frozenset({State.ACTIVE, State.SUSPENDED, State.PARTIAL_FAILURE})


@dataclass(frozen=True, slots=True)
class Reversal:
    """A reversal asked for: of which port, why, who approved so far, and the order that does it once all have."""

    id: int
    order_id: int
    cause: str
    asked: datetime
    decided: datetime | None
    approved_by: tuple[str, ...]
    reverse_order_id: int | None


class AfterPort:
    """What can be done with a number that was ported, through `orders`. Each call is for one transaction."""

    def __init__(self, orders: Orders) -> None:
        self._orders = orders

    def release(self, tx: Transaction, order: Order, actor: Actor, cause: str, rule: str = "") -> Order:
        """A number that its subscriber gave up goes home now: its quarantine is over, or cut short.

        The order is `returned` when all nodes have the change. Raises what `Orders.move` raises.
        """
        after = self._orders.move(tx, order, Act.RELEASE, actor, cause, rule)
        outbox.put(tx, [release_of(after, tx.now)])
        return after

    def correct(
        self, tx: Transaction, wrong: Order, actor: Actor, carrier: str, routing_number: str, cause: str
    ) -> Order:
        """A wrong port is put right: `carrier` is to serve the number, at once. The order that does it.

        For the centre and the regulator; `wrong` is the order that says now who serves the number. Raises
        PortOngoingError where the number has an open order, MoveRefusedError where the carrier serves it already.
        """
        if actor.role not in (Role.CENTRE, Role.REGULATOR):
            raise ForbiddenActError(f"a correction is not for the role {actor.role}", where=f"order {wrong.reference}")
        self._check_serves(wrong)
        return self._at_once(tx, wrong, OrderKind.CORRECTION, actor, carrier, routing_number, cause)

    def ask_reversal(self, tx: Transaction, order: Order, actor: Actor, cause: str) -> Reversal:
        """Ask that a port be undone: the donor is to serve the number again. Who asks approves.

        Raises ReversalError where it is too late by the profile, asked already, or not this one's to ask.
        """
        where = f"order {order.reference}"
        self._check_serves(order)
        _check_side(order, actor)
        within = self._orders.profile_of(order).after_port.reversal_within
        calendar = self._orders.profile_of(order).calendar
        if order.activated is not None and tx.now > within.after(order.activated, calendar):
            raise ReversalError("too late for a reversal", where=where, got=f"active since {order.activated}")
        row = {"order_id": order.id, "cause": cause, "asked": tx.now}
        try:
            made = tx.connection.execute(insert(REVERSALS).values(row).returning(REVERSALS.c.id)).scalar_one()
        except IntegrityError as error:
            raise ReversalError("a reversal of this order is asked for already", where=where) from error
        self._approve(tx, order, made, actor)
        tx.audit(actor, "ask reversal", order.reference, order.state, order.state, cause, "after_port")
        return _reversal(tx, order)

    def approve_reversal(self, tx: Transaction, order: Order, actor: Actor) -> Reversal:
        """Approve the reversal asked for; with the last approval needed, the order that does it goes out at once.

        Raises ReversalError where none is open, or this person or another of the same side has approved.
        """
        _check_side(order, actor)
        asked = _reversal(tx, order)
        self._approve(tx, order, asked.id, actor)
        tx.audit(actor, "approve reversal", order.reference, order.state, order.state, asked.cause, "after_port")
        approved_by = (*asked.approved_by, actor.name)
        if len(approved_by) < APPROVALS_NEEDED:
            return _reversal(tx, order)
        self._check_serves(order)
        cause = f"{asked.cause} (approved by {' and '.join(approved_by)})"
        reverse = self._at_once(tx, order, OrderKind.REVERSAL, SYSTEM, order.donor, order.donor_routing_number, cause)
        return self._decide(tx, asked, reverse.id)

    def refuse_reversal(self, tx: Transaction, order: Order, actor: Actor, cause: str) -> Reversal:
        """The reversal asked for does not happen. Raises ReversalError where none is open."""
        _check_side(order, actor)
        asked = _reversal(tx, order)
        tx.audit(actor, "refuse reversal", order.reference, order.state, order.state, cause, "after_port")
        return self._decide(tx, asked, None)

    def _at_once(
        self,
        tx: Transaction,
        before: Order,
        kind: OrderKind,
        actor: Actor,
        carrier: str,
        routing_number: str,
        cause: str,
    ) -> Order:
        """An order that brings the number of `before` to a carrier, authorized and due now."""
        order = self._orders.open(
            tx,
            actor,
            cause,
            kind=kind.value,
            profile=before.profile,
            number=before.number,
            donor=before.recipient,
            donor_routing_number=before.routing_number,
            recipient=carrier,
            routing_number=routing_number,
            range_holder=before.range_holder,
            area=before.area,
            supersedes=before.id,
        )
        order = self._orders.move(tx, order, Act.AUTHORIZE, actor, cause, "after_port")
        return self._orders.move(tx, order, Act.SCHEDULE, SYSTEM, cause, "after_port", slot=tx.now)

    def _check_serves(self, order: Order) -> None:
        if order.state not in _SERVED:
            raise ReversalError(
                "the order does not say who serves the number", where=f"order {order.reference}", got=order.state
            )

    def _approve(self, tx: Transaction, order: Order, reversal: int, actor: Actor) -> None:
        given = tx.connection.execute(select(APPROVALS).where(APPROVALS.c.reversal_id == reversal)).all()
        for approval in given:
            if approval.name == actor.name or (approval.role, approval.carrier) == (actor.role, actor.carrier):
                raise ReversalError(
                    "this side has approved already",
                    where=f"order {order.reference}",
                    got=f"{approval.name} ({approval.role} {approval.carrier})".replace(" )", ")"),
                    expected="another person, of another side",
                )
        row = {"reversal_id": reversal, "name": actor.name, "role": actor.role.value, "carrier": actor.carrier}
        tx.connection.execute(insert(APPROVALS).values(row | {"at": tx.now}))

    def _decide(self, tx: Transaction, asked: Reversal, reverse_order_id: int | None) -> Reversal:
        values: dict[str, Any] = {"decided": tx.now, "reverse_order_id": reverse_order_id}
        decided = tx.connection.execute(
            update(REVERSALS).where(REVERSALS.c.id == asked.id, REVERSALS.c.decided.is_(None)).values(values)
        )
        if decided.rowcount != 1:
            raise ReversalError("somebody else has just decided this reversal")
        return _read(tx, tx.connection.execute(select(REVERSALS).where(REVERSALS.c.id == asked.id)).one())


def reversals_of(tx: Transaction, order: Order) -> list[Reversal]:
    """All reversals that were ever asked for of an order, the oldest first."""
    query = select(REVERSALS).where(REVERSALS.c.order_id == order.id).order_by(REVERSALS.c.id)
    return [_read(tx, row) for row in tx.connection.execute(query).all()]


def _check_side(order: Order, actor: Actor) -> None:
    """Raise ForbiddenActError unless the actor is the donor, the recipient, the centre or the regulator."""
    sides = {Role.DONOR: order.donor, Role.RECIPIENT: order.recipient, Role.CENTRE: "", Role.REGULATOR: ""}
    if actor.role not in sides or actor.carrier != sides[actor.role]:
        raise ForbiddenActError(
            f"a reversal is not for {actor.role} {actor.carrier}".rstrip(),
            where=f"order {order.reference}",
            expected="its donor, its recipient, the centre or the regulator",
        )


def _reversal(tx: Transaction, order: Order) -> Reversal:
    """The open reversal of an order, locked; ReversalError if there is none."""
    query = select(REVERSALS).where(REVERSALS.c.order_id == order.id, REVERSALS.c.decided.is_(None))
    row = tx.connection.execute(query.with_for_update()).first()
    if row is None:
        raise ReversalError("no reversal of this order is open", where=f"order {order.reference}")
    return _read(tx, row)


def _read(tx: Transaction, row: Row[Any]) -> Reversal:
    query = select(APPROVALS.c.name).where(APPROVALS.c.reversal_id == row.id).order_by(APPROVALS.c.at)
    names = tuple(tx.connection.execute(query).scalars())
    return Reversal(row.id, row.order_id, row.cause, row.asked, row.decided, names, row.reverse_order_id)
