"""Actions and the audit, as clients get them."""

from collections.abc import Sequence

import msgspec

from sidecar.action_model import Action, AuditEntry
from sidecar.web.shapes.common import ErrorShape
from sidecar.web.text import rfc3339


class BegunShape(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to an action: what it is called, and whether Litmus is known to have it."""

    action_id: str = msgspec.field(name="actionID")
    outcome: str
    """``accepted`` or ``unknown``; what an unknown one came to shows at ``/api/v1/actions/{actionID}``."""
    notify_id: str | None = msgspec.field(name="notifyID")
    run_id: str | None = msgspec.field(name="runID")


class ActionShape(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """An action as far as it is known now."""

    action_id: str = msgspec.field(name="actionID")
    kind: str
    """``run``, ``stop``, ``schedule`` or ``start_schedule``."""
    outcome: str
    """``accepted``, ``unknown`` or ``failed``."""
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
    """``null`` until the run has an id, which its agent gives."""
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
    """``accepted``, ``unknown``, ``failed`` or ``refused``."""
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


class AuditShape(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Entries of the audit, newest first."""

    entries: list[AuditEntryShape]
    next_cursor: str | None


def begun_shape(action: Action) -> BegunShape:
    """Return the answer to an action."""
    return BegunShape(
        action_id=action.id,
        outcome=action.outcome.value,
        notify_id=action.notify_id,
        run_id=action.run_id,
    )


def action_shape(action: Action) -> ActionShape:
    """Return what is known of an action."""
    error = None
    if action.error_code is not None:
        error = ErrorShape(code=action.error_code, message=action.error_message or "")
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
        error=error,
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
    )
