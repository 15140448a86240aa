"""The nodes that answer dips, and whether they have what was published.

A node is registered once, and says from then on which delta it has applied last (it may come back older, restored
from a backup: then it says so). What is at all registered nodes has arrived. Every function is for one transaction.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, delete, func, insert, select, update

from portdip.errors import NodeError
from portdip.porting.actor import CARRIER_ROLES, Actor, Role
from portdip.porting.database import Transaction
from portdip.porting.tables.nodes import NODES

_MAY_REGISTER = (Role.CENTRE, Role.REGULATOR, Role.SYSTEM)


@dataclass(frozen=True, slots=True)
class Node:
    """A node of `carrier`'s network that had applied the chain up to `sequence` at `reported` (UTC; None: never)."""

    name: str
    carrier: str
    sequence: int
    reported: datetime | None


def register(tx: Transaction, actor: Actor, name: str, carrier: str) -> None:
    """From now on a change has arrived only when this node has it too. Raises NodeError if it is registered."""
    _check_registrar(actor)
    if find(tx, name) is not None:
        raise NodeError("the node is registered already", got=name)
    row = {"name": name, "carrier": carrier, "sequence": 0, "registered": tx.now}
    tx.connection.execute(insert(NODES).values(row))
    tx.audit(actor, "node register", f"node {name}", "", "registered", details={"carrier": carrier})


def remove(tx: Transaction, actor: Actor, name: str, cause: str) -> None:
    """Nobody waits for this node any more. Raises NodeError if it is not registered."""
    _check_registrar(actor)
    if tx.connection.execute(delete(NODES).where(NODES.c.name == name)).rowcount == 0:
        raise _unknown(name)
    tx.audit(actor, "node remove", f"node {name}", "registered", "", cause)


def report(tx: Transaction, actor: Actor, name: str, sequence: int) -> None:
    """The node has applied the chain up to `sequence`. Raises NodeError for an unknown or a foreign node."""
    found = find(tx, name)
    if found is None:
        raise _unknown(name)
    if actor.role in CARRIER_ROLES and actor.carrier != found.carrier:
        raise NodeError("the node is another carrier's", got=name, expected=f"a node of {actor.carrier}")
    if sequence < 0:
        raise NodeError("not a sequence", got=str(sequence), expected="0 or more")
    values = {"sequence": sequence, "reported": tx.now}
    tx.connection.execute(update(NODES).where(NODES.c.name == name).values(values))


def find(tx: Transaction, name: str) -> Node | None:
    """The registered node of this name, None if there is none."""
    row = tx.connection.execute(select(NODES).where(NODES.c.name == name)).first()
    return None if row is None else _node(row)


def all_nodes(tx: Transaction) -> list[Node]:
    """The registered nodes, by name."""
    return [_node(row) for row in tx.connection.execute(select(NODES).order_by(NODES.c.name))]


def without(tx: Transaction, sequence: int) -> list[Node]:
    """The registered nodes that do not have the delta of this sequence, by name."""
    query = select(NODES).where(NODES.c.sequence < sequence).order_by(NODES.c.name)
    return [_node(row) for row in tx.connection.execute(query)]


def reached(connection: Connection) -> int | None:
    """The last delta that all registered nodes have; None where no node is registered: nobody is waited for."""
    found = connection.execute(select(func.min(NODES.c.sequence))).scalar()
    return None if found is None else int(found)


def _check_registrar(actor: Actor) -> None:
    if actor.role not in _MAY_REGISTER:
        raise NodeError("not yours to register", got=actor.role, expected=f"one of {', '.join(_MAY_REGISTER)}")


def _unknown(name: str) -> NodeError:
    return NodeError("no such node", got=name, fix="Register it: portdip port nodes.")


def _node(row: Row[Any]) -> Node:
    return Node(row.name, row.carrier, row.sequence, row.reported)
