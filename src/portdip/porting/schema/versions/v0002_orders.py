"""Tables of `orders`."""

import sqlalchemy as sa
from alembic import op

from portdip.porting.moment import Id, Moment

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Make them."""
    _event_readers()
    _events()
    _orders()
    _orders_indexes()
    _applicants()


def downgrade() -> None:
    """Remove them."""
    op.drop_table("applicants")
    op.drop_table("orders")
    op.drop_table("events")
    op.drop_table("event_readers")


def _event_readers() -> None:
    op.create_table(
        "event_readers",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("event_id", sa.BigInteger(), nullable=False),
        sa.Column("held", Moment(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_event_readers")),
    )


def _events() -> None:
    op.create_table(
        "events",
        sa.Column("id", Id, nullable=False),
        sa.Column("carrier", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("reference", sa.Text(), nullable=False),
        sa.Column("body", sa.JSON(), nullable=False),
        sa.Column("at", Moment(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_events")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_events_carrier", "events", ["carrier", "id"], unique=False)


def _orders() -> None:
    op.create_table(
        "orders",
        sa.Column("id", Id, nullable=False),
        sa.Column("reference", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("profile", sa.Text(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("batch", sa.Text(), server_default="", nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("donor", sa.Text(), nullable=False),
        sa.Column("recipient", sa.Text(), server_default="", nullable=False),
        sa.Column("range_holder", sa.Text(), nullable=False),
        sa.Column("routing_number", sa.Text(), server_default="", nullable=False),
        sa.Column("donor_routing_number", sa.Text(), server_default="", nullable=False),
        sa.Column("reseller", sa.Text(), server_default="", nullable=False),
        sa.Column("area", sa.Text(), server_default="", nullable=False),
        sa.Column("wished", Moment(), nullable=True),
        sa.Column("first_possible", Moment(), nullable=True),
        sa.Column("slot", Moment(), nullable=True),
        sa.Column("timer", sa.Text(), server_default="", nullable=False),
        sa.Column("due", Moment(), nullable=True),
        sa.Column("is_open", sa.Boolean(), nullable=False),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("disputed", sa.Boolean(), nullable=False),
        sa.Column("answered", sa.Boolean(), nullable=False),
        sa.Column("conflicts", sa.Integer(), nullable=False),
        sa.Column("cancelled_by", sa.Text(), server_default="", nullable=False),
        sa.Column("supersedes", sa.BigInteger(), nullable=True),
        sa.Column("delta_sequence", sa.BigInteger(), nullable=True),
        sa.Column("reasons", sa.JSON(), nullable=False),
        sa.Column("consent", sa.BigInteger(), nullable=True),
        sa.Column("opened", Moment(), nullable=False),
        sa.Column("submitted", Moment(), nullable=True),
        sa.Column("activated", Moment(), nullable=True),
        sa.Column("changed", Moment(), nullable=False),
        sa.CheckConstraint(
            "is_active = (state IN ('active', 'partial-failure', 'suspended', 'return-pending', 'returning'))",
            name=op.f("ck_orders_is_active"),
        ),
        sa.CheckConstraint(
            (
                "is_open = (state IN ('draft', 'queried', 'code-issued', 'submitted', 'validating', "
                "'awaiting-donor', 'approved', 'conflict', 'cancel-pending', 'scheduled', 'broadcasting', "
                "'failed', 'return-pending', 'returning'))"
            ),
            name=op.f("ck_orders_is_open"),
        ),
        sa.CheckConstraint(
            (
                "state IN ('draft', 'queried', 'code-issued', 'code-expired', 'submitted', 'validating', "
                "'rejected', 'awaiting-donor', 'approved', 'conflict', 'cancel-pending', 'cancelled', "
                "'scheduled', 'broadcasting', 'active', 'partial-failure', 'failed', 'suspended', "
                "'superseded', 'return-pending', 'returning', 'returned')"
            ),
            name=op.f("ck_orders_state"),
        ),
        sa.CheckConstraint("number BETWEEN 1 AND 999999999999999", name=op.f("ck_orders_number")),
        sa.CheckConstraint("version >= 1 AND revision >= 1", name=op.f("ck_orders_counts")),
        sa.ForeignKeyConstraint(["supersedes"], ["orders.id"], name=op.f("fk_orders_supersedes")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_orders")),
        sa.UniqueConstraint("number", "version", name=op.f("uq_orders_number_version")),
        sa.UniqueConstraint("reference", name=op.f("uq_orders_reference")),
    )


def _orders_indexes() -> None:
    op.create_index(
        "ix_orders_batch",
        "orders",
        ["batch"],
        unique=False,
        sqlite_where=sa.text("batch <> ''"),
        postgresql_where=sa.text("batch <> ''"),
    )
    op.create_index("ix_orders_donor", "orders", ["donor", "id"], unique=False)
    op.create_index(
        "ix_orders_due",
        "orders",
        ["due"],
        unique=False,
        sqlite_where=sa.text("due IS NOT NULL"),
        postgresql_where=sa.text("due IS NOT NULL"),
    )
    op.create_index(
        "ix_orders_quota",
        "orders",
        ["profile", "slot"],
        unique=False,
        sqlite_where=sa.text("slot IS NOT NULL"),
        postgresql_where=sa.text("slot IS NOT NULL"),
    )
    op.create_index("ix_orders_recipient", "orders", ["recipient", "id"], unique=False)
    op.create_index(
        "ix_orders_slot",
        "orders",
        ["slot", "recipient"],
        unique=False,
        sqlite_where=sa.text("state = 'scheduled'"),
        postgresql_where=sa.text("state = 'scheduled'"),
    )
    op.create_index(
        "uq_orders_active",
        "orders",
        ["number"],
        unique=True,
        sqlite_where=sa.text("is_active"),
        postgresql_where=sa.text("is_active"),
    )
    op.create_index(
        "uq_orders_open",
        "orders",
        ["number"],
        unique=True,
        sqlite_where=sa.text("is_open"),
        postgresql_where=sa.text("is_open"),
    )


def _applicants() -> None:
    op.create_table(
        "applicants",
        sa.Column("order_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("identity", sa.Text(), nullable=False),
        sa.Column("identity_last4", sa.Text(), nullable=False),
        sa.Column("name", sa.LargeBinary(), nullable=True),
        sa.Column("language", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("fk_applicants_order_id")),
        sa.PrimaryKeyConstraint("order_id", name=op.f("pk_applicants")),
    )
