"""What the database knows of a migration: its plan, how far it is, and the image from before of every piece.

A migration is changed by whoever saw its last revision: of two processes that run one at a time, one is stopped. For
one transaction or connection, in one thread.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
from sqlalchemy import Connection, Row, func, insert, select, update

from portdip.errors import MigrationError, UnknownMigrationError
from portdip.number import LIMIT
from portdip.porting.actor import Actor, Role
from portdip.porting.database import Transaction
from portdip.porting.migration import plan as plans
from portdip.porting.migration.alterations import Alterations
from portdip.porting.migration.plan import Plan
from portdip.porting.migration.standing import Numbers, Routes
from portdip.porting.migration.states import MigrationState
from portdip.porting.tables.audit import AUDIT_HEAD
from portdip.porting.tables.migrations import MIGRATION_PIECES, MIGRATIONS
from portdip.porting.tables.orders import ORDERS

_MAY_MIGRATE = (Role.CENTRE, Role.REGULATOR, Role.SYSTEM)


@dataclass(frozen=True, slots=True)
class Migration:
    """A migration; `step` and `phase`, from 0, come next.

    `slot_numbers` were moved in the slot that began at `slot`.
    """

    name: str
    plan: Plan
    state: MigrationState
    revision: int = 1
    step: int = 0
    phase: int = 0
    slot: datetime | None = None
    slot_numbers: int = 0

    @property
    def subject(self) -> str:
        """What the audit chain calls it."""
        return f"migration {self.name}"


@dataclass(frozen=True, slots=True)
class Piece:
    """One transaction's part of a migration. The outbox held `after_change` changes before those of the piece."""

    id: int
    step: int
    phase: int
    ordinal: int
    rows: int
    after_change: int
    undone: datetime | None


def check_actor(actor: Actor) -> None:
    """MigrationError for who may not migrate numbers."""
    if actor.role not in _MAY_MIGRATE:
        raise MigrationError("not yours to migrate", got=actor.role, expected=f"one of {', '.join(_MAY_MIGRATE)}")


def open_new(tx: Transaction, plan: Plan) -> Migration:
    """Begin to keep a migration of this plan; MigrationError where there is one of its name."""
    if find(tx.connection, plan.name) is not None:
        raise MigrationError("there is a migration of this name", got=plan.name, fix="Give the plan another name.")
    row = {"name": plan.name, "plan": plan.model_dump_json(), "state": MigrationState.RUNNING, "revision": 1}
    row |= {"step": 0, "phase": 0, "slot_numbers": 0, "opened": tx.now, "changed": tx.now}
    tx.connection.execute(insert(MIGRATIONS).values(row))
    return Migration(plan.name, plan, MigrationState.RUNNING)


def find(connection: Connection, name: str) -> Migration | None:
    """The migration of this name, None if there is none."""
    row = connection.execute(select(MIGRATIONS).where(MIGRATIONS.c.name == name)).first()
    return None if row is None else _migration(row)


def get(connection: Connection, name: str) -> Migration:
    """The migration of this name; UnknownMigrationError if there is none."""
    found = find(connection, name)
    if found is None:
        raise UnknownMigrationError("no such migration", got=name)
    return found


def all_migrations(connection: Connection) -> list[Migration]:
    """All migrations, oldest first."""
    return [_migration(row) for row in connection.execute(select(MIGRATIONS).order_by(MIGRATIONS.c.opened))]


def change(tx: Transaction, migration: Migration, **values: Any) -> Migration:
    """The migration with some fields changed. Raises MigrationError where another process has changed it."""
    query = update(MIGRATIONS).where(MIGRATIONS.c.name == migration.name, MIGRATIONS.c.revision == migration.revision)
    changed = {"revision": migration.revision + 1, **values}
    if tx.connection.execute(query.values(changed | {"changed": tx.now})).rowcount != 1:
        raise MigrationError(
            "another process works on the migration", got=migration.name, fix="Let one process run it, or undo it."
        )
    return dataclasses.replace(migration, **changed)


def add_piece(
    tx: Transaction, migration: Migration, found: Alterations, routes: Routes, ordinal: int, after_change: int
) -> None:
    """Keep the image from before of the migration's next piece."""
    row = {"migration": migration.name, "step": migration.step, "phase": migration.phase, "ordinal": ordinal}
    row |= {"image": found.image(routes), "rows": len(found), "after_change": after_change, "at": tx.now}
    tx.connection.execute(insert(MIGRATION_PIECES).values(row))


def keep_others_waiting(tx: Transaction, found: Alterations | None = None) -> None:
    """Have no other transaction commit until this one does, so that what it reads of the outbox is all there is.

    Orders in force of the numbers in `found` are locked first, as everybody does who changes an order.
    """
    if found is not None and len(found):
        inside = ORDERS.c.is_active & ORDERS.c.number.between(*found.extent)
        tx.connection.execute(select(ORDERS.c.id).where(inside).order_by(ORDERS.c.id).with_for_update()).all()
    tx.connection.execute(select(AUDIT_HEAD.c.sequence).with_for_update()).all()


def next_ordinal(tx: Transaction, migration: Migration) -> int:
    """The ordinal, from 0, of the next piece of the migration's phase."""
    table = MIGRATION_PIECES.c
    query = select(func.max(table.ordinal)).where(
        table.migration == migration.name, table.step == migration.step, table.phase == migration.phase
    )
    last = tx.connection.execute(query).scalar()
    return 0 if last is None else int(last) + 1


def pieces(connection: Connection, name: str) -> list[Piece]:
    """The pieces of a migration, oldest first."""
    table = MIGRATION_PIECES.c
    columns = [table[field.name] for field in dataclasses.fields(Piece)]
    query = select(*columns).where(table.migration == name).order_by(table.id)
    return [Piece(*row) for row in connection.execute(query)]


def alterations_of(connection: Connection, piece: Piece, routes: Routes) -> Alterations:
    """What a piece altered."""
    content = connection.execute(select(MIGRATION_PIECES.c.image).where(MIGRATION_PIECES.c.id == piece.id)).scalar_one()
    return Alterations.of_image(content, routes, f"piece {piece.id}")


def mark_undone(tx: Transaction, piece: Piece) -> None:
    """Note that a piece was undone."""
    tx.connection.execute(update(MIGRATION_PIECES).where(MIGRATION_PIECES.c.id == piece.id).values(undone=tx.now))


def numbers_under_way(connection: Connection, extent: tuple[int, int] = (1, LIMIT)) -> Numbers:
    """The numbers with an open order, in order; those from the first to the last number of `extent`."""
    query = select(ORDERS.c.number).where(ORDERS.c.is_open, ORDERS.c.number.between(*extent)).order_by(ORDERS.c.number)
    return np.array(connection.execute(query).scalars().all(), np.uint64)


def _migration(row: Row[Any]) -> Migration:
    state = MigrationState(row.state)
    plan = plans.restore(row.plan)
    return Migration(row.name, plan, state, row.revision, row.step, row.phase, row.slot, row.slot_numbers)
