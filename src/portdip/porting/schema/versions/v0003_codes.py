"""Tables of `codes`."""

import sqlalchemy as sa
from alembic import op

from portdip.porting.moment import Id, Moment

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Make them."""
    _codes()


def downgrade() -> None:
    """Remove them."""
    op.drop_table("codes")


def _codes() -> None:
    op.create_table(
        "codes",
        sa.Column("id", Id, nullable=False),
        sa.Column("order_id", sa.BigInteger(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("identity", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("issued", Moment(), nullable=False),
        sa.Column("expires", Moment(), nullable=False),
        sa.CheckConstraint("status IN ('live', 'used', 'void', 'expired', 'blocked')", name=op.f("ck_codes_status")),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("fk_codes_order_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_codes")),
    )
    op.create_index("ix_codes_number", "codes", ["number", "id"], unique=False)
    op.create_index(
        "uq_codes_live",
        "codes",
        ["order_id"],
        unique=True,
        sqlite_where=sa.text("status = 'live'"),
        postgresql_where=sa.text("status = 'live'"),
    )
