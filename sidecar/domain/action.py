"""What an action is and what is written down about it, as plain immutable values.

An action asks Litmus to change something: run, stop, switch or start a
schedule. A stop is one request per run, each with its own outcome
(:class:`RunStop`). No I/O, no clock; what may be done is ``policy``, doing it ``actions``.
"""

from datetime import datetime
from enum import StrEnum

import msgspec

from sidecar.domain.model import ProjectRef


class ActionKind(StrEnum):
    """What may be asked for."""

    RUN = "run"
    STOP = "stop"
    SCHEDULE = "schedule"
    """Switch a schedule off or on."""
    START_SCHEDULE = "start_schedule"
    """Have the cluster follow a schedule that Litmus only saved."""

    @property
    def starts_run(self) -> bool:
        """Whether a run begins with it, which Litmus names at once and lists later."""
        return self is ActionKind.RUN


class Change(StrEnum):
    """What Litmus can be asked to change, by the name of its mutation; so are its arguments."""

    RUN_EXPERIMENT = "runChaosExperiment"
    """Answers with the notify id of the run; ``""`` for a cron experiment, whose schedule starts instead.

    Litmus does not check that the experiment belongs to the project.
    """
    STOP_RUN = "stopExperimentRuns"
    """Takes ``experimentRunID``. Litmus overwrites even a finished run, and accepts an unknown one."""
    SWITCH_SCHEDULE = "updateCronExperimentState"
    """Takes ``disable``. On an experiment without a schedule Litmus damages the manifest."""


class ActionOutcome(StrEnum):
    """What came of it."""

    ACCEPTED = "accepted"
    """Litmus has it."""
    UNKNOWN = "unknown"
    """Litmus was or is being asked, and its answer is not here; it may have done it."""
    STOPPING = "stopping"
    """A run to stop has no id yet, by which alone it can be stopped; its id is being looked for."""
    PARTIAL = "partial"
    """Litmus stopped some of the runs and not the others; each run says which."""
    REFUSED = "refused"
    """Not allowed or not sensible; Litmus was not asked to do it."""
    FAILED = "failed"
    """Litmus did not do it."""


class RunStop(msgspec.Struct, frozen=True, kw_only=True):
    """One run that a stop is about, and what came of it."""

    run_id: str | None
    """``None`` until its agent's first event gives it one."""
    created_at_ms: int | None
    """With the experiment it tells which run this is before it has an id; ``None``: Litmus did not say."""
    outcome: ActionOutcome
    """Any but ``refused`` and ``partial``."""
    error_code: str | None = None
    error_message: str | None = None
    """Our sentence, never text of Litmus."""


class Action(msgspec.Struct, frozen=True, kw_only=True):
    """One action, as the store keeps it from the moment before Litmus is asked."""

    id: str
    kind: ActionKind
    project: ProjectRef
    experiment_id: str
    principal: str
    """Name of who asked."""
    request_id: str
    created_at: datetime
    entity: str | None = None
    """The entity it was asked for; ``None`` where the door knows the project only (GraphQL)."""
    target_run_id: str | None = None
    """The run to stop; ``None``: all unfinished ones, and for other kinds."""
    force: bool = False
    suspended: bool | None = None
    """What a schedule is switched to; ``None`` for other kinds."""
    outcome: ActionOutcome = ActionOutcome.UNKNOWN
    answered_at: datetime | None = None
    """When Litmus's answer came or was given up; ``None`` while it is awaited."""
    notify_id: str | None = None
    """Litmus's name for a run it was asked to start; ``None`` if it said none."""
    run_id: str | None = None
    """The run that was started, or stopped; ``None`` while unknown, or where several were stopped."""
    run_created_at_ms: int | None = None
    """``createdAt`` of the run that was started, which identifies it before it has an id."""
    newest_run_ms: int = 0
    """``createdAt`` of the experiment's newest run as known before; one this action starts is newer."""
    error_code: str | None = None
    error_message: str | None = None
    """Our sentence, never text of Litmus."""
    runs: tuple[RunStop, ...] = ()
    """The runs to stop, newest first; empty for other kinds."""
    looked_at: datetime | None = None
    """When somebody last said that they look for the ids of runs to stop; ``None``: nobody did."""
    revision: int = 0
    """Rises with every write."""

    @property
    def waits_for_ids(self) -> bool:
        """Whether a run to stop has no id yet."""
        return any(run.outcome is ActionOutcome.STOPPING for run in self.runs)

    @property
    def is_resolved(self) -> bool:
        """Whether nothing more is to be learnt of it."""
        if self.outcome in {ActionOutcome.UNKNOWN, ActionOutcome.STOPPING}:
            return False
        waits_for_run = self.kind.starts_run and self.outcome is ActionOutcome.ACCEPTED
        return not waits_for_run or self.run_id is not None


class AuditEvent(StrEnum):
    """Why an entry was written."""

    ATTEMPT = "attempt"
    """Somebody asked."""
    REPEAT = "repeat"
    """Somebody asked again and got the first answer; Litmus was not asked."""
    RESOLUTION = "resolution"
    """More was learnt of an earlier action: what a lost answer came to, or the id of its run."""


class AuditEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the audit; never changed."""

    at: datetime
    event: AuditEvent
    who: str
    kind: ActionKind
    project: ProjectRef
    experiment_id: str
    """As asked for, even if there is no such experiment."""
    entity: str | None = None
    request_id: str
    action_id: str | None = None
    """``None`` for what was refused before it became an action."""
    outcome: ActionOutcome
    target_run_id: str | None = None
    force: bool = False
    suspended: bool | None = None
    notify_id: str | None = None
    run_id: str | None = None
    code: str | None = None
    """Of the error, where there was one."""
    runs: tuple[RunStop, ...] = ()
    """The runs to stop, as they stood then."""
    id: int = 0
    """Given by the store; rises."""


def entry_of(action: Action, event: AuditEvent, at: datetime) -> AuditEntry:
    """Return the entry that tells how an action stands."""
    return AuditEntry(
        at=at,
        event=event,
        who=action.principal,
        kind=action.kind,
        project=action.project,
        experiment_id=action.experiment_id,
        entity=action.entity,
        request_id=action.request_id,
        action_id=action.id,
        outcome=action.outcome,
        target_run_id=action.target_run_id,
        force=action.force,
        suspended=action.suspended,
        notify_id=action.notify_id,
        run_id=action.run_id,
        code=action.error_code,
        runs=action.runs,
    )
