"""Actions and the audit, as clients get them."""

from collections.abc import Sequence
from typing import Final

import msgspec

from sidecar.actions.permissions import Refusals
from sidecar.domain.action import Action, ActionKind, AuditEntry, RunStop
from sidecar.domain.unix_time import from_ms
from sidecar.http.answers.times import rfc3339
from sidecar.http.shapes.common import ErrorShape


class AllowedShape(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Whether something may be done now, by what is known without asking Litmus."""

    allowed: bool
    """Whether it would be tried."""
    reason: str | None
    """Why not, in the words of the refusal; ``null`` if it would be tried."""


class RunStopShape(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One run that a stop is about."""

    run_id: str | None = msgspec.field(name="runID")
    """``null`` until its infrastructure has given it one."""
    created_at: str | None
    """Which run this is, before it has an id."""
    outcome: str
    """``accepted``, ``stopping`` (its id is being looked for, for a minute), ``unknown`` or ``failed``."""
    error: ErrorShape | None
    """Why it was not stopped, or is not known to be."""


class BegunShape(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to an action: what it is called, and whether Litmus is known to have it."""

    action_id: str = msgspec.field(name="actionID")
    outcome: str
    """``accepted``, ``unknown``, or of a stop ``stopping`` or ``partial``.

    What an unknown or stopping one came to shows at ``/api/v1/actions/{actionID}``.
    """
    notify_id: str | None = msgspec.field(name="notifyID")
    run_id: str | None = msgspec.field(name="runID")
    runs: list[RunStopShape]
    """The runs to stop, each with its own outcome; empty for other kinds."""


class ActionShape(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """An action as far as it is known now."""

    action_id: str = msgspec.field(name="actionID")
    kind: str
    """A word of :class:`~sidecar.domain.action.ActionKind`."""
    outcome: str
    """``accepted``, ``unknown`` or ``failed``; of a stop also ``stopping`` or ``partial``."""
    who: str
    entity_ref: str | None
    """``null`` where it was asked for by project, as the plugin does."""
    project_id: str = msgspec.field(name="projectID")
    instance: str
    experiment_id: str = msgspec.field(name="experimentID")
    requested_at: str
    answered_at: str | None
    """``null`` while Litmus's answer is awaited."""
    notify_id: str | None = msgspec.field(name="notifyID")
    run_id: str | None = msgspec.field(name="runID")
    """``null`` until the run has an id, which its agent gives; and where several were to be stopped."""
    runs: list[RunStopShape]
    """The runs to stop, each with its own outcome; empty for other kinds."""
    error: ErrorShape | None


class AuditEntryShape(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Who asked for what, and what came of it."""

    id: int
    at: str
    event: str
    """``attempt``, ``repeat`` (got the first answer) or ``resolution`` (more was learnt later)."""
    who: str
    kind: str
    outcome: str
    """``accepted``, ``unknown``, ``failed`` or ``refused``; of a stop also ``stopping`` or ``partial``."""
    code: str | None
    """Of the error, where there was one."""
    entity_ref: str | None
    project_id: str = msgspec.field(name="projectID")
    instance: str
    experiment_id: str = msgspec.field(name="experimentID")
    target_run_id: str | None = msgspec.field(name="targetRunID")
    """The run to stop; ``null``: all of the experiment."""
    force: bool
    suspended: bool | None
    """What a schedule was switched to."""
    action_id: str | None = msgspec.field(name="actionID")
    request_id: str = msgspec.field(name="requestID")
    notify_id: str | None = msgspec.field(name="notifyID")
    run_id: str | None = msgspec.field(name="runID")
    runs: list[RunStopShape]
    """The runs to stop, as they stood then; empty for other kinds."""


class AuditShape(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Entries of the audit, newest first."""

    entries: list[AuditEntryShape]
    next_cursor: str | None


def _camel(kind: ActionKind) -> str:
    first, *others = kind.value.split("_")
    return first + "".join(word.capitalize() for word in others)


def allowed_shapes(refusals: Refusals) -> dict[str, AllowedShape]:
    """Return what may be done with an experiment as served."""
    return {
        _ACTION_NAMES[kind]: _ALLOWED if refusal is None else AllowedShape(allowed=False, reason=str(refusal))
        for kind, refusal in refusals.items()
    }


_ALLOWED: Final = AllowedShape(allowed=True, reason=None)
_ACTION_NAMES: Final = {kind: _camel(kind) for kind in ActionKind}


def begun_shape(action: Action) -> BegunShape:
    """Return the answer to an action."""
    return BegunShape(
        action_id=action.id,
        outcome=action.outcome.value,
        notify_id=action.notify_id,
        run_id=action.run_id,
        runs=_runs(action.runs),
    )


def action_shape(action: Action) -> ActionShape:
    """Return what is known of an action."""
    return ActionShape(
        action_id=action.id,
        kind=action.kind.value,
        outcome=action.outcome.value,
        who=action.principal,
        entity_ref=action.entity,
        project_id=action.project.project_id,
        instance=action.project.instance,
        experiment_id=action.experiment_id,
        requested_at=rfc3339(action.created_at),
        answered_at=rfc3339(action.answered_at),
        notify_id=action.notify_id,
        run_id=action.run_id,
        runs=_runs(action.runs),
        error=_error(action.error_code, action.error_message),
    )


def audit_shape(entries: Sequence[AuditEntry], next_cursor: str | None) -> AuditShape:
    """Return a page of the audit."""
    return AuditShape(entries=[_entry_shape(one) for one in entries], next_cursor=next_cursor)


def _entry_shape(entry: AuditEntry) -> AuditEntryShape:
    return AuditEntryShape(
        id=entry.id,
        at=rfc3339(entry.at),
        event=entry.event.value,
        who=entry.who,
        kind=entry.kind.value,
        outcome=entry.outcome.value,
        code=entry.code,
        entity_ref=entry.entity,
        project_id=entry.project.project_id,
        instance=entry.project.instance,
        experiment_id=entry.experiment_id,
        target_run_id=entry.target_run_id,
        force=entry.force,
        suspended=entry.suspended,
        action_id=entry.action_id,
        request_id=entry.request_id,
        notify_id=entry.notify_id,
        run_id=entry.run_id,
        runs=_runs(entry.runs),
    )


def _runs(runs: Sequence[RunStop]) -> list[RunStopShape]:
    return [
        RunStopShape(
            run_id=run.run_id,
            created_at=rfc3339(from_ms(run.created_at_ms)),
            outcome=run.outcome.value,
            error=_error(run.error_code, run.error_message),
        )
        for run in runs
    ]


def _error(code: str | None, message: str | None) -> ErrorShape | None:
    return None if code is None else ErrorShape(code=code, message=message or "")
