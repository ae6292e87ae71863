"""Jobs, results and runs for the tests of the store, with a default for everything.

The clock is the real one: PostgreSQL decides by its own, so time is moved by
what falls due long ago or far from now, never by pretending.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

from sidecar.domain.model import Hub, Lane, ProjectRef, Section, SectionError, SectionResult
from sidecar.domain.ports import HistoryChange, Job, Lease
from sidecar.domain.runs import HistoryState, KnownExperiment, Run
from sidecar.store.engine.database import Observe
from sidecar.store.store import Store, open_store
from tests.support.builders import experiment, hub

SHOP = ProjectRef(instance="default", project_id="shop")
BANK = ProjectRef(instance="default", project_id="bank")
DOWN = SectionError(code="upstream_unavailable", message="No answer from Litmus.")
FAR = timedelta(hours=1)
SEEN_AT = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


def clock() -> datetime:
    return datetime.now(UTC)


@asynccontextmanager
async def followed_store(url: str, observe: Observe | None = None) -> AsyncIterator[Store]:
    """A store whose keeper runs, as the service has it, only quicker."""
    async with open_store(url, clock=clock, poll_seconds=0.02, observe=observe) as store:
        following = asyncio.ensure_future(store.follow())
        try:
            yield store
        finally:
            following.cancel()
            await asyncio.wait([following])


def job(project: ProjectRef = SHOP, lane: Lane = Lane.FAST) -> Job:
    return Job(project=project, lane=lane)


def all_jobs(*projects: ProjectRef) -> list[Job]:
    return [job(project, lane) for project in projects or (SHOP, BANK) for lane in Lane]


async def plan_and_take(store: Store, project: ProjectRef = SHOP, lane: Lane = Lane.FAST) -> Lease:
    """Plan all jobs of two projects and lease one."""
    await store.leases.plan(all_jobs(), clock())
    return await take_job(store, project, lane)


async def take_job(store: Store, project: ProjectRef = SHOP, lane: Lane = Lane.FAST) -> Lease:
    await store.leases.hurry(job(project, lane), clock(), again=False)
    lease = await store.leases.take(project.instance, [lane], clock())
    assert lease is not None
    assert lease.job == job(project, lane)
    return lease


def hubs_result(*names: str, at: datetime | None = None) -> SectionResult:
    value: tuple[Hub, ...] = tuple(hub(name, name) for name in names)
    return SectionResult(section=Section.HUBS, attempted_at=at or clock(), value=value)


def experiments_result(*ids: str, at: datetime | None = None) -> SectionResult:
    value = tuple(experiment(one) for one in ids)
    return SectionResult(section=Section.EXPERIMENTS, attempted_at=at or clock(), value=value)


def failed_result(section: Section = Section.HUBS) -> SectionResult:
    return SectionResult(section=section, attempted_at=clock(), error=DOWN)


def run(
    run_id: str = "run-1",
    *,
    experiment_id: str = "experiment-1",
    created_at_ms: int = 1_000,
    updated_at_ms: int | None = None,
    phase: str = "Completed",
    score: float | None = 100.0,
    removed: bool = False,
) -> Run:
    return Run(
        experiment_id=experiment_id,
        experiment_name="pod-delete",
        experiment_run_id=run_id,
        phase=phase,
        resiliency_score=score,
        created_at_ms=created_at_ms,
        updated_at_ms=created_at_ms if updated_at_ms is None else updated_at_ms,
        removed=removed,
    )


def known(experiment_id: str = "experiment-1", *, removed_at: datetime | None = None) -> KnownExperiment:
    return KnownExperiment(
        experiment_id=experiment_id,
        name="pod-delete",
        infra_id="infra-1",
        tags=("a", "b"),
        first_seen_at=SEEN_AT,
        removed_at=removed_at,
    )


def change(
    *runs: Run,
    experiments: Iterable[KnownExperiment] = (),
    removed: Iterable[Run] = (),
    state: HistoryState | None = None,
) -> HistoryChange:
    return HistoryChange(
        state=state or HistoryState(),
        runs=runs,
        experiments=tuple(experiments),
        removed_runs=tuple(removed),
    )
