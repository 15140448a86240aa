"""Wrong tries of a code by carrier, and who opened a complaint."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    """Make them. Tries of before count for all carriers together only."""
    op.create_table(
        "code_tries",
        sa.Column("code_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("carrier", sa.Text(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.CheckConstraint("tries >= 1", name=op.f("ck_code_tries_tries")),
        sa.ForeignKeyConstraint(["code_id"], ["codes.id"], name=op.f("fk_code_tries_code_id")),
        sa.PrimaryKeyConstraint("code_id", "carrier", name=op.f("pk_code_tries")),
    )
    op.add_column("complaints", sa.Column("complainant", sa.Text(), server_default="", nullable=False))
    op.create_index("ix_complaints_complainant", "complaints", ["complainant", "id"], unique=False)


def downgrade() -> None:
    """Remove them."""
    op.drop_index("ix_complaints_complainant", "complaints")
    op.drop_column("complaints", "complainant")
    op.drop_table("code_tries")
