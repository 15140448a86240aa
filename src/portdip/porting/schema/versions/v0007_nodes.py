"""Tables of `nodes`."""

import sqlalchemy as sa
from alembic import op

from portdip.porting.moment import Moment

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Make them."""
    _nodes()


def downgrade() -> None:
    """Remove them."""
    op.drop_table("nodes")


def _nodes() -> None:
    op.create_table(
        "nodes",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("carrier", sa.Text(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("reported", Moment(), nullable=True),
        sa.Column("registered", Moment(), nullable=False),
        sa.CheckConstraint("sequence >= 0", name=op.f("ck_nodes_sequence")),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_nodes")),
    )
    op.create_index("ix_nodes_sequence", "nodes", ["sequence"], unique=False)
