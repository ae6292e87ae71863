"""Does actions: rights → claim in the store → Litmus once → audit → a synchronisation at once."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from datetime import datetime, timedelta
from typing import Final, assert_never

import msgspec
import structlog

from sidecar.action_model import (
    Action,
    ActionKind,
    ActionOutcome,
    AuditEvent,
    entry_of,
)
from sidecar.actions.claims import UNKNOWN_HOLD, is_same, key_claim, window_claim
from sidecar.actions.recorder import Recorder, log_entry, new_action
from sidecar.actions.resolution import LOOK_BACK, newest_run_ms, resolutions
from sidecar.actions.settings import Settings
from sidecar.claiming import Claims
from sidecar.errors import (
    ExperimentRemovedError,
    ExperimentUnknownError,
    IdempotencyKeyReusedError,
    SidecarError,
    StoreError,
    UpstreamAnswerLostError,
    UpstreamError,
)
from sidecar.model import Content, Experiment, ProjectRef, Section, Snapshot
from sidecar.policy import (
    Asked,
    Caller,
    Case,
    LitmusRole,
    refuse_caller,
    refuse_form,
    refuse_rights,
    refuse_state,
)
from sidecar.ports import Actions, Actor, Audit, Claim, Clock, History, Sync
from sidecar.supervision import Mishaps, end_all

PROOF_AGE: Final = timedelta(minutes=5)
"""Experiments read longer ago prove nothing about now: the one asked for is looked up."""
FINISH_SECONDS: Final = 10.0
"""Longest that the end of the service waits for answers of Litmus."""
PRUNE_STEP: Final = 500

_log = structlog.get_logger(__name__)


class ActionService:
    """Does actions and knows what became of them; made by :func:`open_actions`."""

    def __init__(
        self,
        *,
        actions: Actions,
        audit: Audit,
        actors: Mapping[str, Actor],
        claims: Claims,
        snapshot_of: Callable[[ProjectRef], Snapshot | None],
        history: History,
        sync: Sync,
        clock: Clock,
        settings: Settings,
    ) -> None:
        self._actions = actions
        self._audit = audit
        self._actors = actors
        self._claims = claims
        self._snapshot_of = snapshot_of
        self._history = history
        self._sync = sync
        self._clock = clock
        self._settings = settings
        self._recorder = Recorder(audit, clock, settings.observe)
        self._flights: dict[str, asyncio.Task[Action]] = {}
        """Requests to Litmus in progress, by action; they outlive the client that asked."""

    async def act(
        self, caller: Caller, asked: Asked, *, request_id: str, idempotency_key: str | None = None
    ) -> Action:
        """Do what is asked, or return the first answer if it was asked before.

        The outcome returned is ``accepted`` or ``unknown``; an unknown one
        resolves later, see :meth:`get`.

        Raises:
            SidecarError: If it is refused, or Litmus did not do it. The audit has it.
        """
        try:
            action, first = await self._begin(caller, asked, request_id, idempotency_key)
        except SidecarError as exc:
            await self._recorder.refused(caller, asked, request_id, exc)
            raise
        if first is None:
            return _given(await self._fly(action))
        first = await self._answered(first)
        await self._recorder.repeated(first, caller, request_id)
        return _given(first)

    def refusal(
        self, caller: Caller, asked: Asked, experiment: Experiment, content: Content
    ) -> SidecarError | None:
        """Return why :meth:`act` would refuse this as things are known; ``None``: it would be tried.

        For offering actions: it asks nobody, claims nothing and is not written down.
        """
        case = self._case(caller, asked, content)
        return (
            refuse_form(asked)
            or refuse_caller(case)
            or refuse_rights(case, experiment, content)
            or refuse_state(asked, experiment, content, self.token_role(asked.project), self._clock())
        )

    def token_role(self, project: ProjectRef) -> LitmusRole | None:
        """Return the role of our token in the project; ``None``: not known, then Litmus decides."""
        return self._settings.token_role(project)

    async def get(self, action_id: str) -> Action | None:
        """Return an action as far as it is known now; ``None`` if there is none."""
        return await self._actions.get(action_id)

    async def look(self, caller: Caller, action_id: str) -> Action | None:
        """Return an action if it is the caller's own, or of a project they may act in; else ``None``."""
        action = await self._actions.get(action_id)
        if action is None or action.principal == caller.name or "admin" in caller.scopes:
            return action
        asked = Asked(kind=action.kind, project=action.project, experiment_id=action.experiment_id)
        return action if refuse_caller(self._case(caller, asked)) is None else None

    async def resolve(self, project: ProjectRef) -> None:
        """Learn from the project's snapshot what became of its actions."""
        snapshot = self._snapshot_of(project)
        if snapshot is None:
            return
        now = self._clock()
        recent = await self._actions.recent(project, now - LOOK_BACK)
        known = {action.id: action for action in recent}
        username = self._settings.token_user(project.instance)
        for action in resolutions(recent, snapshot, now, username):
            before = known[action.id]
            tells_more = (action.outcome, action.run_id) != (before.outcome, before.run_id)
            entry = entry_of(action, AuditEvent.RESOLUTION, now) if tells_more else None
            hold = timedelta(0) if before.outcome is ActionOutcome.UNKNOWN else None
            if await self._actions.settle(action, entry, hold) is not None and entry is not None:
                log_entry(entry)

    async def follow(self) -> None:
        """Resolve what is open now and then, also what other replicas left; runs until cancelled."""
        mishaps = Mishaps("actions")
        while True:
            # While the store is away nothing is learnt; its health tells.
            with suppress(StoreError):
                for project in await self._actions.unresolved(self._clock() - LOOK_BACK):
                    with mishaps.contained(str(project)):
                        await self.resolve(project)
            await asyncio.sleep(self._settings.follow_seconds)

    async def prune(self, before: datetime) -> None:
        """Forget actions and audit entries older than that, in small steps.

        Raises:
            StoreError: If the store is away.
        """
        while await self._actions.prune(before, PRUNE_STEP) == PRUNE_STEP:
            pass
        while await self._audit.prune(before, PRUNE_STEP) == PRUNE_STEP:
            pass

    async def finish(self, seconds: float = FINISH_SECONDS) -> None:
        """Wait for the answers that are under way, then give them up; they stay ``unknown``."""
        if self._flights:
            _, left = await asyncio.wait(self._flights.values(), timeout=seconds)
            await end_all(left)

    async def _begin(
        self, caller: Caller, asked: Asked, request_id: str, idempotency_key: str | None
    ) -> tuple[Action, Action | None]:
        """Return the action as ours, or the earlier one that it repeats, as second."""
        case = self._case(caller, asked)
        _raise(refuse_form(asked) or refuse_caller(case))
        experiment, content = await self._prove(asked)
        # What was waited for may tell whose the project is.
        case = self._case(caller, asked, content)
        _raise(refuse_caller(case) or refuse_rights(case, experiment, content))
        now = self._clock()
        action = new_action(caller, asked, request_id, now, newest_run_ms(experiment))
        by_key = key_claim(caller.name, idempotency_key)
        by_window = window_claim(asked, self._settings.window)
        first = await self._earlier(action, asked, by_key, by_window)
        if first is None:
            _raise(refuse_state(asked, experiment, content, self.token_role(asked.project), now))
            first = await self._actions.claim(action, [one for one in (by_key, by_window) if one])
            if first is not None and not is_same(first, asked):
                raise _reused()
        return action, first

    def _case(self, caller: Caller, asked: Asked, content: Content | None = None) -> Case:
        """Return what the caller's rights follow from; ``content`` is what is known of the project."""
        named = self._claims.entities(asked.project) if asked.entity is None else (asked.entity,)
        return Case(
            caller=caller,
            asked=asked,
            entities=tuple(named),
            claim=self._claims.of(asked.project, content),
            rules=self._settings.rules,
        )

    async def _earlier(
        self, action: Action, asked: Asked, by_key: Claim | None, by_window: Claim | None
    ) -> Action | None:
        """Return the action that this one repeats, before its own consequences would refuse it."""
        if by_key is not None:
            first = await self._actions.holder([by_key.name])
            if first is not None and not (is_same(first, asked) and first.force == action.force):
                raise _reused()
            if first is not None:
                return first
        if by_window is not None and not asked.force:
            return await self._actions.holder([by_window.name])
        return None

    async def _prove(self, asked: Asked) -> tuple[Experiment, Content]:
        """Return the experiment as the project has it; looked up once where the snapshot does not tell."""
        snapshot = await self._sync.ensure(asked.project, (Section.EXPERIMENTS,))
        freshness = snapshot.freshness.get(Section.EXPERIMENTS)
        seen_at = freshness.succeeded_at if freshness else None
        if seen_at is not None and self._clock() - seen_at <= PROOF_AGE:
            for one in snapshot.content.experiments or ():
                if one.experiment_id == asked.experiment_id:
                    return one, snapshot.content
        actor = self._actors[asked.project.instance]
        found = await actor.find_experiment(asked.project.project_id, asked.experiment_id)
        if found is not None:
            return found, snapshot.content
        for known in await self._history.experiments(asked.project):
            if known.experiment_id == asked.experiment_id:
                raise ExperimentRemovedError(f"Experiment {known.name} was deleted in Litmus.")
        raise ExperimentUnknownError("Experiment is not one of this project.")

    async def _fly(self, action: Action) -> Action:
        """Ask Litmus, and wait; a client that leaves meanwhile stops nothing."""
        task = asyncio.ensure_future(self._perform(action))
        self._flights[action.id] = task
        task.add_done_callback(lambda _: self._flights.pop(action.id, None))
        return await asyncio.shield(task)

    async def _perform(self, action: Action) -> Action:
        """Send the one mutation, and write down what came of it."""
        settled = await self._send(action)
        now = self._clock()
        settled = msgspec.structs.replace(settled, answered_at=now)
        is_lost = settled.outcome is ActionOutcome.UNKNOWN
        entry = entry_of(settled, AuditEvent.ATTEMPT, now)
        log_entry(entry)
        self._settings.observe(action.kind, settled.outcome.value)
        try:
            hold = UNKNOWN_HOLD if is_lost else self._settings.window
            settled = await self._actions.settle(settled, entry, hold) or settled
        except StoreError as exc:
            # It is done; the action stays open in the store and is resolved from what is synchronised.
            _log.error("action could not be written down", action=action.id, reason=str(exc))
        if settled.outcome is not ActionOutcome.FAILED:
            await self._hurry(action.project)
        return settled

    async def _send(self, action: Action) -> Action:
        actor = self._actors[action.project.instance]
        project_id, experiment_id = action.project.project_id, action.experiment_id
        notify_id = None
        try:
            match action.kind:
                case ActionKind.RUN:
                    notify_id = await actor.run_experiment(project_id, experiment_id) or None
                case ActionKind.STOP:
                    await actor.stop_runs(project_id, experiment_id, action.target_run_id)
                case ActionKind.START_SCHEDULE:
                    # Of a cron experiment Litmus creates the CronWorkflow, and no run.
                    await actor.run_experiment(project_id, experiment_id)
                case ActionKind.SCHEDULE:
                    await actor.switch_schedule(project_id, experiment_id, suspended=action.suspended is True)
                case _:
                    assert_never(action.kind)
        except SidecarError as exc:
            is_lost = isinstance(exc, UpstreamAnswerLostError)
            outcome = ActionOutcome.UNKNOWN if is_lost else ActionOutcome.FAILED
            return msgspec.structs.replace(
                action, outcome=outcome, error_code=exc.code, error_message=str(exc)
            )
        return msgspec.structs.replace(
            action, outcome=ActionOutcome.ACCEPTED, notify_id=notify_id, run_id=action.target_run_id
        )

    async def _hurry(self, project: ProjectRef) -> None:
        with suppress(StoreError):
            await self._sync.hurry(project)

    async def _answered(self, first: Action) -> Action:
        """Return an earlier action with its answer, or after a bounded wait as it is."""
        flight = self._flights.get(first.id)
        try:
            async with asyncio.timeout(self._settings.repeat_wait_seconds):
                return await (asyncio.shield(flight) if flight is not None else self._poll(first))
        except TimeoutError:
            return first

    async def _poll(self, first: Action) -> Action:
        """Wait until another replica has written the answer down."""
        current = first
        while current.answered_at is None:
            await asyncio.sleep(self._settings.poll_seconds)
            current = await self._actions.get(first.id) or current
        return current


@asynccontextmanager
async def open_actions(
    *,
    actions: Actions,
    audit: Audit,
    actors: Mapping[str, Actor],
    claims: Claims,
    snapshot_of: Callable[[ProjectRef], Snapshot | None],
    history: History,
    sync: Sync,
    clock: Clock,
    settings: Settings | None = None,
) -> AsyncIterator[ActionService]:
    """Make the service; at the end, answers that are under way are waited for."""
    service = ActionService(
        actions=actions,
        audit=audit,
        actors=actors,
        claims=claims,
        snapshot_of=snapshot_of,
        history=history,
        sync=sync,
        clock=clock,
        settings=settings or Settings(),
    )
    try:
        yield service
    finally:
        await service.finish()


def _given(action: Action) -> Action:
    """Return an action that is, or may be, done; raise what kept Litmus from doing it."""
    if action.outcome is not ActionOutcome.FAILED:
        return action
    message = action.error_message or "Litmus did not do it."
    raise _ERRORS.get(action.error_code or "", UpstreamError)(message)


def _subclasses(base: type[UpstreamError]) -> dict[str, type[UpstreamError]]:
    found = {base.code: base}
    for one in base.__subclasses__():
        found |= _subclasses(one)
    return found


_ERRORS: Final = _subclasses(UpstreamError)
"""By code: a repeat of a failed action raises what the first one did."""


def _raise(refusal: SidecarError | None) -> None:
    if refusal is not None:
        raise refusal


def _reused() -> IdempotencyKeyReusedError:
    return IdempotencyKeyReusedError("Idempotency-Key was used for another action before.")
