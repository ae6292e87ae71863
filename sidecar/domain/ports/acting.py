"""The doors of actions: who may begin one, what was done, and who does it in Litmus."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Protocol

import msgspec

from sidecar.domain.action import Action, ActionKind, ActionOutcome, AuditEntry, Change
from sidecar.domain.model import Experiment, ProjectRef
from sidecar.domain.runs import RecentRun


class Claim(msgspec.Struct, frozen=True, kw_only=True):
    """A name under which at most one action may happen while it is held."""

    name: str
    hold: timedelta
    """How long it is held, from now."""
    is_window: bool = False
    """Whether its time is set anew when the action's answer comes."""
    seize: bool = False
    """Take it whoever holds it, instead of following the holder."""


class Actions(Protocol):
    """The actions that were begun, and who may begin one; shared by all replicas.

    Every method raises :class:`errors.StoreError` while the store is away:
    without it nobody can tell whether an action was done already.
    """

    async def claim(self, action: Action, claims: Sequence[Claim]) -> Action | None:
        """Write a new action down and hold its claims, or return the action that holds one of them.

        ``None``: the action is ours to do. A claim named before the held one
        follows the action returned, so that a later repeat finds it too.
        """

    async def holder(self, names: Sequence[str]) -> Action | None:
        """Return the action that holds the first held claim of these names; ``None``: nobody."""

    async def get(self, action_id: str) -> Action | None:
        """Return an action; ``None`` if there is none of this id, or not any more."""

    async def settle(
        self, action: Action, entry: AuditEntry | None, hold: timedelta | None = None
    ) -> Action | None:
        """Write down what was learnt of an action, and the audit entry with it.

        ``hold`` sets how long its window is held from now; a failed action lets
        go of all its claims, for only what is, or may be, done is repeated. Return the action
        as written; ``None`` if somebody wrote since ``action.revision``:
        nothing is written then.
        """

    async def unresolved(self, since: datetime) -> Collection[ProjectRef]:
        """Return the projects with actions created since of which more is to be learnt."""

    async def recent(self, project: ProjectRef, since: datetime) -> Sequence[Action]:
        """Return a project's actions created since, oldest first."""

    async def prune(self, before: datetime, at_most: int) -> int:
        """Forget up to ``at_most`` actions created before, and claims nobody holds; count the actions."""


class AuditQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which entries of the audit are wanted; every given condition must hold."""

    who: str | None = None
    project: ProjectRef | None = None
    kind: ActionKind | None = None
    outcome: ActionOutcome | None = None
    since: datetime | None = None
    """Inclusive."""
    until: datetime | None = None
    """Exclusive."""
    before_id: int | None = None
    """Continue behind this entry."""
    limit: int = 50


class Audit(Protocol):
    """Who did what; entries are added and, after retention, forgotten, never changed."""

    async def append(self, entry: AuditEntry) -> None:
        """Add an entry; its ``id`` is ignored, the store counts."""

    async def find(self, query: AuditQuery) -> Sequence[AuditEntry]:
        """Return entries newest first."""

    async def prune(self, before: datetime, at_most: int) -> int:
        """Forget up to ``at_most`` entries older than that, oldest first; return how many."""


class Actor(Protocol):
    """Does things in one Litmus instance, each at most once, and looks up what is to be done them to.

    Every method raises :class:`errors.UpstreamError`, those that change something also
    :class:`errors.ActionRefusedError` where Litmus refuses for a known reason.
    :class:`errors.UpstreamAnswerLostError` means that Litmus may have done it.
    """

    async def find_experiment(
        self, project_id: str, experiment_id: str, run_id: str | None = None
    ) -> Experiment | None:
        """Return the experiment as Litmus has it now; ``None`` if the project has none of this id.

        ``recent_runs`` has the run of that id if there is one, or with ``None``
        all unfinished ones, by Litmus's own list of runs; then finished ones.
        """

    async def recent_runs(self, project_id: str, experiment_id: str) -> Sequence[RecentRun]:
        """Return the experiment's newest runs, finished ones too, by Litmus's own list of runs."""

    async def change(
        self,
        change: Change,
        project_id: str,
        experiment_id: str,
        arguments: Mapping[str, str | bool] | None = None,
    ) -> str | bool:
        """Have Litmus do it, and return its answer: a notify id, or whether it did.

        ``arguments`` are those that :class:`~sidecar.domain.action.Change` names. What Litmus
        does not check the caller must have.

        Raises:
            BadRequestError: If an argument is empty, which Litmus could take for all there are.
        """
