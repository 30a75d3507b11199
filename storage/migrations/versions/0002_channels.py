"""What real channels need: the order of one sender's messages, one text in flight to an address, what lies at a provider, and floods."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("inbound", sa.Column("lane", sa.String(), nullable=True))
    op.create_index("inbound_lane", "inbound", ["lane", "seq"])
    op.add_column("sending", sa.Column("thread", sa.String(), nullable=True))
    op.create_index("sending_thread", "sending", ["thread"])
    op.create_table(
        "erasure",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("thread", sa.String(), nullable=False),
        sa.Column("day", sa.Integer(), nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sqlite_with_rowid=False,
    )
    op.create_index("erasure_thread", "erasure", ["thread"])


def downgrade() -> None:
    op.drop_table("erasure")
    op.drop_index("sending_thread", "sending")
    op.drop_column("sending", "thread")
    op.drop_index("inbound_lane", "inbound")
    op.drop_column("inbound", "lane")
