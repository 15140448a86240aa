"""Tables of `subscribers`."""

import sqlalchemy as sa
from alembic import op

from portdip.porting.moment import Moment

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Make them."""
    _subscribers()


def downgrade() -> None:
    """Remove them."""
    op.drop_table("subscribers")


def _subscribers() -> None:
    op.create_table(
        "subscribers",
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("carrier", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("area", sa.Text(), nullable=False),
        sa.Column("real_name", sa.Boolean(), nullable=False),
        sa.Column("identity", sa.Text(), nullable=False),
        sa.Column("identity_last4", sa.Text(), nullable=False),
        sa.Column("name", sa.LargeBinary(), nullable=True),
        sa.Column("arrears", sa.BigInteger(), nullable=False),
        sa.Column("unbilled", sa.BigInteger(), nullable=False),
        sa.Column("unbilled_agreed", sa.Boolean(), nullable=False),
        sa.Column("contract_until", Moment(), nullable=True),
        sa.Column("joined", Moment(), nullable=False),
        sa.Column("bars", sa.JSON(), nullable=False),
        sa.Column("changed", Moment(), nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_subscribers")),
    )
    op.create_index("ix_subscribers_carrier", "subscribers", ["carrier", "number"], unique=False)
