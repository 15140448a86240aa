"""Data migrations: how far each is, and what was there before each piece of it."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    UniqueConstraint,
)

from portdip.porting.moment import Id, Moment
from portdip.porting.tables.metadata import METADATA

MIGRATIONS = Table(
    "migrations",
    METADATA,
    Column("name", Text, primary_key=True),
    # `portdip.porting.migration.plan.Plan` as JSON, its files as absolute paths.
    Column("plan", Text, nullable=False),
    # `portdip.porting.migration.states.MigrationState`.
    Column("state", Text, nullable=False),
    # Counts the changes of this row: of two processes that run one migration, one finds it changed and stops.
    Column("revision", Integer, nullable=False),
    # The step and phase that come next, from 0.
    Column("step", Integer, nullable=False),
    Column("phase", Integer, nullable=False),
    # The slot that was worked in last, and how many numbers were moved in it.
    Column("slot", Moment),
    Column("slot_numbers", BigInteger, nullable=False),
    Column("opened", Moment, nullable=False),
    Column("changed", Moment, nullable=False),
    CheckConstraint("state IN ('running', 'done', 'verified', 'undoing', 'undone')", name="state"),
)

MIGRATION_PIECES = Table(
    "migration_pieces",
    METADATA,
    Column("id", Id, primary_key=True),
    Column("migration", Text, ForeignKey("migrations.name"), nullable=False),
    Column("step", Integer, nullable=False),
    Column("phase", Integer, nullable=False),
    Column("ordinal", Integer, nullable=False),
    # What it altered: `portdip.porting.migration.alterations.IMAGE`.
    Column("image", LargeBinary, nullable=False),
    Column("rows", BigInteger, nullable=False),
    # The highest id of the outbox before the changes of the piece.
    Column("after_change", BigInteger, nullable=False),
    Column("at", Moment, nullable=False),
    Column("undone", Moment),
    UniqueConstraint("migration", "step", "phase", "ordinal"),
    Index("ix_migration_pieces_at", "migration", "id"),
)
