"""Totals of finished runs, begun with those that are stored."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

WORD = sa.Text().with_variant(postgresql.TEXT(collation="C"), "postgresql")

OUTCOMES = {
    "Completed": "passed",
    "Succeeded": "passed",
    "Completed_With_Probe_Failure": "probe_failed",
    "Error": "error",
    "Completed_With_Error": "error",
    "Stopped": "stopped",
    "Terminated": "stopped",
    "Timeout": "timeout",
}
UNFINISHED = ("Running", "Queued", "Pending")


def upgrade() -> None:
    """Add the table and the marks, and count."""
    op.create_table(
        "run_totals",
        sa.Column("project", sa.Integer, nullable=False),
        sa.Column("experiment_id", WORD, nullable=False),
        sa.Column("outcome", WORD, nullable=False),
        sa.Column("total", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("project", "experiment_id", "outcome", name="pk_run_totals"),
        sa.ForeignKeyConstraint(["project"], ["projects.id"], name="fk_run_totals_project"),
    )
    op.add_column("runs", sa.Column("counted", sa.Boolean, nullable=False, server_default=sa.false()))
    op.add_column("history_state", sa.Column("pruned_before_ms", sa.BigInteger))
    _count()


def _count() -> None:
    runs = sa.table("runs", *(sa.column(name) for name in ("project", "experiment_id", "phase", "counted")))
    totals = sa.table(
        "run_totals", *(sa.column(name) for name in ("project", "experiment_id", "outcome", "total"))
    )
    outcome = sa.case(OUTCOMES, value=runs.c.phase, else_="other")
    finished = runs.c.phase.not_in(UNFINISHED)
    # Grouped by its name: parameters would make two expressions of one.
    counted = (
        sa.select(runs.c.project, runs.c.experiment_id, outcome.label("outcome"))
        .where(finished)
        .subquery("counted")
    )
    grouped = sa.select(*counted.c, sa.func.count()).group_by(*counted.c)
    op.execute(totals.insert().from_select(["project", "experiment_id", "outcome", "total"], grouped))
    op.execute(runs.update().where(finished).values(counted=sa.true()))
