"""Tables of `access`."""

import sqlalchemy as sa
from alembic import op

from portdip.porting.moment import Id, Moment

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Make them."""
    _api_keys()
    _webhooks()
    _requests()


def downgrade() -> None:
    """Remove them."""
    op.drop_table("requests")
    op.drop_table("webhooks")
    op.drop_table("api_keys")


def _api_keys() -> None:
    op.create_table(
        "api_keys",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("carrier", sa.Text(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("created", Moment(), nullable=False),
        sa.Column("expires", Moment(), nullable=True),
        sa.Column("revoked", Moment(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_keys")),
    )


def _webhooks() -> None:
    op.create_table(
        "webhooks",
        sa.Column("id", Id, nullable=False),
        sa.Column("carrier", sa.Text(), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("secret", sa.LargeBinary(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("given_up", sa.BigInteger(), nullable=False),
        sa.Column("due", Moment(), nullable=False),
        sa.Column("made", Moment(), nullable=False),
        sa.CheckConstraint("attempts >= 0 AND given_up >= 0", name=op.f("ck_webhooks_counts")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhooks")),
        sa.UniqueConstraint("carrier", "url", name=op.f("uq_webhooks_carrier_url")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_webhooks_due", "webhooks", ["due"], unique=False)


def _requests() -> None:
    op.create_table(
        "requests",
        sa.Column("api_key", sa.Text(), nullable=False),
        sa.Column("idempotency_key", sa.Text(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("answer", sa.LargeBinary(), nullable=True),
        sa.Column("begun", Moment(), nullable=False),
        sa.ForeignKeyConstraint(["api_key"], ["api_keys.id"], name=op.f("fk_requests_api_key")),
        sa.PrimaryKeyConstraint("api_key", "idempotency_key", name=op.f("pk_requests")),
    )
    op.create_index("ix_requests_begun", "requests", ["begun"], unique=False)
