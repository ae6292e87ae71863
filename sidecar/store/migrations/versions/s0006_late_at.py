"""Until when a job that is due may wait."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add it, and find leases by their end; what was written before counts as late once it is due."""
    op.add_column("jobs", sa.Column("late_at_ms", sa.BigInteger, nullable=False, server_default="0"))
    op.create_index("ix_jobs_leased_until_ms", "jobs", ["leased_until_ms"])
