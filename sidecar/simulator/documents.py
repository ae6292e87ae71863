"""The documents of the simulated database, as plain mutable classes.

They hold what Litmus stores, times in Unix milliseconds; ``world`` changes them
and ``rendering`` turns them into answers.
"""

from dataclasses import dataclass, field
from typing import Any

OWNER, EXECUTOR, VIEWER = "Owner", "Executor", "Viewer"

UNFINISHED = frozenset({"Queued", "Pending", "Running"})
"""Phases in which a run can still change."""

SECRET_MARKER = "simulated-secret"  # noqa: S105 - a marker that leak tests look for
"""Part of every value that a client must never show: agent tokens, hub and GitOps credentials."""


@dataclass(kw_only=True)
class User:
    """An account of the ChaosCenter."""

    user_id: str
    username: str
    password: str
    email: str = ""
    name: str = ""
    role: str = "user"
    """Account role, ``admin`` or ``user``; says nothing about projects."""
    initial_login: bool = False
    """Whether the initial password was never changed."""
    deactivated_at_ms: int | None = None
    created_at_ms: int = 0


@dataclass(kw_only=True)
class ApiToken:
    """A row of the token list; validity depends on the JWT alone."""

    user_id: str
    name: str
    token: str = field(repr=False)
    expires_at_seconds: int
    created_at_ms: int


@dataclass(kw_only=True)
class Member:
    """A user's place in a project."""

    user_id: str
    role: str
    invitation: str = "Accepted"


@dataclass(kw_only=True)
class GitOps:
    """A GitOps configuration; a project without one has GitOps off."""

    branch: str = "main"
    repo_url: str = "https://git.example.org/chaos.git"
    auth_type: str = "token"


@dataclass(kw_only=True)
class Project:
    """A project with its members."""

    project_id: str
    name: str
    members: list[Member] = field(default_factory=list)
    git_ops: GitOps | None = None
    created_at_ms: int = 0
    created_by: str = ""
    """Username of the founder."""

    def member(self, user_id: str) -> Member | None:
        """Return the membership of a user, accepted or not."""
        return next((member for member in self.members if member.user_id == user_id), None)


@dataclass(kw_only=True)
class Hub:
    """A ChaosHub of a project."""

    hub_id: str
    project_id: str
    name: str
    is_available: bool = True
    total_faults: int = 0
    total_experiments: int = 0
    description: str = ""
    tags: list[str] = field(default_factory=list)
    is_private: bool = False
    is_removed: bool = False
    created_at_ms: int = 0


@dataclass(kw_only=True)
class Environment:
    """An environment of a project; its id was chosen by its maker."""

    environment_id: str
    project_id: str
    name: str
    type: str = "NON_PROD"
    description: str = ""
    tags: list[str] = field(default_factory=list)
    infra_ids: list[str] | None = field(default_factory=list)
    """``None`` only in documents that Litmus did not write."""
    is_removed: bool = False
    created_at_ms: int = 0
    updated_at_ms: int = 0
    username: str = ""


@dataclass(kw_only=True)
class Infra:
    """A Kubernetes infrastructure with its agent."""

    infra_id: str
    project_id: str
    environment_id: str
    name: str
    is_active: bool = True
    is_confirmed: bool = True
    description: str = ""
    platform_name: str = "Kubernetes"
    namespace: str = "litmus"
    scope: str = "cluster"
    tags: list[str] = field(default_factory=list)
    version: str = "3.31.0"
    is_removed: bool = False
    created_at_ms: int = 0
    updated_at_ms: int = 0
    username: str = ""


@dataclass(kw_only=True)
class Fault:
    """One fault of an experiment."""

    name: str
    weight: int = 10


@dataclass(kw_only=True)
class RecentRun:
    """An entry of the denormalised list that an experiment keeps of its newest runs."""

    run_id: str
    phase: str
    score: float | None
    sequence: int
    username: str
    created_at_ms: int
    updated_at_ms: int


@dataclass(kw_only=True)
class Experiment:
    """An experiment and its newest manifest."""

    experiment_id: str
    project_id: str
    infra_id: str
    name: str
    type: str = "experiment"
    """``experiment``, ``cronexperiment`` or ``chaosengine``."""
    cron_syntax: str = ""
    is_started: bool = True
    """Whether the cluster has the CronWorkflow; creating an experiment in Litmus only saves it."""
    manifest: dict[str, Any]
    description: str = ""
    tags: list[str] = field(default_factory=list)
    faults: list[Fault]
    recent: list[RecentRun] = field(default_factory=list)
    """Newest first, at most ten; a copy that can differ from the run documents."""
    is_removed: bool = False
    created_at_ms: int = 0
    updated_at_ms: int = 0
    username: str = ""

    @property
    def is_suspended(self) -> bool:
        """Whether the schedule is switched off; only the manifest says so."""
        return bool(self.manifest["spec"].get("suspend", False))


@dataclass(kw_only=True)
class FaultCounts:
    """How the faults of a run ended; all 0 until it finished."""

    passed: int = 0
    failed: int = 0
    awaited: int = 0
    stopped: int = 0
    na: int = 0

    @property
    def total(self) -> int:
        """Number of faults."""
        return self.passed + self.failed + self.awaited + self.stopped + self.na


@dataclass(kw_only=True)
class Run:
    """One execution of an experiment."""

    run_id: str
    """``""`` until the agent's first event."""
    notify_id: str | None
    """``None`` for runs that a schedule started."""
    experiment_id: str
    project_id: str
    infra_id: str
    phase: str
    score: float = 0.0
    counts: FaultCounts | None = None
    """``None`` while queued."""
    sequence: int = 1
    username: str = ""
    created_at_ms: int
    updated_at_ms: int
    is_removed: bool = False
    is_held: bool = False
    """Whether it stays in its phase for good, as when an agent hangs."""

    @property
    def is_finished(self) -> bool:
        """Whether the run has come to its end."""
        return self.phase not in UNFINISHED
