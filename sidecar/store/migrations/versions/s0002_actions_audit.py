"""Actions, what they are claimed by, and the audit."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

WORD = sa.Text().with_variant(postgresql.TEXT(collation="C"), "postgresql")


def upgrade() -> None:
    """Add the tables."""
    op.create_table(
        "actions",
        sa.Column("id", WORD, nullable=False),
        sa.Column("instance", WORD, nullable=False),
        sa.Column("project_id", WORD, nullable=False),
        sa.Column("created_at_ms", sa.BigInteger, nullable=False),
        sa.Column("is_open", sa.Boolean, nullable=False),
        sa.Column("revision", sa.BigInteger, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_actions"),
    )
    op.create_index("ix_actions_is_open_created_at_ms", "actions", ["is_open", "created_at_ms"])
    op.create_index(
        "ix_actions_instance_project_id_created_at_ms",
        "actions",
        ["instance", "project_id", "created_at_ms"],
    )
    op.create_table(
        "action_claims",
        sa.Column("name", WORD, nullable=False),
        sa.Column("action_id", WORD, nullable=False),
        sa.Column("held_until_ms", sa.BigInteger, nullable=False),
        sa.Column("is_window", sa.Boolean, nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_action_claims"),
    )
    op.create_index("ix_action_claims_action_id", "action_claims", ["action_id"])
    op.create_index("ix_action_claims_held_until_ms", "action_claims", ["held_until_ms"])
    op.create_table(
        "audit",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), nullable=False),
        sa.Column("at_ms", sa.BigInteger, nullable=False),
        sa.Column("who", WORD, nullable=False),
        sa.Column("instance", WORD, nullable=False),
        sa.Column("project_id", WORD, nullable=False),
        sa.Column("kind", WORD, nullable=False),
        sa.Column("outcome", WORD, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_audit"),
    )
    op.create_index("ix_audit_at_ms", "audit", ["at_ms"])
