"""The statements over the table `orders`, made once: the database drivers keep what they have prepared."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from sqlalchemy import BigInteger, Select, Update, bindparam, func, insert, select
from sqlalchemy.sql.dml import ReturningInsert

from portdip.porting.tables.orders import ORDERS

#: Whole rows.
ALL: Select[Any] = select(*ORDERS.columns)
#: By `reference`; the open and the active order of a `number`, locked; all of it; the next version of `of_number`.
BY_REFERENCE = ALL.where(ORDERS.c.reference == bindparam("reference"))
OPEN_OF = ALL.where(ORDERS.c.number == bindparam("number"), ORDERS.c.is_open).with_for_update()
ACTIVE_OF = ALL.where(ORDERS.c.number == bindparam("number"), ORDERS.c.is_active).with_for_update()
OF_NUMBER = ALL.where(ORDERS.c.number == bindparam("number")).order_by(ORDERS.c.version.desc())
NEXT_VERSION = select(func.coalesce(func.max(ORDERS.c.version), 0) + 1).where(
    ORDERS.c.number == bindparam("of_number", type_=BigInteger)
)


@lru_cache
def insert_of(names: frozenset[str]) -> ReturningInsert[Any]:
    """An insert of a new order from these values; its version is the next of its number."""
    values: dict[str, Any] = {name: bindparam(name) for name in sorted(names - {"of_number"})}
    return insert(ORDERS).values({**values, "version": NEXT_VERSION.scalar_subquery()}).returning(*ORDERS.columns)


@lru_cache
def update_of(columns: frozenset[str]) -> Update:
    """An update of these columns of the order `known_id`, if it is at the revision `known_revision` still."""
    return (
        ORDERS.update()
        .where(ORDERS.c.id == bindparam("known_id"), ORDERS.c.revision == bindparam("known_revision"))
        .values({name: bindparam(name) for name in sorted(columns)})
    )
