"""Whether a carrier may port numbers in: not while its porting is suspended, never without a licence.

For one transaction or connection, in one thread.
"""

from __future__ import annotations

from enum import StrEnum

from sqlalchemy import Connection, bindparam, delete, insert, select

from portdip.porting.database import Transaction
from portdip.porting.prepared import Prepared
from portdip.porting.tables.supervision import BARS


class Standing(StrEnum):
    """What the regulator has decided of a carrier."""

    GOOD = "good"
    SUSPENDED = "suspended"
    REVOKED = "revoked"


def standing_of(connection: Connection, carrier: str) -> Standing:
    """The standing of a carrier; good where nothing was decided."""
    found = _STANDING.first(connection, carrier=carrier)
    return Standing.GOOD if found is None else Standing(found.standing)


_STANDING = Prepared(select(BARS.c.standing).where(BARS.c.carrier == bindparam("carrier")))


def may_port_in(tx: Transaction, carrier: str) -> bool:
    """Whether a carrier may port numbers in now. For `Applications`."""
    return standing_of(tx.connection, carrier) is Standing.GOOD


def set_standing(tx: Transaction, carrier: str, standing: Standing, case_id: int) -> None:
    """Note what a case has brought; the case's own record is in the audit chain."""
    tx.connection.execute(delete(BARS).where(BARS.c.carrier == carrier))
    if standing is not Standing.GOOD:
        row = {"carrier": carrier, "standing": standing.value, "case_id": case_id, "since": tx.now}
        tx.connection.execute(insert(BARS).values(row))
