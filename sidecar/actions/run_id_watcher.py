"""Looks closely for the ids of runs that are to be stopped, and stops them by these.

One process watches an action, and says so in it now and then; when it has said
nothing for a while, whoever follows the actions goes on with it. Before a stop
is sent the store has that it will be, so two processes never send it twice.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from datetime import timedelta
from typing import Final

import msgspec

from sidecar.actions.kind import LONGEST_FLIGHT
from sidecar.actions.kinds.stop import stop
from sidecar.actions.recorder import log_entry
from sidecar.actions.stopping import PATIENCE, with_ids, with_runs
from sidecar.domain.action import Action, ActionOutcome, AuditEvent, entry_of
from sidecar.domain.errors import StoreError, UpstreamError
from sidecar.domain.ports import Actions, Actor, Clock
from sidecar.domain.runs import RecentRun
from sidecar.runtime.supervision import UnitErrors, end_all

LONGEST_LOOK_SECONDS: Final = 8.0
"""With the wait for its turn; what takes longer is tried again."""
HEARTBEAT_EVERY: Final = timedelta(seconds=5)
ABANDONED_AFTER: Final = timedelta(seconds=20)
"""Longer than a look may take, and than whoever watches is silent."""


class RunIdWatcher:
    """Watches the stops that wait for ids; at the end :meth:`close` leaves them to others."""

    def __init__(
        self,
        *,
        actions: Actions,
        actors: Mapping[str, Actor],
        clock: Clock,
        look_seconds: float,
        changed: Callable[[Action], Awaitable[None]],
    ) -> None:
        """Take how often to look, and whom to tell of each action that came further."""
        self._actions = actions
        self._actors = actors
        self._clock = clock
        self._look_seconds = look_seconds
        self._changed = changed
        self._unit_errors = UnitErrors("stops that wait for ids")
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def begin(self, action: Action) -> None:
        """Watch an action, which is ours."""
        if action.waits_for_ids and action.id not in self._tasks:
            task = asyncio.create_task(self._watch(action), name=f"stop {action.id}")
            self._tasks[action.id] = task
            task.add_done_callback(lambda _: self._tasks.pop(action.id, None))

    async def adopt(self, actions: Sequence[Action]) -> None:
        """Go on with those that nobody watches any more.

        Raises:
            StoreError: If the store is away.
        """
        now = self._clock()
        for action in actions:
            begun = action.answered_at or action.created_at + LONGEST_FLIGHT
            silent_for = now - (action.looked_at or begun)
            if action.waits_for_ids and action.id not in self._tasks and silent_for > ABANDONED_AFTER:
                ours = await self._actions.settle(msgspec.structs.replace(action, looked_at=now), None)
                if ours is not None:
                    self.begin(ours)

    async def close(self) -> None:
        """Watch no more."""
        await end_all(self._tasks.values())

    async def _watch(self, action: Action) -> None:
        # Whoever follows the actions goes on when the store is back.
        with suppress(StoreError), self._unit_errors.contained(str(action.project)):
            current: Action | None = action
            while current is not None and current.waits_for_ids:
                await asyncio.sleep(self._look_seconds)
                current = await self._step(current)

    async def _step(self, action: Action) -> Action | None:
        """Look once, and stop what has its id; ``None``: somebody else goes on with it."""
        recent = await self._recent_runs(action)
        now = self._clock()
        runs = with_ids(action.runs, recent, is_over=now - action.created_at >= PATIENCE)
        if runs == action.runs:
            if now - (action.looked_at or action.created_at) < HEARTBEAT_EVERY:
                return action
            return await self._actions.settle(msgspec.structs.replace(action, looked_at=now), None)
        due = [run for run in runs if run.outcome is ActionOutcome.UNKNOWN and run not in action.runs]
        further = msgspec.structs.replace(with_runs(action, runs), looked_at=now)
        if due:
            ours = await self._actions.settle(further, None)
            if ours is None:
                return None
            further = await stop(self._actors[action.project.instance], ours, due)
        entry = entry_of(further, AuditEvent.RESOLUTION, self._clock())
        written = await self._actions.settle(further, entry)
        if written is not None:
            log_entry(entry)
            await self._changed(written)
        return written

    async def _recent_runs(self, action: Action) -> Sequence[RecentRun]:
        actor = self._actors[action.project.instance]
        try:
            async with asyncio.timeout(LONGEST_LOOK_SECONDS):
                return await actor.recent_runs(action.project.project_id, action.experiment_id)
        except (UpstreamError, TimeoutError):
            return ()  # The next look may succeed; the last one says that nothing is known.
