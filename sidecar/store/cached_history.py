"""History in the database; its states are remembered, so that readers can ask before every answer."""

from collections.abc import Collection, Mapping, Sequence

from sidecar.domain.model import ProjectRef
from sidecar.domain.ports import HistoryChange, Lease, RunQuery
from sidecar.domain.runs import HistoryState, KnownExperiment, Outcome, Run
from sidecar.store.engine.failures import SENTENCES, StoreUnavailableError
from sidecar.store.engine.health import StoreHealth
from sidecar.store.history import SqlHistory
from sidecar.store.history_rows import StoredState


class CachedHistory:
    """:class:`ports.History`: in the database; the states are answered from memory."""

    def __init__(self, stored: SqlHistory, health: StoreHealth) -> None:
        self._stored = stored
        self._health = health
        self._states: dict[ProjectRef, StoredState] = {}

    async def state(self, project: ProjectRef) -> HistoryState:
        """See :meth:`ports.History.state`; what another replica wrote shows after the next look."""
        return self.known(project)

    def known(self, project: ProjectRef) -> HistoryState:
        """See :meth:`ports.History.known`."""
        known = self._states.get(project)
        return known.state if known else HistoryState()

    async def states(self) -> Mapping[ProjectRef, HistoryState]:
        """See :meth:`ports.History.states`."""
        return {project: known.state for project, known in self._states.items()}

    async def refresh(self, *, anew: bool = False) -> None:
        """Take over what other replicas wrote.

        With ``anew`` all that was known is forgotten for it: the database may be
        another one than before, whose revisions have begun again.
        """
        before = dict(self._states) if anew else {}
        known = {} if anew else {project: one.revision for project, one in self._states.items()}
        stored = await self._stored.states(known)
        for project, state in before.items():
            if self._states.get(project) is state:
                del self._states[project]
        for project, state in stored.items():
            self._take_over(project, state)

    async def refresh_one(self, project: ProjectRef) -> None:
        """Read one state anew: who continues a history must start from what is stored."""
        self._take_over(project, await self._stored.state(project))

    def _take_over(self, project: ProjectRef, stored: StoredState) -> None:
        """Keep what was read or written, unless something later became known meanwhile."""
        known = self._states.get(project)
        if known is None or known.revision <= stored.revision:
            self._states[project] = stored

    def refusal(self) -> str | None:
        """See :meth:`ports.History.refusal`."""
        reason = self._health.reason
        return None if reason is None else SENTENCES[reason]

    async def record(self, lease: Lease, change: HistoryChange) -> HistoryState:
        """See :meth:`ports.History.record`.

        Raises:
            LeaseLostError: If the lease has moved on.
            StoreUnavailableError: If the database is away: nothing is written, the step is to be taken again.
        """
        self._health.require_writable()
        try:
            written = await self._stored.record(lease, change)
        except StoreUnavailableError as exc:
            self._health.mark_lost(exc)
            raise
        self._take_over(lease.job.project, written)
        return written.state

    async def runs(self, project: ProjectRef, query: RunQuery) -> Sequence[Run]:
        """See :meth:`ports.History.runs`; raises StoreUnavailableError while the database is away."""
        async with self._health.while_readable():
            return await self._stored.runs(project, query)

    async def count(self, project: ProjectRef, experiment_ids: Collection[str]) -> int:
        """See :meth:`ports.History.count`; raises StoreUnavailableError while the database is away."""
        async with self._health.while_readable():
            return await self._stored.count(project, experiment_ids)

    async def experiments(self, project: ProjectRef) -> Sequence[KnownExperiment]:
        """See :meth:`ports.History.experiments`; raises StoreUnavailableError while the database is away."""
        async with self._health.while_readable():
            return await self._stored.experiments(project)

    async def totals(self, project: ProjectRef) -> Mapping[str, Mapping[Outcome, int]]:
        """See :meth:`ports.History.totals`; raises StoreUnavailableError while the database is away."""
        async with self._health.while_readable():
            return await self._stored.totals(project)

    async def prune(self, before_ms: int, at_most: int) -> int:
        """See :meth:`ports.History.prune`; raises StoreUnavailableError while the database is away."""
        self._health.require_writable()
        try:
            count = await self._stored.prune(before_ms, at_most)
            if count:
                await self.refresh()
        except StoreUnavailableError as exc:
            self._health.mark_lost(exc)
            raise
        return count
