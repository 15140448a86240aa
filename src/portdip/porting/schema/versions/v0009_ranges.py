"""Tables of `ranges`."""

import sqlalchemy as sa
from alembic import op

from portdip.porting.moment import Id, Moment

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Make them."""
    _ranges()


def downgrade() -> None:
    """Remove them."""
    op.drop_table("ranges")


def _ranges() -> None:
    op.create_table(
        "ranges",
        sa.Column("id", Id, nullable=False),
        sa.Column("first", sa.BigInteger(), nullable=False),
        sa.Column("last", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("carrier", sa.Text(), nullable=False),
        sa.Column("routing_number", sa.Text(), nullable=False),
        sa.Column("until", Moment(), nullable=True),
        sa.Column("changed", Moment(), nullable=False),
        sa.CheckConstraint("first <= last", name=op.f("ck_ranges_interval")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ranges")),
        sa.UniqueConstraint("first", name=op.f("uq_ranges_first")),
        sa.UniqueConstraint("last", name=op.f("uq_ranges_last")),
    )
    op.create_index("ix_ranges_carrier", "ranges", ["carrier", "state"], unique=False)
