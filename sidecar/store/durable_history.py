"""History in the database; its states are remembered, so that readers can ask before every answer."""

from collections.abc import Mapping, Sequence

from sidecar.model import HistoryState, KnownExperiment, Outcome, ProjectRef, Run
from sidecar.ports import HistoryChange, Lease, RunQuery
from sidecar.store.failures import StoreUnavailableError
from sidecar.store.health import StoreHealth
from sidecar.store.history import SqlHistory


class DurableHistory:
    """:class:`ports.History`: in the database; the states are answered from memory."""

    def __init__(self, stored: SqlHistory, health: StoreHealth) -> None:
        self._stored = stored
        self._health = health
        self._states: dict[ProjectRef, HistoryState] = {}

    async def state(self, project: ProjectRef) -> HistoryState:
        """See :meth:`ports.History.state`; what another replica wrote shows after the next look."""
        return self._states.get(project, HistoryState())

    async def states(self) -> Mapping[ProjectRef, HistoryState]:
        """See :meth:`ports.History.states`."""
        return dict(self._states)

    async def refresh(self) -> None:
        """Read the states anew."""
        before = dict(self._states)
        stored = await self._stored.states()
        # What became known while they were read is later than they are.
        later = {
            project: state for project, state in self._states.items() if before.get(project) is not state
        }
        self._states = {**stored, **later}

    async def refresh_one(self, project: ProjectRef) -> None:
        """Read one state anew: who continues a history must start from what is stored."""
        self._states[project] = await self._stored.state(project)

    async def record(self, lease: Lease, change: HistoryChange) -> HistoryState:
        """See :meth:`ports.History.record`.

        Raises:
            LeaseLostError: If the lease has moved on.
            StoreUnavailableError: If the database is away: nothing is written, the step is to be taken again.
        """
        self._health.require()
        try:
            state = await self._stored.record(lease, change)
        except StoreUnavailableError as exc:
            self._health.lose(exc)
            raise
        self._states[lease.job.project] = state
        return state

    async def runs(self, project: ProjectRef, query: RunQuery) -> Sequence[Run]:
        """See :meth:`ports.History.runs`; raises StoreUnavailableError while the database is away."""
        self._health.require()
        try:
            return await self._stored.runs(project, query)
        except StoreUnavailableError as exc:
            self._health.lose(exc)
            raise

    async def experiments(self, project: ProjectRef) -> Sequence[KnownExperiment]:
        """See :meth:`ports.History.experiments`; raises StoreUnavailableError while the database is away."""
        self._health.require()
        try:
            return await self._stored.experiments(project)
        except StoreUnavailableError as exc:
            self._health.lose(exc)
            raise

    async def totals(self, project: ProjectRef) -> Mapping[str, Mapping[Outcome, int]]:
        """See :meth:`ports.History.totals`; raises StoreUnavailableError while the database is away."""
        self._health.require()
        try:
            return await self._stored.totals(project)
        except StoreUnavailableError as exc:
            self._health.lose(exc)
            raise

    async def prune(self, before_ms: int, at_most: int) -> int:
        """See :meth:`ports.History.prune`; raises StoreUnavailableError while the database is away."""
        self._health.require()
        try:
            count = await self._stored.prune(before_ms, at_most)
            if count:
                await self.refresh()
        except StoreUnavailableError as exc:
            self._health.lose(exc)
            raise
        return count
