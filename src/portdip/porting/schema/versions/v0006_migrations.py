"""Tables of `migrations`."""

import sqlalchemy as sa
from alembic import op

from portdip.porting.moment import Id, Moment

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Make them."""
    _migrations()
    _migration_pieces()


def downgrade() -> None:
    """Remove them."""
    op.drop_table("migration_pieces")
    op.drop_table("migrations")


def _migrations() -> None:
    op.create_table(
        "migrations",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("plan", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("step", sa.Integer(), nullable=False),
        sa.Column("phase", sa.Integer(), nullable=False),
        sa.Column("slot", Moment(), nullable=True),
        sa.Column("slot_numbers", sa.BigInteger(), nullable=False),
        sa.Column("opened", Moment(), nullable=False),
        sa.Column("changed", Moment(), nullable=False),
        sa.CheckConstraint(
            "state IN ('running', 'done', 'verified', 'undoing', 'undone')", name=op.f("ck_migrations_state")
        ),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_migrations")),
    )


def _migration_pieces() -> None:
    op.create_table(
        "migration_pieces",
        sa.Column("id", Id, nullable=False),
        sa.Column("migration", sa.Text(), nullable=False),
        sa.Column("step", sa.Integer(), nullable=False),
        sa.Column("phase", sa.Integer(), nullable=False),
        sa.Column("ordinal", sa.Integer(), nullable=False),
        sa.Column("image", sa.LargeBinary(), nullable=False),
        sa.Column("rows", sa.BigInteger(), nullable=False),
        sa.Column("after_change", sa.BigInteger(), nullable=False),
        sa.Column("at", Moment(), nullable=False),
        sa.Column("undone", Moment(), nullable=True),
        sa.ForeignKeyConstraint(["migration"], ["migrations.name"], name=op.f("fk_migration_pieces_migration")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_migration_pieces")),
        sa.UniqueConstraint(
            "migration", "step", "phase", "ordinal", name=op.f("uq_migration_pieces_migration_step_phase_ordinal")
        ),
    )
    op.create_index("ix_migration_pieces_at", "migration_pieces", ["migration", "id"], unique=False)
