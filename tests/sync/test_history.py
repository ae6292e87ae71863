"""The history worker with sources that do as they are told."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import pytest

from sidecar.domain.errors import StoreError, StoreRefusedError, UpstreamUnavailableError
from sidecar.domain.model import Freshness, Lane, ProjectRef, Section, SectionError, SectionResult, Snapshot
from sidecar.domain.ports import HistoryChange, Job, Lease, RunQuery
from sidecar.domain.runs import HistoryState, Run
from sidecar.store.local_leases import LocalLeases
from sidecar.sync.history import HistoryWorker, history_may_differ
from sidecar.sync.schedule import Intervals
from sidecar.telemetry.metrics import Metrics
from tests.support.builders import NOW, content, experiment, project, recent_run, run_stats
from tests.support.histories import run
from tests.support.memory_store.data import MemoryHistory, MemorySnapshots
from tests.support.planning import fitting
from tests.support.service import eventually

SHOP, BANK = project("shop"), project("bank")
HOUR = timedelta(hours=1)


class ObedientHistory:
    """Finds one run per step, as many steps as it is told; or fails, crashes, waits."""

    def __init__(self) -> None:
        self.asked: list[ProjectRef] = []
        self.told: list[Freshness | None] = []
        """What readers were told of the history when each step began."""
        self.steps: dict[ProjectRef, int] = {}
        self.failing: dict[ProjectRef, Exception] = {}
        self.at_once = 0
        self.most_at_once = 0

    async def step(
        self, project: ProjectRef, state: HistoryState, snapshot: Snapshot | None
    ) -> tuple[HistoryChange, bool]:
        self.told.append(snapshot.freshness.get(Section.RUN_HISTORY) if snapshot else None)
        self.asked.append(project)
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        await asyncio.sleep(0)
        self.at_once -= 1
        if project in self.failing:
            raise self.failing[project]
        self.steps[project] = self.steps.get(project, 1) - 1
        found = run(NOW + timedelta(seconds=len(self.asked)))
        return HistoryChange(state=state, runs=[found]), self.steps[project] > 0


class HistoryInTrouble(MemoryHistory):
    """A history whose database refuses what is found in some projects."""

    def __init__(self, leases: LocalLeases) -> None:
        super().__init__(leases)
        self.refused: set[ProjectRef] = set()

    async def record(self, lease: Lease, change: HistoryChange) -> HistoryState:
        if lease.job.project in self.refused:
            raise StoreRefusedError("The database refused a value.")
        return await super().record(lease, change)


class Bench:
    """A worker on memory."""

    def __init__(self, *, slow: timedelta = HOUR) -> None:
        self.source = ObedientHistory()
        self.leases = LocalLeases()
        self.snapshots = MemorySnapshots(self.leases)
        self.history = HistoryInTrouble(self.leases)
        self.metrics = Metrics("test")
        self.pauses: list[float] = []
        self._slow = slow
        self._work()

    def take_history(self, history: HistoryInTrouble) -> None:
        """Work with this history from now on."""
        self.history = history
        self._work()

    def _work(self) -> None:
        self.worker = HistoryWorker(
            sources={"default": self.source},
            history=self.history,
            snapshots=self.snapshots,
            leases=self.leases,
            planner=fitting(Intervals(fast=self._slow, slow=self._slow, active=self._slow)),
            metrics=self.metrics,
            clock=lambda: datetime.now(UTC),
            chance=random.Random(1),  # noqa: S311 - spreads load, guards nothing
            sleep=self._sleep,
        )

    async def _sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        await asyncio.sleep(0.01)

    async def runs(self, project: ProjectRef) -> list[Run]:
        return list(await self.history.runs(project, RunQuery()))

    async def has_experiments(self, project: ProjectRef) -> None:
        """Merge a list of experiments, without which nothing of a history is read."""
        await self.leases.plan([Job(project=project, lane=Lane.FAST)], NOW)
        lease = await self.leases.take(project.instance, [Lane.FAST], NOW)
        assert lease is not None
        listed = SectionResult(section=Section.EXPERIMENTS, attempted_at=NOW, value=(experiment(),))
        await self.snapshots.merge(lease, [listed])

    def told(self, project: ProjectRef) -> Freshness | None:
        """Return what readers are told of the history."""
        head = self.snapshots.head(project)
        return head.freshness.get(Section.RUN_HISTORY) if head else None

    def counted(self, outcome: str) -> float:
        labels = {"instance": "default", "lane": "history", "outcome": outcome}
        return self.metrics.registry.get_sample_value("litmus_sidecar_sync_attempts_total", labels) or 0.0

    @asynccontextmanager
    async def working(self, *jobs: Job) -> AsyncIterator[None]:
        await self.leases.plan(jobs, datetime.now(UTC))
        task = asyncio.create_task(self.worker.work("default"))
        try:
            yield
        finally:
            task.cancel()
            await asyncio.wait([task])


def history_of(project: ProjectRef) -> Job:
    return Job(project=project, lane=Lane.HISTORY)


async def test_steps_follow_while_more_is_due_and_each_is_recorded() -> None:
    bench = Bench()
    bench.source.steps[SHOP] = 4
    async with bench.working(history_of(SHOP)):
        await eventually(lambda: len(bench.source.asked) == 4)
        await eventually(lambda: bench.counted("ok") == 4)

    assert len(await bench.runs(SHOP)) == 4


async def test_an_instance_is_asked_one_thing_at_a_time() -> None:
    bench = Bench()
    bench.source.steps = {SHOP: 3, BANK: 3}
    async with bench.working(history_of(SHOP), history_of(BANK)):
        await eventually(lambda: len(bench.source.asked) == 6)

    assert bench.source.most_at_once == 1


@pytest.mark.parametrize(
    ("failure", "code"),
    [(UpstreamUnavailableError("down"), "upstream_unavailable"), (RuntimeError("a bug"), "internal")],
)
async def test_a_failing_project_waits_alone(failure: Exception, code: str) -> None:
    bench = Bench()
    bench.source.failing[BANK] = failure
    bench.source.steps[SHOP] = 3
    async with bench.working(history_of(SHOP), history_of(BANK)):
        await eventually(lambda: bench.counted("ok") == 3 and bench.counted(code) >= 1)

    assert len(await bench.runs(SHOP)) == 3
    assert await bench.runs(BANK) == []


async def test_a_failed_step_is_taken_again() -> None:
    bench = Bench(slow=timedelta(milliseconds=20))
    bench.source.failing[SHOP] = UpstreamUnavailableError("down")
    async with bench.working(history_of(SHOP)):
        await eventually(lambda: bench.counted("upstream_unavailable") >= 2)
        bench.source.failing.clear()
        await eventually(lambda: bench.counted("ok") >= 1)


async def test_readers_are_told_that_a_history_fails_and_when_it_goes_on() -> None:
    bench = Bench(slow=timedelta(milliseconds=20))
    bench.source.failing[SHOP] = UpstreamUnavailableError("down")
    await bench.has_experiments(SHOP)
    async with bench.working(history_of(SHOP)):
        await eventually(lambda: bench.told(SHOP) is not None)
        told = bench.told(SHOP)
        assert told is not None
        assert told.error is not None
        assert (told.error.code, told.succeeded_at) == ("upstream_unavailable", None)
        bench.source.failing.clear()
        await eventually(lambda: (now := bench.told(SHOP)) is not None and now.error is None)


async def test_readers_are_told_of_a_long_reading_when_it_begins_and_ends_not_with_every_page() -> None:
    bench = Bench()
    bench.source.steps[SHOP] = 4
    await bench.has_experiments(SHOP)
    async with bench.working(history_of(SHOP)):
        await eventually(lambda: bench.counted("ok") == 4)
    first, *pages = bench.source.told
    assert first is None
    assert pages[0] is not None
    assert pages == [pages[0]] * 3
    last = bench.told(SHOP)
    assert last is not None
    assert last.attempted_at > pages[0].attempted_at


async def test_a_history_of_which_nothing_could_be_asked_is_not_told_as_read() -> None:
    bench = Bench()
    async with bench.working(history_of(SHOP)):
        await eventually(lambda: bench.counted("ok") == 1)
    assert bench.told(SHOP) is None


async def test_the_history_waits_while_the_fast_lane_is_behind() -> None:
    bench = Bench()
    fast = Job(project=SHOP, lane=Lane.FAST)
    # A fast job that nobody takes, and that fell due a while ago.
    await bench.leases.plan([fast], datetime.now(UTC) - timedelta(seconds=30))
    async with bench.working(fast, history_of(SHOP)):
        await eventually(lambda: bool(bench.pauses))
        assert bench.source.asked == []
        lease = await bench.leases.take("default", [Lane.FAST], datetime.now(UTC))
        assert lease is not None
        await bench.leases.release(lease, datetime.now(UTC) + HOUR, failed=False)
        await eventually(lambda: bench.source.asked == [SHOP])


async def test_a_step_whose_lease_moved_on_writes_nothing() -> None:
    bench = Bench()
    lease_taken = asyncio.Event()

    class Slow(ObedientHistory):
        async def step(
            self, project: ProjectRef, state: HistoryState, snapshot: Snapshot | None
        ) -> tuple[HistoryChange, bool]:
            await bench.leases.plan([], datetime.now(UTC))
            lease_taken.set()
            return await super().step(project, state, snapshot)

    slow = Slow()
    bench.worker = HistoryWorker(
        sources={"default": slow},
        history=bench.history,
        snapshots=bench.snapshots,
        leases=bench.leases,
        planner=fitting(Intervals(fast=HOUR, slow=HOUR, active=HOUR)),
        metrics=bench.metrics,
        clock=lambda: datetime.now(UTC),
    )
    async with bench.working(history_of(SHOP)):
        await lease_taken.wait()
        await eventually(lambda: bench.counted("ok") == 1)

    assert await bench.runs(SHOP) == []


def test_only_news_of_runs_or_experiments_makes_the_history_follow() -> None:
    before = content()
    ran = content(experiments=[experiment(recent_runs=[recent_run(phase="Running")])])
    counted = content(run_stats=run_stats(total=13))
    touched = content(experiments=[experiment(updated_at_ms=1)], hubs=[])

    assert history_may_differ(None, before)
    assert history_may_differ(before, ran)
    assert history_may_differ(before, counted)
    assert not history_may_differ(before, touched)


async def test_runs_that_the_database_refuses_are_told_and_stop_no_other_project() -> None:
    bench = Bench()
    bench.history.refused.add(SHOP)
    for ref in (SHOP, BANK):
        await bench.has_experiments(ref)
    jobs = [Job(project=ref, lane=Lane.HISTORY) for ref in (SHOP, BANK)]
    async with bench.working(*jobs):
        await eventually(lambda: bench.counted("internal") == 1 and bench.counted("ok") == 1)
    told = bench.told(SHOP)
    assert told is not None
    assert told.error is not None
    assert told.error.code == "internal"
    assert await bench.runs(SHOP) == []
    assert len(await bench.runs(BANK)) == 1


async def test_what_cannot_be_kept_is_not_asked_for() -> None:
    class Full(HistoryInTrouble):
        is_full = True

        def refusal(self) -> str | None:
            return "The database has no space left." if self.is_full else None

    bench = Bench(slow=timedelta(milliseconds=20))
    full = Full(bench.leases)
    bench.take_history(full)
    async with bench.working(history_of(SHOP)):
        await eventually(lambda: bench.counted("store_unavailable") >= 3)
        assert bench.source.asked == []
        told = bench.told(SHOP)
        assert told is not None
        assert told.error == SectionError(code="store_unavailable", message="The database has no space left.")
        full.is_full = False
        await eventually(lambda: bench.counted("ok") >= 1)


async def test_what_turns_out_not_to_be_kept_is_asked_for_ever_less_often() -> None:
    class Refusing(HistoryInTrouble):
        async def record(self, lease: Lease, change: HistoryChange) -> HistoryState:
            del lease, change
            raise StoreError("The database has no space left.")

    bench = Bench(slow=HOUR)
    bench.take_history(Refusing(bench.leases))
    bench.source.steps[SHOP] = 100
    async with bench.working(history_of(SHOP)):
        await eventually(lambda: bench.counted("store_unavailable") >= 1)
        due = await bench.leases.next_due("default", [Lane.HISTORY])
        assert due is not None
        assert due - datetime.now(UTC) > timedelta(seconds=2)
        lease = await bench.leases.take("default", [Lane.HISTORY], due)
        assert lease is not None
        assert lease.failures == 1
