"""The doors to what is read, kept and served: catalog, Litmus, snapshots, history."""

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Protocol

import msgspec

from sidecar.domain.catalog import Catalog, Naming
from sidecar.domain.model import Freshness, Lane, Principal, ProjectRef, Section, SectionResult, Snapshot
from sidecar.domain.runs import HistoryState, KnownExperiment, Outcome, Run


class Clock(Protocol):
    """Where the time comes from."""

    def __call__(self) -> datetime:
        """Return the current time, aware, in UTC."""


class Catalogue(Protocol):
    """The catalog as last read, and what may be asked of it without waiting."""

    @property
    def current(self) -> Catalog:
        """The entities as last read; empty before the first read."""

    def projects_with_id(self, project_id: str) -> tuple[ProjectRef, ...]:
        """Return the projects of that exact id that entities name, one per instance, sorted."""


class Job(msgspec.Struct, frozen=True, kw_only=True, order=True):
    """A unit of synchronisation: one lane of one project."""

    project: ProjectRef
    lane: Lane


class Lease(msgspec.Struct, frozen=True, kw_only=True):
    """The right to run one job for a while; at most one is valid per job."""

    job: Job
    fence: int
    """Fencing number: rises with every lease of the job. A write with an older one is refused."""
    due_at: datetime | None
    """When the job fell due, ``None`` if it was hurried; now minus this is how far we are behind."""
    expires_at: datetime
    """From then on somebody else may take the job, unless the store renewed the lease meanwhile."""
    failures: int
    """Attempts that failed in a row before this one."""


Patience = Callable[[Job], timedelta]
"""How long a job may wait once it is due before it is late."""


class Leases(Protocol):
    """Decides which worker runs which job when; shared by all replicas."""

    async def plan(self, jobs: Collection[Job], now: datetime, patience: Patience | None = None) -> None:
        """Declare all jobs there are: new ones are due at once, those missing are forgotten.

        ``patience`` is that of the new ones; ``None``: only that the experiments of all projects
        go before the hubs of any, and these before histories.
        """

    async def take(self, instance: str, lanes: Collection[Lane], now: datetime) -> Lease | None:
        """Lease, of the free jobs of these lanes that are due, the one late first; ``None``: none is due."""

    async def release(
        self, lease: Lease, due_at: datetime, *, failed: bool, patience: timedelta = timedelta(0)
    ) -> None:
        """Give a job back, due again at ``due_at``, or earlier if it was hurried meanwhile.

        ``failed`` counts towards :attr:`Lease.failures`, success resets it; ``patience`` is how long the job
        may wait from then on before it is late. Without effect if the lease has moved on.
        """

    async def hurry(self, job: Job, now: datetime, *, again: bool) -> None:
        """Make a job due at once, before all others. Unknown jobs: no effect.

        While the job is being run, ``again`` asks for one more run after it;
        without it the present run counts.
        """

    async def next_due(self, instance: str, lanes: Collection[Lane]) -> datetime | None:
        """Return when the next job of these lanes may be taken; ``None`` if there is none."""


class SnapshotHead(msgspec.Struct, frozen=True, kw_only=True):
    """A snapshot without its content."""

    version: int
    """Of the content."""
    freshness: Mapping[Section, Freshness]
    """The same object as long as nothing was attempted."""


class Snapshots(Protocol):
    """The last data of every project. Readers always see one whole snapshot."""

    def get(self, project: ProjectRef) -> Snapshot | None:
        """Return the current snapshot from memory, without waiting; ``None`` before the first attempt.

        One that nobody asked for of late is decoded for it: who can wait asks :meth:`load` first.
        """

    async def load(self, project: ProjectRef) -> Snapshot | None:
        """Return the same, decoded in slices where it has to be."""

    def head(self, project: ProjectRef) -> SnapshotHead | None:
        """Return what tells whether the current snapshot is another one, without decoding its content."""

    async def merge(self, lease: Lease, results: Sequence[SectionResult]) -> Snapshot:
        """Merge what a lane brought home into the current snapshot, and return the new one.

        The content version rises only if mapped content differs. A failed
        section keeps its data and gets its error.

        Raises:
            LeaseLostError: If the lease has moved on; nothing is written.
        """

    async def retain(self, projects: Collection[ProjectRef]) -> None:
        """Forget from memory what belongs to no project of these."""


class HistoryChange(msgspec.Struct, frozen=True, kw_only=True):
    """What one step of collecting history found; written whole or not at all."""

    state: HistoryState
    """The new state; its ``version`` is ignored, the store counts."""
    runs: Sequence[Run] = ()
    """New and changed runs, in any order; the same run may have gained its id (see :class:`Run`)."""
    experiments: Sequence[KnownExperiment] = ()
    """New and changed experiments."""
    removed_runs: Sequence[Run] = ()
    """Runs confirmed deleted: marked, not forgotten."""


class RunQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which runs of a project are wanted; every given condition must hold."""

    since_ms: int | None = None
    """By ``createdAt``, inclusive."""
    until_ms: int | None = None
    """By ``createdAt``, exclusive."""
    experiment_ids: Collection[str] | None = None
    phases: Collection[str] | None = None
    """Raw phases; outcomes are translated by the caller (``OTHER``: see ``other_phases``)."""
    other_phases: bool = False
    """Also runs whose phase is in no row of :data:`model.OUTCOME_OF_PHASE`."""
    after: tuple[int, str, str] | None = None
    """Continue behind the run of this ``(created_at_ms, experiment_id, experiment_run_id)``."""
    limit: int | None = None
    """At most so many; ``None``: all."""


class History(Protocol):
    """The runs of every project, kept beyond what Litmus keeps."""

    async def state(self, project: ProjectRef) -> HistoryState:
        """Return how far the project's history reaches; the empty state if nothing was read yet.

        Cheap: readers ask before every answer whether anything changed.
        """

    def known(self, project: ProjectRef) -> HistoryState:
        """Return what :meth:`state` said of the project, or would say, without waiting."""

    async def states(self) -> Mapping[ProjectRef, HistoryState]:
        """Return the states of all projects."""

    def refusal(self) -> str | None:
        """Return why nothing can be recorded now, a sentence; ``None``: it can, as far as is known.

        Asked before Litmus is: what cannot be kept need not be read.
        """

    async def record(self, lease: Lease, change: HistoryChange) -> HistoryState:
        """Write a change in one transaction and return the new state.

        Raises:
            LeaseLostError: If the lease has moved on; nothing is written.
        """

    async def runs(self, project: ProjectRef, query: RunQuery) -> Sequence[Run]:
        """Return runs newest first (``created_at_ms``, then the other parts of ``after``, all descending).

        Each bears the name its experiment was last known by: Litmus renames old runs with it.
        """

    async def count(self, project: ProjectRef, experiment_ids: Collection[str]) -> int:
        """Return how many runs of these experiments are kept, without those that Litmus deleted."""

    async def experiments(self, project: ProjectRef) -> Sequence[KnownExperiment]:
        """Return all experiments the history knows, removed ones included, by id."""

    async def totals(self, project: ProjectRef) -> Mapping[str, Mapping[Outcome, int]]:
        """Return how many runs of each experiment have finished, by outcome; what is missing is 0.

        A run counts once, when it is first seen finished and with its outcome
        then. Nothing lowers a total: neither retention nor a deletion nor a
        later correction. The state's version rises with the totals.
        """

    async def prune(self, before_ms: int, at_most: int) -> int:
        """Forget up to ``at_most`` runs created before; return how many. Called in small steps."""


class Namings(Protocol):
    """Who named which project since when; shared by all replicas."""

    async def all(self) -> Sequence[Naming]:
        """Return everything that is remembered."""

    async def keep(self, namings: Collection[Naming], *, gone_before: datetime) -> Sequence[Naming]:
        """Remember these, and forget all that went before ``gone_before``; return them as they are kept.

        One that is known keeps its ``first_seen_at`` if that is earlier. Written whole or not at all.
        """


class Sync(Protocol):
    """What readers may ask of the synchronisation."""

    async def ensure(self, project: ProjectRef, sections: Collection[Section]) -> Snapshot:
        """Return the snapshot once every one of the sections that have content was attempted.

        Waits for the first synchronisation only, at most a fixed time; never
        causes more than one upstream synchronisation however many wait.

        Raises:
            NotReadyError: If the wait ended before the first attempt did.
            DrainingError: If the service shuts down meanwhile.
        """

    async def hurry(self, project: ProjectRef) -> None:
        """Ask for a synchronisation of the project at once."""

    def drain(self) -> None:
        """End all waits of readers, present and future: the service shuts down."""


class ProjectSource(Protocol):
    """Fetches one lane of one project from its Litmus instance."""

    async def collect(
        self, project: ProjectRef, lane: Lane, previous: Snapshot | None
    ) -> Sequence[SectionResult]:
        """Return one result per section of the lane; a failure is a result, not an exception."""


class HistorySource(Protocol):
    """Fetches runs of one project from its Litmus instance, one bounded step at a time."""

    async def step(
        self, project: ProjectRef, state: HistoryState, snapshot: Snapshot | None
    ) -> tuple[HistoryChange, bool]:
        """Return what the next step found, and whether more is due at once (back-fill, reconciliation).

        Raises:
            UpstreamError: If Litmus did not give what was asked; nothing is lost, the step is taken again.
        """


class StoreHealth(Protocol):
    """Whether the database is in use."""

    @property
    def state(self) -> str:
        """``ok``, or ``degraded`` while everything goes on in memory."""

    @property
    def reason(self) -> str | None:
        """Why it is degraded, a stable name; ``None`` while all is well."""

    @property
    def since(self) -> datetime | None:
        """Since when it is degraded, UTC."""

    @property
    def outages(self) -> int:
        """How often the database was lost since the start."""


class Keys(Protocol):
    """The configured keys."""

    def __bool__(self) -> bool:
        """Whether there are any."""

    def match(self, secret: str) -> Principal | None:
        """Return whose key this is; ``None`` if nobody's. Takes the same time whichever it is."""
