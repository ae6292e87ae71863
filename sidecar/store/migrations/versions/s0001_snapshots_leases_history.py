"""Snapshots, leases and the history of runs."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

WORD = sa.Text().with_variant(postgresql.TEXT(collation="C"), "postgresql")


def upgrade() -> None:
    """Make the first tables."""
    op.create_table(
        "meta",
        sa.Column("name", WORD, nullable=False),
        sa.Column("value", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_meta"),
    )
    op.create_table(
        "projects",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("instance", WORD, nullable=False),
        sa.Column("project_id", WORD, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_projects"),
        sa.UniqueConstraint("instance", "project_id", name="uq_projects_instance_project_id"),
    )
    op.create_table(
        "jobs",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("project", sa.Integer, nullable=False),
        sa.Column("lane", WORD, nullable=False),
        sa.Column("planned", sa.Boolean, nullable=False),
        sa.Column("due_at_ms", sa.BigInteger, nullable=False),
        sa.Column("leased_until_ms", sa.BigInteger),
        sa.Column("fence", sa.BigInteger, nullable=False),
        sa.Column("failures", sa.Integer, nullable=False),
        sa.Column("hurried", sa.Boolean, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_jobs"),
        sa.ForeignKeyConstraint(["project"], ["projects.id"], name="fk_jobs_project"),
        sa.UniqueConstraint("project", "lane", name="uq_jobs_project_lane"),
    )
    op.create_index("ix_jobs_due_at_ms", "jobs", ["due_at_ms"])
    op.create_table(
        "snapshots",
        sa.Column("project", sa.Integer, nullable=False),
        sa.Column("format", sa.Integer, nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("revision", sa.BigInteger, nullable=False),
        sa.Column("content", sa.LargeBinary, nullable=False),
        sa.Column("freshness", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("project", "format", name="pk_snapshots"),
        sa.ForeignKeyConstraint(["project"], ["projects.id"], name="fk_snapshots_project"),
    )
    _history()


def _history() -> None:
    op.create_table(
        "history_state",
        sa.Column("project", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("revision", sa.BigInteger, nullable=False),
        sa.Column("watermark_ms", sa.BigInteger),
        sa.Column("is_complete", sa.Boolean, nullable=False),
        sa.Column("first_synced_at_ms", sa.BigInteger),
        sa.Column("synced_at_ms", sa.BigInteger),
        sa.Column("reconciled_at_ms", sa.BigInteger),
        sa.Column("progress", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("project", name="pk_history_state"),
        sa.ForeignKeyConstraint(["project"], ["projects.id"], name="fk_history_state_project"),
    )
    op.create_table(
        "known_experiments",
        sa.Column("project", sa.Integer, nullable=False),
        sa.Column("experiment_id", WORD, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("infra_id", sa.Text),
        sa.Column("tags", sa.Text, nullable=False),
        sa.Column("first_seen_at_ms", sa.BigInteger, nullable=False),
        sa.Column("removed_at_ms", sa.BigInteger),
        sa.PrimaryKeyConstraint("project", "experiment_id", name="pk_known_experiments"),
        sa.ForeignKeyConstraint(["project"], ["projects.id"], name="fk_known_experiments_project"),
    )
    op.create_table(
        "runs",
        sa.Column("project", sa.Integer, nullable=False),
        sa.Column("experiment_id", WORD, nullable=False),
        sa.Column("identity", WORD, nullable=False),
        sa.Column("experiment_run_id", WORD, nullable=False),
        sa.Column("experiment_name", sa.Text, nullable=False),
        sa.Column("phase", WORD, nullable=False),
        sa.Column("resiliency_score", sa.Float(53)),
        sa.Column("created_at_ms", sa.BigInteger, nullable=False),
        sa.Column("updated_at_ms", sa.BigInteger, nullable=False),
        sa.Column("run_sequence", sa.BigInteger),
        sa.Column("updated_by", sa.Text),
        sa.Column("faults", sa.Text),
        sa.Column("removed", sa.Boolean, nullable=False),
        sa.PrimaryKeyConstraint("project", "experiment_id", "identity", name="pk_runs"),
        sa.ForeignKeyConstraint(["project"], ["projects.id"], name="fk_runs_project"),
    )
    op.create_index("ix_runs_project_created_at_ms", "runs", ["project", "created_at_ms"])
