"""Signed epochs, trustees' shares, letters to vetters, notices to readers."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # The worker signs its epochs at every start: those of before get their signature there.
    op.add_column("epoch", sa.Column("signature", sa.String(), nullable=False, server_default=""))
    op.add_column("person", sa.Column("next", sa.LargeBinary()))
    op.create_table(
        "share",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("case_id", sa.String(), nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("person_id", sa.String(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["case_id"], ["case.id"], initially="DEFERRED", deferrable=True),
        sa.PrimaryKeyConstraint("id"),
        sqlite_with_rowid=False,
    )
    op.create_index("share_case", "share", ["case_id"])
    op.create_index("share_person", "share", ["person_id", "state"])
    op.create_table(
        "letter",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("to", sa.String(), nullable=False),
        sa.Column("day", sa.Integer(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sqlite_with_rowid=False,
    )
    op.create_index("letter_to", "letter", ["to"])
    op.create_table(
        "push",
        sa.Column("person_id", sa.String(), nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("person_id"),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    for table in ("push", "letter", "share"):
        op.drop_table(table)
    with op.batch_alter_table("person") as person:
        person.drop_column("next")
    with op.batch_alter_table("epoch") as epoch:
        epoch.drop_column("signature")
