"""Locks, the use of tokens, shared pictures, sessions, and secrets of our own."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

WORD = sa.Text().with_variant(postgresql.TEXT(collation="C"), "postgresql")


def upgrade() -> None:
    """Add the tables."""
    op.create_table(
        "locks",
        sa.Column("name", WORD, nullable=False),
        sa.Column("holder", WORD, nullable=False),
        sa.Column("held_until_ms", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_locks"),
    )
    op.create_table(
        "token_uses",
        sa.Column("instance", WORD, nullable=False),
        sa.Column("replica", WORD, nullable=False),
        sa.Column("token_id", WORD, nullable=False),
        sa.Column("told_at_ms", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("instance", "replica", name="pk_token_uses"),
    )
    op.create_table(
        "shares",
        sa.Column("id", WORD, nullable=False),
        sa.Column("entity_ref", WORD, nullable=False),
        sa.Column("picture", WORD, nullable=False),
        sa.Column("created_by", sa.Text, nullable=False),
        sa.Column("created_at_ms", sa.BigInteger, nullable=False),
        sa.Column("expires_at_ms", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_shares"),
    )
    op.create_index("ix_shares_entity_ref", "shares", ["entity_ref"])
    op.create_table(
        "sessions",
        sa.Column("id", WORD, nullable=False),
        sa.Column("instance", WORD, nullable=False),
        sa.Column("user_id", WORD, nullable=False),
        sa.Column("username", sa.Text, nullable=False),
        sa.Column("is_admin", sa.Boolean, nullable=False),
        sa.Column("sealed_token", sa.LargeBinary, nullable=False),
        sa.Column("created_at_ms", sa.BigInteger, nullable=False),
        sa.Column("seen_at_ms", sa.BigInteger, nullable=False),
        sa.Column("expires_at_ms", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_sessions"),
    )
    op.create_table(
        "secrets",
        sa.Column("name", WORD, nullable=False),
        sa.Column("value", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_secrets"),
    )
