"""The tables, for both engines.

What the migrations build must equal this (a test compares). Times are whole
Unix milliseconds. Within a minor version a table may gain columns with a
server default and nothing else, so that the previous release works on it.
"""

from typing import Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    false,
)
from sqlalchemy.dialects import postgresql
from sqlalchemy.types import Float, TypeEngine

metadata: Final = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)

_WORD: Final[TypeEngine[str]] = Text().with_variant(postgresql.TEXT(collation="C"), "postgresql")
"""Text ordered by code point on both engines, as Python orders it."""

meta: Final = Table(
    "meta",
    metadata,
    Column("name", _WORD, primary_key=True),
    Column("value", Text, nullable=False),
)
"""Facts about the database itself, by name."""

projects: Final = Table(
    "projects",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("instance", _WORD, nullable=False),
    Column("project_id", _WORD, nullable=False),
    UniqueConstraint("instance", "project_id"),
)
"""A short key for every project ever planned; rows stay."""

jobs: Final = Table(
    "jobs",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("project", ForeignKey(projects.c.id), nullable=False),
    Column("lane", _WORD, nullable=False),
    # A job that is forgotten keeps its row, so that its fence never repeats a number.
    Column("planned", Boolean, nullable=False),
    # 0: hurried, before all others.
    Column("due_at_ms", BigInteger, nullable=False),
    # Until then it may wait once it is due; of what is due the earliest is taken. An older release writes 0.
    Column("late_at_ms", BigInteger, nullable=False, server_default="0"),
    Column("leased_until_ms", BigInteger),
    Column("fence", BigInteger, nullable=False),
    Column("failures", Integer, nullable=False),
    # One more run was asked for while this one is running.
    Column("hurried", Boolean, nullable=False),
    UniqueConstraint("project", "lane"),
    Index(None, "due_at_ms"),
    Index(None, "leased_until_ms"),
)

snapshots: Final = Table(
    "snapshots",
    metadata,
    Column("project", ForeignKey(projects.c.id), nullable=False),
    # Of codec; during a rolling upgrade every release keeps its own row.
    Column("format", Integer, nullable=False),
    # Of the content; the revision rises with every write, freshness alone included.
    Column("version", BigInteger, nullable=False),
    Column("revision", BigInteger, nullable=False),
    Column("content", LargeBinary, nullable=False),
    Column("freshness", LargeBinary, nullable=False),
    PrimaryKeyConstraint("project", "format"),
)

history_state: Final = Table(
    "history_state",
    metadata,
    Column("project", ForeignKey(projects.c.id), primary_key=True, autoincrement=False),
    Column("version", BigInteger, nullable=False),
    # Rises with every write of this row; readers of other replicas notice by it.
    Column("revision", BigInteger, nullable=False),
    Column("watermark_ms", BigInteger),
    Column("is_complete", Boolean, nullable=False),
    Column("first_synced_at_ms", BigInteger),
    Column("synced_at_ms", BigInteger),
    Column("reconciled_at_ms", BigInteger),
    Column("progress", LargeBinary, nullable=False),
    # Runs created before were forgotten, so one of them that is told anew may have been counted.
    Column("pruned_before_ms", BigInteger),
)

known_experiments: Final = Table(
    "known_experiments",
    metadata,
    Column("project", ForeignKey(projects.c.id), nullable=False),
    Column("experiment_id", _WORD, nullable=False),
    Column("name", Text, nullable=False),
    Column("infra_id", Text),
    # A JSON list of texts.
    Column("tags", Text, nullable=False),
    Column("first_seen_at_ms", BigInteger, nullable=False),
    Column("removed_at_ms", BigInteger),
    PrimaryKeyConstraint("project", "experiment_id"),
)

runs: Final = Table(
    "runs",
    metadata,
    Column("project", ForeignKey(projects.c.id), nullable=False),
    Column("experiment_id", _WORD, nullable=False),
    # The run's id, or "@" and its creation time while Litmus gave none.
    Column("identity", _WORD, nullable=False),
    Column("experiment_run_id", _WORD, nullable=False),
    Column("experiment_name", Text, nullable=False),
    Column("phase", _WORD, nullable=False),
    Column("resiliency_score", Float(53)),
    Column("created_at_ms", BigInteger, nullable=False),
    Column("updated_at_ms", BigInteger, nullable=False),
    Column("run_sequence", BigInteger),
    Column("updated_by", Text),
    # A JSON list: passed, failed, awaited, stopped, na, total.
    Column("faults", Text),
    Column("removed", Boolean, nullable=False),
    # Whether it is in run_totals.
    Column("counted", Boolean, nullable=False, server_default=false()),
    # Its order also finds the runs of one experiment; an index of their own would double the table.
    PrimaryKeyConstraint("project", "experiment_id", "identity"),
    Index(None, "project", "created_at_ms"),
)

run_totals: Final = Table(
    "run_totals",
    metadata,
    Column("project", ForeignKey(projects.c.id), nullable=False),
    Column("experiment_id", _WORD, nullable=False),
    Column("outcome", _WORD, nullable=False),
    Column("total", BigInteger, nullable=False),
    PrimaryKeyConstraint("project", "experiment_id", "outcome"),
)
"""Finished runs ever seen, by their outcome when first seen finished; a total never falls."""

actions: Final = Table(
    "actions",
    metadata,
    Column("id", _WORD, primary_key=True),
    Column("instance", _WORD, nullable=False),
    Column("project_id", _WORD, nullable=False),
    Column("created_at_ms", BigInteger, nullable=False),
    # More is to be learnt of it from what is synchronised.
    Column("is_open", Boolean, nullable=False),
    Column("revision", BigInteger, nullable=False),
    # The action as JSON.
    Column("body", LargeBinary, nullable=False),
    Index(None, "is_open", "created_at_ms"),
    Index(None, "instance", "project_id", "created_at_ms"),
)

action_claims: Final = Table(
    "action_claims",
    metadata,
    Column("name", _WORD, primary_key=True),
    Column("action_id", _WORD, nullable=False),
    Column("held_until_ms", BigInteger, nullable=False),
    # Its time is set anew when the action's answer comes.
    Column("is_window", Boolean, nullable=False),
    Index(None, "action_id"),
    Index(None, "held_until_ms"),
)
"""At most one action happens under a name while it is held."""

audit: Final = Table(
    "audit",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("at_ms", BigInteger, nullable=False),
    Column("who", _WORD, nullable=False),
    Column("instance", _WORD, nullable=False),
    Column("project_id", _WORD, nullable=False),
    Column("kind", _WORD, nullable=False),
    Column("outcome", _WORD, nullable=False),
    # The entry as JSON.
    Column("body", LargeBinary, nullable=False),
    Index(None, "at_ms"),
)
"""Who did what; rows are added and, after retention, deleted, never changed."""

namings: Final = Table(
    "namings",
    metadata,
    Column("instance", _WORD, nullable=False),
    Column("project_id", _WORD, nullable=False),
    # Empty for entities without one.
    Column("owner", _WORD, nullable=False),
    Column("first_seen_at_ms", BigInteger, nullable=False),
    Column("gone_at_ms", BigInteger),
    PrimaryKeyConstraint("instance", "project_id", "owner"),
)
"""Owners of entities that name a project, or did until lately."""

locks: Final = Table(
    "locks",
    metadata,
    Column("name", _WORD, primary_key=True),
    Column("holder", _WORD, nullable=False),
    Column("held_until_ms", BigInteger, nullable=False),
)
"""Rights that one replica has at a time."""

token_uses: Final = Table(
    "token_uses",
    metadata,
    Column("instance", _WORD, nullable=False),
    Column("replica", _WORD, nullable=False),
    # A fingerprint; no table holds a token as it is.
    Column("token_id", _WORD, nullable=False),
    Column("told_at_ms", BigInteger, nullable=False),
    PrimaryKeyConstraint("instance", "replica"),
)

shares: Final = Table(
    "shares",
    metadata,
    Column("id", _WORD, primary_key=True),
    Column("entity_ref", _WORD, nullable=False),
    Column("picture", _WORD, nullable=False),
    Column("created_by", Text, nullable=False),
    Column("created_at_ms", BigInteger, nullable=False),
    Column("expires_at_ms", BigInteger, nullable=False),
    Index(None, "entity_ref"),
)
"""Pictures whose signed address still opens; a revoked one has no row."""

# As many as people who are signed in: looking for what is over reads them all.
sessions: Final = Table(
    "sessions",
    metadata,
    # A digest of the cookie.
    Column("id", _WORD, primary_key=True),
    Column("instance", _WORD, nullable=False),
    Column("user_id", _WORD, nullable=False),
    Column("username", Text, nullable=False),
    Column("is_admin", Boolean, nullable=False),
    # Encrypted with a key that is configured, or the one in ``secrets``.
    Column("sealed_token", LargeBinary, nullable=False),
    Column("created_at_ms", BigInteger, nullable=False),
    Column("seen_at_ms", BigInteger, nullable=False),
    Column("expires_at_ms", BigInteger, nullable=False),
)

secrets: Final = Table(
    "secrets",
    metadata,
    Column("name", _WORD, primary_key=True),
    Column("value", Text, nullable=False),
)
"""What the sidecar made for itself because none was configured; not encrypted."""
