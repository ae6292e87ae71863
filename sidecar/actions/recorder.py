"""Writes down who asked for what: in the audit, as a log event, and for the counters."""

import uuid
from collections.abc import Callable
from datetime import datetime
from typing import Final

import msgspec
import structlog

from sidecar.actions.kinds import KINDS
from sidecar.actions.policy import Caller
from sidecar.actions.request import ActionRequest
from sidecar.domain.action import (
    Action,
    ActionKind,
    ActionOutcome,
    AuditEntry,
    AuditEvent,
    entry_of,
)
from sidecar.domain.errors import SidecarError, StoreError
from sidecar.domain.model import Experiment
from sidecar.domain.ports import Audit, Clock

_LONGEST_WORD: Final = 256
"""What a caller sends is kept so far, however long it was."""

_log = structlog.get_logger(__name__)


def ignore(_kind: ActionKind, _outcome: str) -> None:
    """Count nothing."""


class Recorder:
    """Notes what did not reach Litmus; what did is written together with its action."""

    def __init__(self, audit: Audit, clock: Clock, observe: Callable[[ActionKind, str], None]) -> None:
        self._audit = audit
        self._clock = clock
        self._observe = observe

    async def refused(
        self, caller: Caller, asked: ActionRequest, request_id: str, error: SidecarError
    ) -> None:
        """Note an attempt that was refused."""
        action = new_action(caller, asked, request_id, self._clock())
        entry = msgspec.structs.replace(
            entry_of(action, AuditEvent.ATTEMPT, action.created_at),
            action_id=None,
            experiment_id=_bounded(action.experiment_id),
            target_run_id=_bounded(action.target_run_id) if action.target_run_id else None,
            outcome=ActionOutcome.REFUSED,
            code=error.code,
        )
        self._observe(asked.kind, ActionOutcome.REFUSED.value)
        await self._note(entry)

    async def repeated(self, first: Action, caller: Caller, request_id: str) -> None:
        """Note that somebody asked again for what was done before."""
        entry = msgspec.structs.replace(
            entry_of(first, AuditEvent.REPEAT, self._clock()), who=caller.name, request_id=request_id
        )
        self._observe(first.kind, AuditEvent.REPEAT.value)
        await self._note(entry)

    async def _note(self, entry: AuditEntry) -> None:
        """Write an entry that changes nothing; without a store the log alone has it."""
        log_entry(entry)
        try:
            await self._audit.append(entry)
        except StoreError as exc:
            _log.error("audit entry could not be written down", reason=str(exc))


def new_action(
    caller: Caller, asked: ActionRequest, request_id: str, now: datetime, experiment: Experiment | None = None
) -> Action:
    """Return the action that is asked for, with a new id and before anything was done.

    ``experiment`` is as Litmus has it now; ``None``: the action is refused.
    """
    recent_runs = experiment.recent_runs if experiment is not None else ()
    return Action(
        id=str(uuid.uuid4()),
        kind=asked.kind,
        project=asked.project,
        experiment_id=asked.experiment_id,
        principal=caller.name,
        request_id=request_id,
        created_at=now,
        entity=asked.entity.ref if asked.entity else None,
        target_run_id=asked.run_id,
        force=asked.force,
        suspended=asked.suspended,
        newest_run_ms=max((run.created_at_ms or 0 for run in recent_runs), default=0),
        runs=KINDS[asked.kind].targets(recent_runs, asked),
    )


def log_entry(entry: AuditEntry) -> None:
    """Log an entry; the same words as in the audit."""
    fields = {name: value for name, value in msgspec.to_builtins(entry).items() if value is not None}
    del fields["id"]  # The store gives it.
    fields["project"] = str(entry.project)
    # "event" is the name of the line itself.
    _log.info("action", step=fields.pop("event"), **fields)


def _bounded(text: str) -> str:
    return text.encode("ascii", "backslashreplace")[:_LONGEST_WORD].decode()
