"""Who named which project since when."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

WORD = sa.Text().with_variant(postgresql.TEXT(collation="C"), "postgresql")


def upgrade() -> None:
    """Add the table; who names a project at the first reading after this came first, together."""
    op.create_table(
        "namings",
        sa.Column("instance", WORD, nullable=False),
        sa.Column("project_id", WORD, nullable=False),
        sa.Column("owner", WORD, nullable=False),
        sa.Column("first_seen_at_ms", sa.BigInteger, nullable=False),
        sa.Column("gone_at_ms", sa.BigInteger),
        sa.PrimaryKeyConstraint("instance", "project_id", "owner", name="pk_namings"),
    )
