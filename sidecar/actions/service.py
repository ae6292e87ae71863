"""Does actions: rights → how things stand in Litmus → claim in the store → Litmus once → audit.

What was synchronised is minutes old, and a stop sent on its word would
overwrite the result of a run that has ended since: right before it is acted on,
an experiment is read from Litmus, and that decides.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from typing import Final

import msgspec
import structlog

from sidecar.actions.idempotency import UNKNOWN_HOLD, is_same, key_claim, window_claim
from sidecar.actions.kinds import KINDS
from sidecar.actions.outcome import raise_if_failed
from sidecar.actions.permissions import Permissions, plainest_of
from sidecar.actions.policy import (
    Caller,
    Case,
    Rules,
    refuse,
    refuse_caller,
    refuse_form,
    refuse_rights,
    refuse_state,
)
from sidecar.actions.recorder import Recorder, log_entry, new_action
from sidecar.actions.request import ActionRequest
from sidecar.actions.resolution import LOOK_BACK, resolutions
from sidecar.actions.run_id_watcher import RunIdWatcher
from sidecar.actions.settings import Settings
from sidecar.catalog.claims import Claims
from sidecar.domain.action import (
    Action,
    ActionOutcome,
    AuditEvent,
    entry_of,
)
from sidecar.domain.catalog import Entity
from sidecar.domain.errors import (
    ExperimentRemovedError,
    ExperimentUnknownError,
    IdempotencyKeyReusedError,
    SidecarError,
    StoreError,
    UpstreamError,
    UpstreamTimeoutError,
)
from sidecar.domain.model import Content, Experiment, ProjectRef, Section, Snapshot
from sidecar.domain.ports import Actions, Actor, Audit, Claim, Clock, History, Sync
from sidecar.domain.roles import LitmusRole
from sidecar.runtime.supervision import UnitErrors, end_all

FINISH_SECONDS: Final = 10.0
"""Longest that the end of the service waits for answers of Litmus."""

_log = structlog.get_logger(__name__)


class ActionService:
    """Does actions and knows what became of them; used within :func:`open_actions`."""

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
        self._in_flight: dict[str, asyncio.Task[Action]] = {}
        """Requests to Litmus in progress, by action; they outlive the client that asked."""
        self._run_id_watcher = RunIdWatcher(
            actions=actions,
            actors=actors,
            clock=clock,
            look_seconds=settings.look_seconds,
            changed=self._hurry,
        )

    def configure(self, rules: Rules, window: timedelta) -> None:
        """Follow other rules from now on; ``window``: for so long a repeat gets the first answer."""
        self._settings = msgspec.structs.replace(self._settings, rules=rules, window=window)

    async def act(
        self, caller: Caller, asked: ActionRequest, *, request_id: str, idempotency_key: str | None = None
    ) -> Action:
        """Do what is asked, or return the first answer if it was asked before.

        What Litmus has not answered by then is returned after ``answer_seconds``
        as ``unknown`` and goes on; an unknown or stopping one resolves later, see
        :meth:`get`.

        Raises:
            SidecarError: If it is refused, or Litmus did not do it. The audit has it.
        """
        until = asyncio.get_running_loop().time() + self._settings.answer_seconds
        try:
            action, first = await self._begin(caller, asked, request_id, idempotency_key)
        except SidecarError as exc:
            await self._recorder.refused(caller, asked, request_id, exc)
            raise
        if first is None:
            return raise_if_failed(await self._execute(action, until))
        first = await self._await_answer(first, until)
        await self._recorder.repeated(first, caller, request_id)
        return raise_if_failed(first)

    def refusal(
        self, caller: Caller, asked: ActionRequest, experiment: Experiment, content: Content
    ) -> SidecarError | None:
        """Return why :meth:`act` would refuse this as things are known; ``None``: it would be tried.

        For offering actions: it asks nobody, claims nothing and is not written down.
        """
        case = self._case(caller, asked, content)
        return refuse(case, experiment, content, self.token_role(asked.project), self._clock())

    def permissions(self, caller: Caller, entity: Entity, content: Content) -> Permissions:
        """Return what the caller may do with the entity's experiments as things are known.

        ``content`` is the whole project's. Like :meth:`refusal` it asks nobody.
        """
        return Permissions(
            cases=tuple(self._case(caller, asked, content) for asked in plainest_of(entity)),
            content=content,
            token_role=self.token_role(entity.project),
            now=self._clock(),
        )

    def token_role(self, project: ProjectRef) -> LitmusRole | None:
        """Return the role of our token in the project; ``None``: not known, then Litmus decides."""
        return self._settings.token_role(project)

    async def get(self, action_id: str) -> Action | None:
        """Return an action as far as it is known now; ``None`` if there is none."""
        return await self._actions.get(action_id)

    async def get_for(self, caller: Caller, action_id: str) -> Action | None:
        """Return an action if it is the caller's own, or of a project they may act in; else ``None``."""
        action = await self._actions.get(action_id)
        if action is None or action.principal == caller.name or "admin" in caller.scopes:
            return action
        asked = ActionRequest(kind=action.kind, project=action.project, experiment_id=action.experiment_id)
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
        unit_errors = UnitErrors("actions")
        while True:
            # While the store is away nothing is learnt; its health tells.
            with suppress(StoreError):
                for project in await self._actions.unresolved(self._clock() - LOOK_BACK):
                    with unit_errors.contained(str(project)):
                        await self.resolve(project)
                        await self._run_id_watcher.adopt(
                            await self._actions.recent(project, self._clock() - LOOK_BACK)
                        )
            await asyncio.sleep(self._settings.follow_seconds)

    async def finish(self) -> None:
        """Wait for the answers that are under way, then give them up; they stay ``unknown``.

        Stops that wait for ids are left to the other replicas, or to the next process.
        """
        if self._in_flight:
            _, left = await asyncio.wait(self._in_flight.values(), timeout=FINISH_SECONDS)
            await end_all(left)
        await self._run_id_watcher.close()

    async def _begin(
        self, caller: Caller, asked: ActionRequest, request_id: str, idempotency_key: str | None
    ) -> tuple[Action, Action | None]:
        """Return the action as ours, or the earlier one that it repeats, as second."""
        by = asyncio.get_running_loop().time() + self._settings.look_up_seconds
        case = self._case(caller, asked)
        by_key = key_claim(caller.name, idempotency_key)
        by_window = window_claim(asked, self._settings.window)
        _raise_if_refused(refuse_form(asked) or refuse_caller(case))
        async with _before(by):
            snapshot = await self._sync.ensure(asked.project, (Section.EXPERIMENTS,))
        content = snapshot.content
        # What was waited for may tell whose the project is.
        case = self._case(caller, asked, content)
        _raise_if_refused(refuse_caller(case))
        known = next(
            (one for one in content.experiments or () if one.experiment_id == asked.experiment_id), None
        )
        if known is not None and refuse_rights(case, known, content) is None:
            # A repeat changes nothing, so what is known is enough for it.
            first = await self._find_repeated(asked, by_key, by_window)
            if first is not None:
                return first, first
        async with _before(by):
            experiment = await self._read_experiment(asked)
        _raise_if_refused(refuse_rights(case, experiment, content))
        now = self._clock()
        action = new_action(caller, asked, request_id, now, experiment)
        first = await self._find_repeated(asked, by_key, by_window)
        if first is None:
            _raise_if_refused(refuse_state(asked, experiment, content, self.token_role(asked.project), now))
            first = await self._actions.claim(action, [one for one in (by_key, by_window) if one])
            if first is not None and not is_same(first, asked):
                raise _key_reused()
        return action, first

    def _case(self, caller: Caller, asked: ActionRequest, content: Content | None = None) -> Case:
        """Return what the caller's rights follow from; ``content`` is what is known of the project."""
        named = self._claims.entities(asked.project) if asked.entity is None else (asked.entity,)
        return Case(
            caller=caller,
            asked=asked,
            entities=tuple(named),
            claim=self._claims.of(asked.project, content),
            rules=self._settings.rules,
        )

    async def _find_repeated(
        self, asked: ActionRequest, by_key: Claim | None, by_window: Claim | None
    ) -> Action | None:
        """Return the action that this one repeats, before its own consequences would refuse it."""
        if by_key is not None:
            first = await self._actions.holder([by_key.name])
            if first is not None and not (is_same(first, asked) and first.force == asked.force):
                raise _key_reused()
            if first is not None:
                return first
        if by_window is not None and not asked.force:
            return await self._actions.holder([by_window.name])
        return None

    async def _read_experiment(self, asked: ActionRequest) -> Experiment:
        """Return the experiment and the runs meant as Litmus has them now; nothing has been sent before."""
        actor = self._actors[asked.project.instance]
        try:
            found = await actor.find_experiment(asked.project.project_id, asked.experiment_id, asked.run_id)
        except UpstreamError as exc:
            raise type(exc)(f"Nothing was done: how things stand could not be read. {exc}") from exc
        if found is not None:
            return found
        for known in await self._history.experiments(asked.project):
            if known.experiment_id == asked.experiment_id:
                raise ExperimentRemovedError(f"Experiment {known.name} was deleted in Litmus.")
        raise ExperimentUnknownError("Experiment is not one of this project.")

    async def _execute(self, action: Action, until: float) -> Action:
        """Ask Litmus, and wait until then; a client that leaves meanwhile stops nothing."""
        task = asyncio.ensure_future(self._perform(action))
        self._in_flight[action.id] = task
        task.add_done_callback(lambda _: self._in_flight.pop(action.id, None))
        return await self._result_by(task, until) or action

    async def _result_by(self, request: asyncio.Task[Action], until: float) -> Action | None:
        """Return what came of a request; ``None``: it still goes on then."""
        left = max(until - asyncio.get_running_loop().time(), 0.0)
        done, _ = await asyncio.wait({request}, timeout=left)
        return request.result() if done else None

    async def _perform(self, action: Action) -> Action:
        """Send it, and write down what came of it."""
        settled = await KINDS[action.kind].send(self._actors[action.project.instance], action)
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
        self._run_id_watcher.begin(settled)
        if settled.outcome is not ActionOutcome.FAILED:
            await self._hurry(action)
        return settled

    async def _hurry(self, action: Action) -> None:
        with suppress(StoreError):
            await self._sync.hurry(action.project)

    async def _await_answer(self, first: Action, until: float) -> Action:
        """Return an earlier action with its answer, or after a bounded wait as it is."""
        request = self._in_flight.get(first.id)
        if request is not None:
            return await self._result_by(request, until) or first
        try:
            async with asyncio.timeout_at(until):
                return await self._poll(first)
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
async def open_actions(service: ActionService) -> AsyncIterator[ActionService]:
    """Do actions for this long; at the end, answers that are under way are waited for."""
    try:
        yield service
    finally:
        await service.finish()


@asynccontextmanager
async def _before(by: float) -> AsyncIterator[None]:
    """End the block by then, before anything was sent.

    Raises:
        UpstreamTimeoutError: If it takes longer.
    """
    try:
        async with asyncio.timeout_at(by):
            yield
    except TimeoutError as exc:
        raise UpstreamTimeoutError(
            "Nothing was done: Litmus did not say in time how things stand; "
            "its auth server or its database may be down, or it is asked too much."
        ) from exc


def _raise_if_refused(refusal: SidecarError | None) -> None:
    if refusal is not None:
        raise refusal


def _key_reused() -> IdempotencyKeyReusedError:
    return IdempotencyKeyReusedError("Idempotency-Key was used for another action before.")
