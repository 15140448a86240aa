"""Tables of `supervision`."""

import sqlalchemy as sa
from alembic import op

from portdip.porting.moment import Id, Moment

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    """Make them."""
    _cases()
    _bars()
    _complaints()
    _measures()
    _evidence()
    _violations()


def downgrade() -> None:
    """Remove them."""
    op.drop_table("violations")
    op.drop_table("evidence")
    op.drop_table("measures")
    op.drop_table("complaints")
    op.drop_table("bars")
    op.drop_table("cases")


def _cases() -> None:
    op.create_table(
        "cases",
        sa.Column("id", Id, nullable=False),
        sa.Column("reference", sa.Text(), nullable=False),
        sa.Column("carrier", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("due", Moment(), nullable=True),
        sa.Column("opened", Moment(), nullable=False),
        sa.Column("changed", Moment(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_cases")),
        sa.UniqueConstraint("reference", name=op.f("uq_cases_reference")),
    )
    op.create_index("ix_cases_carrier", "cases", ["carrier", "id"], unique=False)


def _bars() -> None:
    op.create_table(
        "bars",
        sa.Column("carrier", sa.Text(), nullable=False),
        sa.Column("standing", sa.Text(), nullable=False),
        sa.Column("case_id", sa.BigInteger(), nullable=False),
        sa.Column("since", Moment(), nullable=False),
        sa.CheckConstraint("standing IN ('suspended', 'revoked')", name=op.f("ck_bars_standing")),
        sa.ForeignKeyConstraint(["case_id"], ["cases.id"], name=op.f("fk_bars_case_id")),
        sa.PrimaryKeyConstraint("carrier", name=op.f("pk_bars")),
    )


def _complaints() -> None:
    op.create_table(
        "complaints",
        sa.Column("id", Id, nullable=False),
        sa.Column("reference", sa.Text(), nullable=False),
        sa.Column("profile", sa.Text(), nullable=False),
        sa.Column("carrier", sa.Text(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=True),
        sa.Column("order_id", sa.BigInteger(), nullable=True),
        sa.Column("topic", sa.Text(), nullable=False),
        sa.Column("stage", sa.Text(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("due", Moment(), nullable=True),
        sa.Column("late", sa.JSON(), nullable=False),
        sa.Column("opened", Moment(), nullable=False),
        sa.Column("answered", Moment(), nullable=True),
        sa.Column("escalated", Moment(), nullable=True),
        sa.Column("ended", Moment(), nullable=True),
        sa.Column("changed", Moment(), nullable=False),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("fk_complaints_order_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_complaints")),
        sa.UniqueConstraint("reference", name=op.f("uq_complaints_reference")),
    )
    op.create_index("ix_complaints_carrier", "complaints", ["carrier", "id"], unique=False)
    op.create_index(
        "ix_complaints_due",
        "complaints",
        ["due"],
        unique=False,
        sqlite_where=sa.text("due IS NOT NULL"),
        postgresql_where=sa.text("due IS NOT NULL"),
    )


def _measures() -> None:
    op.create_table(
        "measures",
        sa.Column("id", Id, nullable=False),
        sa.Column("case_id", sa.BigInteger(), nullable=False),
        sa.Column("measure", sa.Text(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("beneficiary", sa.Text(), nullable=False),
        sa.Column("cause", sa.Text(), nullable=False),
        sa.Column("at", Moment(), nullable=False),
        sa.CheckConstraint("amount >= 0", name=op.f("ck_measures_amount")),
        sa.ForeignKeyConstraint(["case_id"], ["cases.id"], name=op.f("fk_measures_case_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_measures")),
    )
    op.create_index("ix_measures_case", "measures", ["case_id"], unique=False)


def _evidence() -> None:
    op.create_table(
        "evidence",
        sa.Column("id", Id, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("carrier", sa.Text(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=True),
        sa.Column("order_id", sa.BigInteger(), nullable=True),
        sa.Column("complaint_id", sa.BigInteger(), nullable=True),
        sa.Column("wording", sa.Text(), nullable=False),
        sa.Column("media_type", sa.Text(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=True),
        sa.Column("salt", sa.LargeBinary(), nullable=True),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("at", Moment(), nullable=False),
        sa.Column("keep_until", Moment(), nullable=False),
        sa.Column("erased", Moment(), nullable=True),
        sa.ForeignKeyConstraint(["complaint_id"], ["complaints.id"], name=op.f("fk_evidence_complaint_id")),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("fk_evidence_order_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_evidence")),
    )
    op.create_index("ix_evidence_complaint", "evidence", ["complaint_id"], unique=False)
    op.create_index(
        "ix_evidence_keep_until",
        "evidence",
        ["keep_until"],
        unique=False,
        sqlite_where=sa.text("erased IS NULL"),
        postgresql_where=sa.text("erased IS NULL"),
    )
    op.create_index("ix_evidence_order", "evidence", ["order_id"], unique=False)


def _violations() -> None:
    op.create_table(
        "violations",
        sa.Column("id", Id, nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("carrier", sa.Text(), nullable=False),
        sa.Column("rule", sa.Text(), nullable=False),
        sa.Column("order_id", sa.BigInteger(), nullable=True),
        sa.Column("complaint_id", sa.BigInteger(), nullable=True),
        sa.Column("case_id", sa.BigInteger(), nullable=True),
        sa.Column("finding", sa.Text(), nullable=False),
        sa.Column("evidence", sa.JSON(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("found", Moment(), nullable=False),
        sa.Column("decided", Moment(), nullable=True),
        sa.CheckConstraint("status IN ('suspected', 'confirmed', 'dismissed')", name=op.f("ck_violations_status")),
        sa.ForeignKeyConstraint(["case_id"], ["cases.id"], name=op.f("fk_violations_case_id")),
        sa.ForeignKeyConstraint(["complaint_id"], ["complaints.id"], name=op.f("fk_violations_complaint_id")),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("fk_violations_order_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_violations")),
        sa.UniqueConstraint(
            "code", "carrier", "rule", "order_id", name=op.f("uq_violations_code_carrier_rule_order_id")
        ),
    )
    op.create_index("ix_violations_carrier", "violations", ["carrier", "id"], unique=False)
    op.create_index("ix_violations_case", "violations", ["case_id"], unique=False)
