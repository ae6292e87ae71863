"""Stores that a test of the domain's metrics fills, its clock, and the metrics on top."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta

from sidecar.domain.catalog import Catalog, Entity
from sidecar.domain.errors import StoreError
from sidecar.domain.model import Lane, ProjectRef, Section, SectionError, SectionResult
from sidecar.domain.ports import HistoryChange, Job
from sidecar.domain.runs import HistoryState, KnownExperiment, Run
from sidecar.http.metrics.domain import DomainMetrics
from sidecar.insight.digest_cache import Digests
from sidecar.store.local_leases import LocalLeases
from tests.support.builders import NOW, entity, project
from tests.support.exposition import Samples, parsed
from tests.support.memory_store.data import MemoryHistory, MemorySnapshots

SHOP, BANK = project("shop"), project("bank")
CART = entity("component:default/cart", project=SHOP)
TELLER = entity("component:default/teller", project=BANK)
DOWN = SectionError(code="upstream_unavailable", message="No answer from Litmus.")
READ = HistoryState(is_complete=True, first_synced_at=NOW - timedelta(days=9), synced_at=NOW)


def names_of(samples: Samples, label: str) -> set[str]:
    """Return the values that a label has in any series."""
    return {
        value for values in samples.values() for labels in values for name, value in labels if name == label
    }


class Unreadable(MemoryHistory):
    """A history whose database may be away."""

    away = False

    async def experiments(self, project: ProjectRef) -> Sequence[KnownExperiment]:
        if self.away:
            raise StoreError("The database is away.")
        return await super().experiments(project)


class World:
    """Stores that a test fills, a clock that it moves, and the metrics on top."""

    def __init__(
        self,
        *entities: Entity,
        max_experiments: int = 100,
        rest: float = 0,
        retention: timedelta | None = None,
    ) -> None:
        self.now = NOW
        self.current = Catalog(entities=entities)
        self.leases = LocalLeases()
        self.snapshots = MemorySnapshots(self.leases)
        self.history = Unreadable(self.leases)
        self.rendered = 0
        self.was_rendered = asyncio.Event()
        self.metrics = DomainMetrics(
            catalogue=self,
            snapshots=self.snapshots,
            history=self.history,
            digests=Digests(self.history, retention=retention),
            clock=lambda: self.now,
            max_experiments=max_experiments,
            observe=self._count,
            rest=rest,
        )

    def _count(self, seconds: float) -> None:
        # Whole milliseconds, as some event loops count them, would often be none.
        assert seconds > 0
        self.rendered += 1
        self.was_rendered.set()

    def projects_with_id(self, project_id: str) -> tuple[ProjectRef, ...]:
        raise NotImplementedError

    async def synchronised(
        self,
        section: Section,
        value: object = None,
        *,
        of: ProjectRef = SHOP,
        error: SectionError | None = None,
    ) -> None:
        await self.leases.plan([Job(project=of, lane=Lane.FAST)], NOW)
        lease = await self.leases.take("default", [Lane.FAST], NOW)
        assert lease is not None
        result = SectionResult(section=section, attempted_at=self.now, value=value, error=error)
        await self.snapshots.merge(lease, [result])
        await self.leases.release(lease, NOW, failed=False)

    async def recorded(
        self,
        *runs: Run,
        of: ProjectRef = SHOP,
        experiments: Sequence[KnownExperiment] = (),
        removed: Sequence[Run] = (),
        state: HistoryState = READ,
    ) -> None:
        await self.leases.plan([Job(project=of, lane=Lane.HISTORY)], NOW)
        lease = await self.leases.take("default", [Lane.HISTORY], NOW)
        assert lease is not None
        change = HistoryChange(state=state, runs=runs, experiments=experiments, removed_runs=removed)
        await self.history.record(lease, change)
        await self.leases.release(lease, NOW, failed=False)

    def scraped(self) -> Samples:
        text = b"".join(self.metrics.chunks(openmetrics=False)).decode()
        assert "NaN" not in text
        return parsed(text)

    async def after_update(self) -> Samples:
        await self.metrics.update()
        return self.scraped()
