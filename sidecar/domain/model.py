"""What the service knows, as plain immutable values.

No I/O, no clock, no framework: everything here can be built in a test by
calling its constructor. Values are what Litmus said, mapped to our words but
not repaired; repair for the plugin (healing) belongs to ``replica``.

Times of Litmus are kept as it sends them, whole Unix milliseconds
(``…_at_ms``), with ``None`` where it sends its unset value ``"0"``; our own
times are aware ``datetime`` in UTC.

What there are tens of thousands of takes ``gc=False``: the garbage collector walks all it knows
in one piece, and immutable values of immutable values form no cycle that it could find.
"""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Final

import msgspec

from sidecar.domain.runs import RecentRun


class ProjectRef(msgspec.Struct, frozen=True, kw_only=True, order=True):
    """A Litmus project: the same id may exist in several instances."""

    instance: str
    """Name of the configured instance."""
    project_id: str

    def __str__(self) -> str:
        return f"{self.instance}/{self.project_id}"


class Infra(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A chaos infrastructure: the agent in a cluster that executes experiments."""

    infra_id: str
    name: str
    environment_id: str
    is_active: bool
    """Whether the agent's connection is open, by Litmus's own flag."""
    infra_type: str | None = None
    infra_namespace: str | None = None
    infra_scope: str | None = None
    """``namespace`` or ``cluster``."""
    description: str | None = None
    platform_name: str | None = None
    version: str | None = None
    is_confirmed: bool | None = None
    """Whether the agent ever registered; ``None`` where Litmus does not fill it (inside experiments)."""
    tags: tuple[str, ...] = ()
    created_at_ms: int | None = None
    updated_at_ms: int | None = None


class Experiment(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A chaos experiment and its recent runs."""

    experiment_id: str
    name: str
    cron_syntax: str
    """Argo's schedule text as written; ``""`` when the experiment is no schedule."""
    experiment_type: str | None = None
    """``experiment``, ``cronexperiment`` or ``chaosengine``."""
    description: str | None = None
    tags: tuple[str, ...] = ()
    infra: Infra | None = None
    """``None`` when the document of the infrastructure is gone from Litmus's database."""
    recent_runs: tuple[RecentRun, ...] = ()
    """Newest first, at most ten; empty when the experiment never ran."""
    created_at_ms: int | None = None
    updated_at_ms: int | None = None
    created_by: str | None = None
    updated_by: str | None = None


class Environment(msgspec.Struct, frozen=True, kw_only=True):
    """A named group of infrastructures."""

    environment_id: str
    name: str
    type: str | None
    """``PROD`` or ``NON_PROD``."""
    infra_ids: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    description: str | None = None
    is_removed: bool = False
    created_at_ms: int | None = None
    updated_at_ms: int | None = None
    created_by: str | None = None
    updated_by: str | None = None


class Hub(msgspec.Struct, frozen=True, kw_only=True):
    """A ChaosHub: a repository of faults and experiments."""

    hub_id: str
    name: str
    is_available: bool
    """Whether Litmus has a clone of it on disk; says nothing about the remote."""
    total_faults: int
    total_experiments: int
    description: str | None = None
    is_default: bool | None = None
    tags: tuple[str, ...] = ()


class Concurrency(StrEnum):
    """What Argo's scheduler does at a fire time while a run of before goes on."""

    ALLOW = "Allow"
    FORBID = "Forbid"
    REPLACE = "Replace"


class Schedule(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """When Argo's scheduler starts an experiment, as its manifest says."""

    experiment_id: str
    cron_syntax: str
    """The text as written, ``TZ=``/``CRON_TZ=`` prefix included."""
    suspended: bool
    """``spec.suspend`` of the manifest."""
    timezone: str | None
    """``spec.timezone`` of the manifest; ``None``: not given."""
    experiment_updated_at_ms: int | None
    """The experiment's ``updatedAt`` this was read at; the manifest is read again when that changes."""
    since: datetime
    """When we first saw this text with this suspension, started, UTC; runs can be missed only from then."""
    concurrency: Concurrency | None = None
    """``spec.concurrencyPolicy`` of the manifest; ``None``: not read, then it counts as ``Forbid``."""
    starting_deadline_seconds: int | None = None
    """``spec.startingDeadlineSeconds`` of the manifest; ``None``: not given."""
    started: bool | None = None
    """Whether the cluster has it: a run of it was seen, or we started it. ``None``: never looked at.

    Creating a cron experiment only saves it in Litmus.
    """

    @property
    def can_fire(self) -> bool:
        """Whether the scheduler has it and is to follow it; a text that is not valid still never fires."""
        return not self.suspended and self.started is not False

    @property
    def skips_overlaps(self) -> bool:
        """Whether a fire time during a run is passed over on purpose."""
        return self.concurrency in {Concurrency.FORBID, None}


class RunStats(msgspec.Struct, frozen=True, kw_only=True):
    """Litmus's own run counters; they count removed runs too, and miss several phases."""

    total: int
    running: int
    completed: int
    terminated: int
    stopped: int
    errored: int


class GitOps(msgspec.Struct, frozen=True, kw_only=True):
    """Whether GitOps is on; ``None`` when our token may not read it (only an Owner may)."""

    enabled: bool | None


class Section(StrEnum):
    """The parts of a project that are fetched, fail and age on their own."""

    EXPERIMENTS = "experiments"
    SCHEDULES = "schedules"
    RUN_STATS = "runStats"
    INFRASTRUCTURES = "infrastructures"
    ENVIRONMENTS = "environments"
    HUBS = "hubs"
    GITOPS = "gitops"
    RUN_HISTORY = "runHistory"
    """The runs, kept beside the snapshot: it has no field in :class:`Content`, only its freshness is here."""


class Lane(StrEnum):
    """How often sections are fetched: often, or seldom because they are costly upstream."""

    FAST = "fast"
    SLOW = "slow"
    HISTORY = "history"
    """Runs, kept beside the snapshot; of their section it brings the freshness alone."""


SECTIONS_OF_LANE: Final[Mapping[Lane, tuple[Section, ...]]] = {
    Lane.FAST: (
        Section.EXPERIMENTS,
        Section.SCHEDULES,
        Section.RUN_STATS,
        Section.INFRASTRUCTURES,
        Section.ENVIRONMENTS,
    ),
    Lane.SLOW: (Section.HUBS, Section.GITOPS),
    Lane.HISTORY: (Section.RUN_HISTORY,),
}
LANE_OF_SECTION: Final[Mapping[Section, Lane]] = {
    section: lane for lane, sections in SECTIONS_OF_LANE.items() for section in sections
}


class Content(msgspec.Struct, frozen=True, kw_only=True):
    """The mapped data of a project; a field is ``None`` until its section was fetched once."""

    experiments: tuple[Experiment, ...] | None = None
    """Most recently updated first, as Litmus lists them."""
    schedules: tuple[Schedule, ...] | None = None
    """One per experiment with a schedule, by experiment id."""
    run_stats: RunStats | None = None
    infrastructures: tuple[Infra, ...] | None = None
    environments: tuple[Environment, ...] | None = None
    hubs: tuple[Hub, ...] | None = None
    gitops: GitOps | None = None


class SectionError(msgspec.Struct, frozen=True, kw_only=True):
    """Why the last attempt of a section failed."""

    code: str
    """The ``code`` of one of our errors."""
    message: str
    """Our sentence; never text of Litmus."""


class Freshness(msgspec.Struct, frozen=True, kw_only=True):
    """When a section was last attempted and last fetched."""

    attempted_at: datetime
    """Start of the last attempt, UTC."""
    succeeded_at: datetime | None = None
    """Start of the last successful attempt, UTC; ``None`` before the first."""
    error: SectionError | None = None
    """``None`` when the last attempt succeeded."""


class Snapshot(msgspec.Struct, frozen=True, kw_only=True):
    """One project as last synchronised: what is served, and how fresh it is."""

    project: ProjectRef
    version: int
    """Rises only when content differs from before; 0 while nothing was ever fetched."""
    content: Content
    freshness: Mapping[Section, Freshness]
    """An entry per section that was attempted at least once."""
    restored: frozenset[Section] = frozenset()
    """Sections loaded from the store and not fetched since this process started."""


class SectionResult(msgspec.Struct, frozen=True, kw_only=True):
    """What one lane brought home for one section: new data, or why not."""

    section: Section
    attempted_at: datetime
    value: object = None
    """What belongs into the field of :class:`Content`; meaningless with an error."""
    error: SectionError | None = None


class Principal(msgspec.Struct, frozen=True, kw_only=True):
    """Who is calling."""

    name: str
    """``key:<name>``, ``local``, or an entity reference such as ``user:default/alice``."""
    scopes: frozenset[str]
    """Of ``read``, ``run``, ``metrics``, ``admin``; they do not include each other."""
