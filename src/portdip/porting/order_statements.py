"""The statements over the table `orders` that are always the same."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from sqlalchemy import BigInteger, Select, bindparam, func, insert, select

from portdip.porting.prepared import Prepared
from portdip.porting.tables.orders import ORDERS

#: Whole rows.
ALL: Select[Any] = select(*ORDERS.columns)

_BY_REFERENCE = ALL.where(ORDERS.c.reference == bindparam("reference"))
_OF_NUMBER = ALL.where(ORDERS.c.number == bindparam("number"))
_NEXT_VERSION = select((func.coalesce(func.max(ORDERS.c.version), 0) + 1).label("version")).where(
    ORDERS.c.number == bindparam("of_number", type_=BigInteger)
)

#: The order of a `reference`; the same, locked.
BY_REFERENCE = Prepared(_BY_REFERENCE)
LOCKED = Prepared(_BY_REFERENCE.with_for_update())
#: The open and the active order of a `number`, locked; all of its orders; the next version of `of_number`.
OPEN_OF = Prepared(_OF_NUMBER.where(ORDERS.c.is_open).with_for_update())
ACTIVE_OF = Prepared(_OF_NUMBER.where(ORDERS.c.is_active).with_for_update())
OF_NUMBER = Prepared(_OF_NUMBER.order_by(ORDERS.c.version.desc()))
NEXT_VERSION = Prepared(_NEXT_VERSION)


@lru_cache
def insert_of(names: frozenset[str]) -> Prepared:
    """An insert of a new order from these values; its version is the next of its number."""
    values: dict[str, Any] = {name: bindparam(name) for name in sorted(names - {"of_number"})}
    return Prepared(
        insert(ORDERS).values({**values, "version": _NEXT_VERSION.scalar_subquery()}).returning(*ORDERS.columns)
    )


@lru_cache
def update_of(columns: frozenset[str]) -> Prepared:
    """An update of these columns of the order `known_id`, if it is at the revision `known_revision` still."""
    return Prepared(
        ORDERS.update()
        .where(ORDERS.c.id == bindparam("known_id"), ORDERS.c.revision == bindparam("known_revision"))
        .values({name: bindparam(name) for name in sorted(columns)})
    )
