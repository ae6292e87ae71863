"""An engine on memory, with sources that do as they are told."""

import asyncio
import random
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

from sidecar.domain.errors import StoreError
from sidecar.domain.model import (
    SECTIONS_OF_LANE,
    Lane,
    ProjectRef,
    RunStats,
    Section,
    SectionError,
    SectionResult,
    Snapshot,
)
from sidecar.domain.ports import Job, Lease
from sidecar.store.local_leases import LocalLeases
from sidecar.sync.engine import SyncEngine
from sidecar.sync.planner import IntervalPlanner
from sidecar.sync.schedule import Intervals
from sidecar.sync.worker import Notifier
from sidecar.telemetry.metrics import Metrics
from tests.support.memory_store.data import MemorySnapshots
from tests.support.planning import fitting

SHOP = ProjectRef(instance="default", project_id="shop")
BANK = ProjectRef(instance="default", project_id="bank")
HOUR = timedelta(hours=1)
STATS = RunStats(total=1, running=0, completed=1, terminated=0, stopped=0, errored=0)


class ObedientSource:
    """Gives data, errors, exceptions, or waits; remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[ProjectRef, Lane]] = []
        self.failing: dict[ProjectRef, SectionError] = {}
        self.crashing: set[ProjectRef] = set()
        self.may_answer = asyncio.Event()
        self.may_answer.set()

    async def collect(
        self, project: ProjectRef, lane: Lane, previous: Snapshot | None
    ) -> Sequence[SectionResult]:
        del previous
        self.asked.append((project, lane))
        await self.may_answer.wait()
        if project in self.crashing:
            raise KeyError("a bug")
        now = datetime.now(UTC)
        error = self.failing.get(project)
        return [
            SectionResult(
                section=section,
                attempted_at=now,
                error=error,
                value=STATS if section is Section.RUN_STATS and error is None else None,
            )
            for section in SECTIONS_OF_LANE[lane]
        ]


class LeasesInTrouble(LocalLeases):
    """Leases whose database may be away for who hurries."""

    away = False

    async def hurry(self, job: Job, now: datetime, *, again: bool) -> None:
        if self.away:
            raise StoreError("The database is away.")
        await super().hurry(job, now, again=again)


class SnapshotsInTrouble(MemorySnapshots):
    """Snapshots with a bug that data of some projects bring out, or any attempt at them."""

    def __init__(self, leases: LocalLeases) -> None:
        super().__init__(leases)
        self.spoilt_by_data: set[ProjectRef] = set()
        self.spoilt: set[ProjectRef] = set()

    async def merge(self, lease: Lease, results: Sequence[SectionResult]) -> Snapshot:
        project = lease.job.project
        has_data = any(result.error is None for result in results)
        if project in self.spoilt or (project in self.spoilt_by_data and has_data):
            raise KeyError("a bug")
        return await super().merge(lease, results)


class Bench:
    """An engine on memory, and what it works with."""

    def __init__(
        self,
        *,
        fast: timedelta = HOUR,
        wait_seconds: float = 10.0,
        history: bool = False,
        planner: IntervalPlanner | None = None,
    ) -> None:
        self.source = ObedientSource()
        self.metrics = Metrics("test")
        self.leases = LeasesInTrouble()
        self.snapshots = SnapshotsInTrouble(self.leases)
        self.engine = SyncEngine(
            sources={"default": self.source},
            snapshots=self.snapshots,
            leases=self.leases,
            planner=planner or fitting(Intervals(fast=fast, slow=HOUR, active=fast)),
            workers=4,
            wait_seconds=wait_seconds,
            metrics=self.metrics,
            clock=lambda: datetime.now(UTC),
            history_notifier=Notifier() if history else None,
            chance=random.Random(1),  # noqa: S311 - spreads load, guards nothing
        )

    def asked(self, project: ProjectRef, lane: Lane) -> int:
        return self.source.asked.count((project, lane))

    @asynccontextmanager
    async def working(self, *projects: ProjectRef) -> AsyncIterator[None]:
        await self.engine.plan(projects)
        task = asyncio.create_task(self.engine.work("default"))
        try:
            yield
        finally:
            task.cancel()
            await asyncio.wait([task])
