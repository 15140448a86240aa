"""Timers: what the profile does by itself when nobody has acted in time.

Every order carries at most one timer, its name and the moment it is due, set by the move that brought the order into
its state. Here the due ones are carried out, by the database's clock: what is due while nothing runs is done when
something runs again. A timer is done in the transaction of its move, so once and not twice, whoever else looks.

For one thread; any number of processes.
"""

from __future__ import annotations

import contextlib
from datetime import timedelta

from sqlalchemy import bindparam, select, text, update

from portdip.errors import PortdipError
from portdip.porting.actor import SYSTEM
from portdip.porting.after import AfterPort
from portdip.porting.database import Database, Transaction
from portdip.porting.moment import Moment
from portdip.porting.orders import Order
from portdip.porting.states import Act
from portdip.porting.steps import Steps
from portdip.porting.tables.orders import ORDERS

#: Timers carried out in one transaction.
_TOGETHER = 100
#: What cannot be done now (a slot without room, say) is tried again after this.
_AGAIN = timedelta(minutes=15)

_DUE = (
    select(ORDERS.c.id)
    .where(text("due IS NOT NULL"), ORDERS.c.due <= bindparam("now", type_=Moment))
    .order_by(ORDERS.c.due)
    .limit(_TOGETHER)
)


class Timers:
    """Carries out the due timers of `database`."""

    def __init__(self, database: Database, steps: Steps, after: AfterPort) -> None:
        self._database = database
        self._steps = steps
        self._after = after

    def step(self) -> int:
        """Carry out all timers that are due; how many were."""
        done = 0
        while True:
            with self._database.reading() as connection:
                ids = list(connection.execute(_DUE, {"now": self._database.now()}).scalars())
            carried_out = self._carry_out(ids) if ids else 0
            if not carried_out:
                return done
            done += carried_out

    def _carry_out(self, ids: list[int]) -> int:
        """The timers of these orders: all in one transaction, or each in its own where one of them cannot be done."""
        with contextlib.suppress(PortdipError):
            return self._together(ids)
        return sum(self._alone(one) for one in ids)

    def _together(self, ids: list[int]) -> int:
        with self._database.transaction() as tx:
            still = (ORDERS.c.id.in_(ids), ORDERS.c.due <= tx.now)
            due = self._steps.orders.where(tx.connection, *still, limit=len(ids), lock=True)
            for order in due:
                self._fire(tx, order)
            return len(due)

    def _alone(self, order_id: int) -> int:
        try:
            return self._together([order_id])
        except PortdipError:
            with self._database.transaction() as tx:
                later = update(ORDERS).where(ORDERS.c.id == order_id, ORDERS.c.due <= tx.now)
                tx.connection.execute(later.values(due=tx.now + _AGAIN))
            return 0

    def _fire(self, tx: Transaction, order: Order) -> None:
        timer = self._steps.orders.profile_of(order).timers.get(order.timer)
        if timer is not None and timer.act is Act.RELEASE:
            self._after.release(tx, order, SYSTEM, f"the timer {order.timer} is due", f"timers.{order.timer}")
        else:
            self._steps.timer_due(tx, order)
