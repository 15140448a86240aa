"""Records of supervision as who asks may see them, and the references that other records name them by."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import Connection, Table, select

from portdip.errors import UnknownRecordError
from portdip.porting.actor import CARRIER_ROLES, Actor
from portdip.porting.supervision import complaints
from portdip.porting.supervision import evidence as pieces
from portdip.porting.supervision.complaints import Complaint
from portdip.porting.supervision.evidence import Evidence
from portdip.porting.tables.orders import ORDERS
from portdip.porting.tables.supervision import CASES, COMPLAINTS


def complaint(connection: Connection, actor: Actor, reference: str) -> Complaint:
    """The complaint of this reference. UnknownRecordError for one that is not the actor's to see, too."""
    found = complaints.find(connection, reference)
    if not found.concerns(actor):
        raise UnknownRecordError("no such complaint", got=reference)
    return found


def evidence(connection: Connection, actor: Actor, identifier: int) -> Evidence:
    """The evidence of this id. UnknownRecordError for what is not the actor's to see, too."""
    found = pieces.find(connection, identifier)
    if not may_see(connection, actor, found):
        raise UnknownRecordError("no such evidence", got=str(identifier))
    return found


def may_see(connection: Connection, actor: Actor, found: Evidence) -> bool:
    """Whether evidence is the actor's to see: its carrier took it, or is a party of the complaint it belongs to."""
    if actor.role not in CARRIER_ROLES or actor.carrier == found.subject.carrier:
        return True
    of = found.subject.complaint_id
    return of is not None and complaints.of_id(connection, of).concerns(actor)


def order_references(connection: Connection, ids: Iterable[int | None]) -> dict[int | None, str]:
    """The references of orders, by id."""
    return _references(connection, ORDERS, ids)


def complaint_references(connection: Connection, ids: Iterable[int | None]) -> dict[int | None, str]:
    """The references of complaints, by id."""
    return _references(connection, COMPLAINTS, ids)


def case_references(connection: Connection, ids: Iterable[int | None]) -> dict[int | None, str]:
    """The references of cases, by id."""
    return _references(connection, CASES, ids)


def _references(connection: Connection, table: Table, ids: Iterable[int | None]) -> dict[int | None, str]:
    wanted = {one for one in ids if one is not None}
    if not wanted:
        return {}
    query = select(table.c.id, table.c.reference).where(table.c.id.in_(wanted))
    return {row.id: row.reference for row in connection.execute(query)}
