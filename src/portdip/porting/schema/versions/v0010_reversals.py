"""Tables of `reversals`."""

import sqlalchemy as sa
from alembic import op

from portdip.porting.moment import Id, Moment

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """Make them."""
    _reversals()
    _approvals()


def downgrade() -> None:
    """Remove them."""
    op.drop_table("approvals")
    op.drop_table("reversals")


def _reversals() -> None:
    op.create_table(
        "reversals",
        sa.Column("id", Id, nullable=False),
        sa.Column("order_id", sa.BigInteger(), nullable=False),
        sa.Column("reverse_order_id", sa.BigInteger(), nullable=True),
        sa.Column("cause", sa.Text(), nullable=False),
        sa.Column("asked", Moment(), nullable=False),
        sa.Column("decided", Moment(), nullable=True),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("fk_reversals_order_id")),
        sa.ForeignKeyConstraint(["reverse_order_id"], ["orders.id"], name=op.f("fk_reversals_reverse_order_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reversals")),
    )
    op.create_index(
        "uq_reversals_open",
        "reversals",
        ["order_id"],
        unique=True,
        sqlite_where=sa.text("decided IS NULL"),
        postgresql_where=sa.text("decided IS NULL"),
    )


def _approvals() -> None:
    op.create_table(
        "approvals",
        sa.Column("reversal_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("carrier", sa.Text(), nullable=False),
        sa.Column("at", Moment(), nullable=False),
        sa.ForeignKeyConstraint(["reversal_id"], ["reversals.id"], name=op.f("fk_approvals_reversal_id")),
        sa.PrimaryKeyConstraint("reversal_id", "name", name=op.f("pk_approvals")),
    )
