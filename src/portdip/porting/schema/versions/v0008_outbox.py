"""Tables of `outbox`."""

import sqlalchemy as sa
from alembic import op

from portdip.porting.moment import Id, Moment

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Make them."""
    _outbox()
    _publication()


def downgrade() -> None:
    """Remove them."""
    op.drop_table("publication")
    op.drop_table("outbox")


def _outbox() -> None:
    op.create_table(
        "outbox",
        sa.Column("id", Id, nullable=False),
        sa.Column("reference", sa.Text(), nullable=False),
        sa.Column("order_id", sa.BigInteger(), nullable=True),
        sa.Column("operation", sa.SmallInteger(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=True),
        sa.Column("last", sa.BigInteger(), nullable=True),
        sa.Column("carrier", sa.Text(), nullable=True),
        sa.Column("routing_number", sa.Text(), nullable=True),
        sa.Column("donor", sa.Text(), nullable=True),
        sa.Column("donor_routing_number", sa.Text(), nullable=True),
        sa.Column("text", sa.Text(), nullable=True),
        sa.Column("effective", Moment(), nullable=True),
        sa.Column("written", Moment(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=True),
        sa.Column("published", Moment(), nullable=True),
        sa.Column("missed", Moment(), nullable=True),
        sa.Column("arrived", Moment(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outbox")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_outbox_order", "outbox", ["order_id"], unique=False)
    op.create_index(
        "ix_outbox_under_way",
        "outbox",
        ["sequence", "id"],
        unique=False,
        sqlite_where=sa.text("arrived IS NULL"),
        postgresql_where=sa.text("arrived IS NULL"),
    )
    op.create_index(
        "ix_outbox_waiting",
        "outbox",
        ["id"],
        unique=False,
        sqlite_where=sa.text("sequence IS NULL"),
        postgresql_where=sa.text("sequence IS NULL"),
    )


def _publication() -> None:
    op.create_table(
        "publication",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.CheckConstraint("id = 1", name=op.f("ck_publication_one")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_publication")),
    )
