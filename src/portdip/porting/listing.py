"""Lists of orders, the newest first, a page at a time."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, select

from portdip.porting.orders import Order, Orders
from portdip.porting.states import State
from portdip.porting.tables.orders import ORDERS

#: Where an order names the carriers it concerns. The first two are indexed; a range holder's page is read by id.
_PARTIES = (ORDERS.c.recipient, ORDERS.c.donor, ORDERS.c.range_holder)


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which orders are wanted: of a carrier that they concern, a state, a number, a batch; '' and None for any."""

    carrier: str = ""
    state: State | None = None
    number: int | None = None
    batch: str = ""


def newest(
    connection: Connection, orders: Orders, wanted: Wanted, limit: int, before: int | None = None
) -> list[Order]:
    """At most `limit` orders, the newest first; `before` is the `id` of the last order of the page before."""
    query = select(ORDERS.c.id).order_by(ORDERS.c.id.desc()).limit(limit)
    if before is not None:
        query = query.where(ORDERS.c.id < before)
    if wanted.state is not None:
        query = query.where(ORDERS.c.state == wanted.state.value)
    if wanted.number is not None:
        query = query.where(ORDERS.c.number == wanted.number)
    if wanted.batch:
        query = query.where(ORDERS.c.batch == wanted.batch, ORDERS.c.batch != "")
    queries = [query.where(party == wanted.carrier) for party in _PARTIES] if wanted.carrier else [query]
    ids = {key for one in queries for key in connection.execute(one).scalars()}
    page = sorted(ids, reverse=True)[:limit]
    if not page:
        return []
    return orders.where(connection, ORDERS.c.id.in_(page), limit=len(page))[::-1]
