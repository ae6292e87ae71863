"""Actions and audit in memory."""

import itertools
from collections import deque
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

import msgspec

from sidecar.domain.action import Action, ActionOutcome, AuditEntry
from sidecar.domain.model import ProjectRef
from sidecar.domain.ports import AuditQuery, Claim, Clock


class MemoryAudit:
    """:class:`ports.Audit` for one process."""

    def __init__(self) -> None:
        self._entries: deque[AuditEntry] = deque()
        self._ids = itertools.count(1)

    async def append(self, entry: AuditEntry) -> None:
        """See :meth:`ports.Audit.append`."""
        self._entries.append(msgspec.structs.replace(entry, id=next(self._ids)))

    async def find(self, query: AuditQuery) -> Sequence[AuditEntry]:
        """See :meth:`ports.Audit.find`."""
        return [entry for entry in reversed(self._entries) if _matches(entry, query)][: query.limit]

    async def prune(self, before: datetime, at_most: int) -> int:
        """See :meth:`ports.Audit.prune`."""
        old = {entry.id for entry in [one for one in self._entries if one.at < before][:at_most]}
        self._entries = deque(entry for entry in self._entries if entry.id not in old)
        return len(old)


class MemoryActions:
    """:class:`ports.Actions` for one process."""

    def __init__(self, audit: MemoryAudit, clock: Clock) -> None:
        self._audit = audit
        self._clock = clock
        self._actions: dict[str, Action] = {}
        self._claims: dict[str, tuple[str, datetime, Claim]] = {}

    async def claim(self, action: Action, claims: Sequence[Claim]) -> Action | None:
        """See :meth:`ports.Actions.claim`."""
        until = self._clock()
        for number, one in enumerate(claims):
            holder = None if one.seize else self._held_by(one.name)
            if holder is not None:
                for earlier in claims[:number]:
                    self._claims[earlier.name] = (holder.id, until + earlier.hold, earlier)
                return holder
        for one in claims:
            self._claims[one.name] = (action.id, until + one.hold, one)
        self._actions[action.id] = action
        return None

    async def holder(self, names: Sequence[str]) -> Action | None:
        """See :meth:`ports.Actions.holder`."""
        return next((found for name in names if (found := self._held_by(name)) is not None), None)

    def _held_by(self, name: str) -> Action | None:
        held = self._claims.get(name)
        if held is None or held[1] <= self._clock():
            return None
        return self._actions.get(held[0])

    async def get(self, action_id: str) -> Action | None:
        """See :meth:`ports.Actions.get`."""
        return self._actions.get(action_id)

    async def settle(
        self, action: Action, entry: AuditEntry | None, hold: timedelta | None = None
    ) -> Action | None:
        """See :meth:`ports.Actions.settle`."""
        known = self._actions.get(action.id)
        if known is None or known.revision != action.revision:
            return None
        written = msgspec.structs.replace(action, revision=action.revision + 1)
        self._actions[action.id] = written
        if written.outcome is ActionOutcome.FAILED:
            self._claims = {name: held for name, held in self._claims.items() if held[0] != action.id}
        elif hold is not None:
            for name, (action_id, _, one) in self._claims.items():
                if action_id == action.id and one.is_window:
                    self._claims[name] = (action_id, self._clock() + hold, one)
        if entry is not None:
            await self._audit.append(entry)
        return written

    async def unresolved(self, since: datetime) -> Collection[ProjectRef]:
        """See :meth:`ports.Actions.unresolved`."""
        return {
            one.project for one in self._actions.values() if not one.is_resolved and one.created_at >= since
        }

    async def recent(self, project: ProjectRef, since: datetime) -> Sequence[Action]:
        """See :meth:`ports.Actions.recent`."""
        found = [one for one in self._actions.values() if one.project == project and one.created_at >= since]
        return sorted(found, key=lambda one: (one.created_at, one.id))

    async def prune(self, before: datetime, at_most: int) -> int:
        """See :meth:`ports.Actions.prune`."""
        now = self._clock()
        self._claims = {name: held for name, held in self._claims.items() if held[1] > now}
        old = sorted(
            (one for one in self._actions.values() if one.created_at < before),
            key=lambda one: one.created_at,
        )[:at_most]
        for one in old:
            del self._actions[one.id]
        return len(old)


def _matches(entry: AuditEntry, query: AuditQuery) -> bool:
    wanted = (
        (query.who, entry.who),
        (query.project, entry.project),
        (query.kind, entry.kind),
        (query.outcome, entry.outcome),
    )
    return (
        all(want is None or want == has for want, has in wanted)
        and (query.since is None or entry.at >= query.since)
        and (query.until is None or entry.at < query.until)
        and (query.before_id is None or entry.id < query.before_id)
    )
