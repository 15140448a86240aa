"""What a person or a carrier's system may do with an order that is there: one door for all of it.

The command line and the API come through here, so both can do the same. Whoever may not see an order is told that
there is none.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import Connection

from portdip.errors import ForbiddenActError, MoveRefusedError, UnknownOrderError
from portdip.porting import cutover
from portdip.porting.actor import Actor, Role
from portdip.porting.after import AfterPort
from portdip.porting.database import Transaction
from portdip.porting.orders import Order, Orders
from portdip.porting.states import ROLES, Act
from portdip.porting.steps import Steps


class Deed(StrEnum):
    """Something to be done with an order."""

    APPROVE = "approve"
    REFUSE = "refuse"
    DELAY = "delay"
    OBJECT = "object"
    RESOLVE = "resolve"
    SCHEDULE = "schedule"
    CANCEL = "cancel"
    ACKNOWLEDGE_CANCEL = "acknowledge-cancel"
    UNDO_CANCEL = "undo-cancel"
    DISPUTE = "dispute"
    SETTLE = "settle"
    SUSPEND = "suspend"
    RESUME = "resume"
    RETURN = "return"
    KEEP = "keep"
    RELEASE = "release"
    RESEND = "resend"


#: The act of the state machine that a deed is, where its word is another one.
_ACTS = {Deed.REFUSE: Act.REJECT, Deed.ACKNOWLEDGE_CANCEL: Act.CANCEL}


def may(role: Role, deed: Deed) -> bool:
    """Whether a role may do this at all, with an order of its own."""
    return role in ROLES[_ACTS.get(deed) or Act(deed.value)]


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to be done, why, and what the deed takes besides.

    `reasons` go with `refuse`; `moment` is the first possible date of an approval, the end of a delay, or the earliest
    moment that is wished for a cut-over.
    """

    deed: Deed
    cause: str
    reasons: tuple[str, ...] = ()
    moment: datetime | None = None


class Acting:
    """Carries out wishes. Safe to share between threads; each call is for the transaction it is given."""

    def __init__(self, steps: Steps, after: AfterPort) -> None:
        self._orders: Orders = steps.orders
        self._steps = steps
        self._after = after
        self._does: dict[Deed, Callable[[Transaction, Order, Actor, Wish], Order]] = {
            Deed.APPROVE: self._approve,
            Deed.REFUSE: lambda tx, order, actor, wish: steps.refuse(tx, order, actor, wish.reasons, wish.cause),
            Deed.DELAY: self._delay,
            Deed.OBJECT: lambda tx, order, actor, wish: steps.object(tx, order, actor, wish.cause),
            Deed.RESOLVE: lambda tx, order, actor, wish: steps.resolve(tx, order, actor, wish.cause),
            Deed.SCHEDULE: self._schedule,
            Deed.CANCEL: lambda tx, order, actor, wish: steps.cancel(tx, order, actor, wish.cause),
            Deed.ACKNOWLEDGE_CANCEL: lambda tx, order, actor, wish: steps.acknowledge_cancel(
                tx, order, actor, wish.cause
            ),
            Deed.UNDO_CANCEL: lambda tx, order, actor, wish: steps.undo_cancel(tx, order, actor, wish.cause),
            Deed.DISPUTE: lambda tx, order, actor, wish: steps.dispute(tx, order, actor, wish.cause),
            Deed.SETTLE: lambda tx, order, actor, wish: steps.settle(tx, order, actor, wish.cause),
            Deed.SUSPEND: self._move(Act.SUSPEND),
            Deed.RESUME: self._move(Act.RESUME),
            Deed.RETURN: self._move(Act.RETURN),
            Deed.KEEP: self._move(Act.KEEP),
            Deed.RELEASE: lambda tx, order, actor, wish: after.release(tx, order, actor, wish.cause),
            Deed.RESEND: lambda tx, order, actor, wish: cutover.resend(tx, self._orders, order, actor, wish.cause),
        }

    def find(self, connection: Connection, actor: Actor, reference: str) -> Order:
        """The order of this reference, to look at. UnknownOrderError for one that is not the actor's to see, too."""
        return _seen(self._orders.find(connection, reference), actor)

    def get(self, tx: Transaction, actor: Actor, reference: str, revision: int | None = None) -> Order:
        """The order of this reference, locked. Raises what `find` raises, and StaleOrderError as `Orders.get`."""
        _seen(self._orders.get(tx, reference), actor)
        return self._orders.get(tx, reference, revision)

    def do(self, tx: Transaction, actor: Actor, reference: str, wish: Wish, revision: int | None = None) -> Order:
        """Do it; the order afterwards.

        `revision` is that of the order as the actor saw it; None takes the order as it is. Raises what `get` raises,
        and what the deed raises: MoveRefusedError, ForbiddenActError, QuotaError. Then the transaction must end
        without a commit.
        """
        order = self.get(tx, actor, reference, revision)
        if not may(actor.role, wish.deed):
            raise ForbiddenActError(f"{wish.deed} is not for the role {actor.role}", where=f"order {reference}")
        return self._does[wish.deed](tx, order, actor, wish)

    def _approve(self, tx: Transaction, order: Order, actor: Actor, wish: Wish) -> Order:
        return self._steps.approve(tx, order, actor, wish.cause, first_possible=wish.moment)

    def _delay(self, tx: Transaction, order: Order, actor: Actor, wish: Wish) -> Order:
        if wish.moment is None:
            raise MoveRefusedError("a delay needs its end", where=f"order {order.reference}")
        return self._steps.delay(tx, order, actor, wish.moment, wish.cause)

    def _schedule(self, tx: Transaction, order: Order, actor: Actor, wish: Wish) -> Order:
        return self._steps.schedule(tx, order, actor, wish.cause, wish.moment)

    def _move(self, act: Act) -> Callable[[Transaction, Order, Actor, Wish], Order]:
        return lambda tx, order, actor, wish: self._orders.move(tx, order, act, actor, wish.cause)


def _seen(order: Order, actor: Actor) -> Order:
    if not order.concerns(actor):
        raise UnknownOrderError("no such order", got=order.reference)
    return order
