"""The engine with sources that do as they are told."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
import structlog

from sidecar.domain.errors import DrainingError, NotReadyError, StoreError
from sidecar.domain.model import Lane, ProjectRef, RunStats, Section, SectionError
from sidecar.domain.ports import Job
from sidecar.sync.planner import IntervalPlanner
from sidecar.sync.schedule import Intervals
from tests.support.service import eventually
from tests.sync.bench import (
    BANK,
    HOUR,
    SHOP,
    STATS,
    Bench,
)


async def test_each_lane_of_each_project_is_collected_once_at_the_start() -> None:
    bench = Bench()
    async with bench.working(SHOP, BANK):
        await eventually(lambda: len(bench.source.asked) == 4)
        assert sorted(bench.source.asked) == sorted(
            (p, lane) for p in (SHOP, BANK) for lane in ("fast", "slow")
        )


async def test_there_is_no_lag_once_nothing_waits() -> None:
    bench = Bench()
    job = Job(project=SHOP, lane=Lane.FAST)
    await bench.leases.plan([job], datetime.now(UTC) - timedelta(minutes=5))

    def lag() -> float | None:
        name = "litmus_sidecar_sync_lag_seconds"
        return bench.metrics.registry.get_sample_value(name, {"instance": "default"})

    bench.source.may_answer.clear()
    async with bench.working(SHOP):
        await eventually(lambda: bench.asked(SHOP, Lane.FAST) == 1)
        bench.source.may_answer.set()
        await eventually(lambda: lag() == 0)


async def test_the_interval_brings_the_next_attempt() -> None:
    bench = Bench(fast=timedelta(milliseconds=30))
    async with bench.working(SHOP):
        await eventually(lambda: bench.asked(SHOP, Lane.FAST) >= 4)
        assert bench.asked(SHOP, Lane.SLOW) == 1


def crowded() -> IntervalPlanner:
    """Return a planner with so many projects that what nobody asks for is read every few minutes."""
    soon = timedelta(milliseconds=30)
    crowd = [ProjectRef(instance="default", project_id=f"other-{number}") for number in range(10_000)]
    return IntervalPlanner(
        configured=Intervals(fast=soon, slow=HOUR, active=soon),
        longest=HOUR,
        capacity_per_second=lambda _instance: 100.0,
        projects=lambda: [SHOP, BANK, *crowd],
        clock=lambda: datetime.now(UTC),
    )


async def test_what_somebody_asks_for_is_brought_forward_and_read_as_often_as_configured() -> None:
    planner = crowded()
    bench = Bench(planner=planner)
    async with bench.working(SHOP, BANK):
        await eventually(lambda: len(bench.source.asked) == 4)
        await eventually(lambda: planner.of(SHOP)[Lane.FAST] > timedelta(minutes=1))
        while bench.asked(SHOP, Lane.FAST) < 4:
            # What is young is not brought forward; who looks at it asks again.
            snapshot = await bench.engine.ensure(SHOP, [Section.RUN_STATS])
            assert snapshot.freshness[Section.RUN_STATS].error is None
            await asyncio.sleep(0.005)
        assert bench.asked(BANK, Lane.FAST) == 1


async def test_what_somebody_asks_for_is_read_again_before_what_nobody_asked_for_is_read_at_all() -> None:
    """Between its rounds a few of the crowd have their turn, and not the crowd."""
    crowd = [ProjectRef(instance="default", project_id=f"other-{number:04}") for number in range(2_000)]
    soon = timedelta(milliseconds=20)
    planner = IntervalPlanner(
        configured=Intervals(fast=soon, slow=HOUR, active=soon),
        longest=HOUR,
        capacity_per_second=lambda _instance: 100.0,
        projects=lambda: [SHOP, *crowd],
        clock=lambda: datetime.now(UTC),
    )
    planner.note_asked(SHOP)
    bench = Bench(planner=planner)
    async with bench.working(SHOP, *crowd):
        await eventually(lambda: bench.asked(SHOP, Lane.FAST) >= 4)
        assert sum(bench.asked(one, Lane.FAST) for one in crowd) < len(crowd)


async def test_what_another_replica_read_goes_by_its_plan() -> None:
    planner = crowded()
    bench = Bench(planner=planner)
    async with bench.working(SHOP):
        await bench.engine.ensure(SHOP, [Section.RUN_STATS])
        await eventually(lambda: planner.of(SHOP)[Lane.FAST] == planner.configured.fast)
    bench.engine.announce(SHOP)
    assert planner.of(SHOP) == planner.of(BANK)
    assert planner.of(SHOP)[Lane.FAST] > timedelta(minutes=1)


async def test_a_failing_project_keeps_its_data_and_touches_no_other() -> None:
    bench = Bench(fast=timedelta(milliseconds=30))
    async with bench.working(SHOP, BANK):
        before = await bench.engine.ensure(SHOP, [Section.RUN_STATS])
        bench.source.failing[SHOP] = SectionError(code="upstream_unavailable", message="down")
        await eventually(lambda: error_code(bench, SHOP) == "upstream_unavailable")
        after = bench.snapshots.get(SHOP)
        assert after is not None
        assert after.content == before.content
        assert after.version == before.version
        assert error_code(bench, BANK) is None


def error_code(bench: Bench, project: ProjectRef) -> str | None:
    snapshot = bench.snapshots.get(project)
    error = snapshot.freshness[Section.RUN_STATS].error if snapshot else None
    return error.code if error else None


async def test_a_bug_in_one_projects_data_is_recorded_and_the_worker_lives() -> None:
    bench = Bench(fast=timedelta(milliseconds=30))
    bench.source.crashing.add(SHOP)
    async with bench.working(SHOP, BANK):
        await eventually(lambda: error_code(bench, SHOP) == "internal")
        await eventually(lambda: bench.asked(BANK, Lane.FAST) >= 3)


async def test_data_that_cannot_be_kept_is_that_project_s_error() -> None:
    bench = Bench(fast=timedelta(milliseconds=30))
    async with bench.working(SHOP, BANK):
        await eventually(lambda: bench.asked(SHOP, Lane.FAST) > 0 and stats_of(bench, SHOP) == STATS)
        bench.snapshots.spoilt_by_data.add(SHOP)
        await eventually(lambda: error_code(bench, SHOP) == "internal")
        assert stats_of(bench, SHOP) == STATS
        bench.snapshots.spoilt_by_data.clear()
        await eventually(lambda: error_code(bench, SHOP) is None)


async def test_a_project_whose_every_attempt_meets_a_bug_stops_no_other_and_is_let_rest() -> None:
    bench = Bench(fast=timedelta(milliseconds=30))
    bench.snapshots.spoilt.add(SHOP)
    with structlog.testing.capture_logs() as log:
        async with bench.working(SHOP, BANK):
            await eventually(lambda: bench.asked(BANK, Lane.FAST) >= 5)
            assert bench.asked(SHOP, Lane.FAST) == 1
    bugs = [entry for entry in log if entry["event"] == "failed unexpectedly"]
    assert {entry["unit"] for entry in bugs} == {"default/shop, fast lane", "default/shop, slow lane"}
    assert len(bugs) == 2


def stats_of(bench: Bench, project: ProjectRef) -> RunStats | None:
    snapshot = bench.snapshots.get(project)
    return snapshot.content.run_stats if snapshot is not None else None


async def test_many_readers_cause_one_attempt() -> None:
    bench = Bench()
    bench.source.may_answer.clear()
    async with bench.working(SHOP):
        readers = [asyncio.create_task(bench.engine.ensure(SHOP, [Section.RUN_STATS])) for _ in range(1_000)]
        await eventually(lambda: bench.asked(SHOP, Lane.FAST) == 1)
        for reader in readers[:500]:
            reader.cancel()
        bench.source.may_answer.set()
        snapshots = await asyncio.gather(*readers[500:])
        assert all(snapshot.content.run_stats == STATS for snapshot in snapshots)
        assert bench.asked(SHOP, Lane.FAST) == 1


async def ask_in_vain(bench: Bench, *sections: Section) -> None:
    """Ask for the shop, which comes last by its name, before anybody works."""
    for section in sections:
        with pytest.raises(NotReadyError):
            await bench.engine.ensure(SHOP, [section])


async def test_who_waits_for_a_second_lane_is_put_first_there_too() -> None:
    bench = Bench(wait_seconds=0.01)
    await bench.engine.plan([SHOP, BANK])
    await ask_in_vain(bench, Section.HUBS, Section.EXPERIMENTS)
    async with bench.working(SHOP, BANK):
        await eventually(lambda: len(bench.source.asked) == 4)
        assert bench.source.asked[:2] == [(SHOP, Lane.FAST), (SHOP, Lane.SLOW)]


async def test_who_asks_for_a_part_of_a_new_project_gets_it_first_in_every_lane() -> None:
    bench = Bench(wait_seconds=0.01, history=True)
    await bench.engine.plan([SHOP, BANK])
    with pytest.raises(NotReadyError):
        await bench.engine.ensure(SHOP, [Section.EXPERIMENTS])

    taken = [await bench.leases.take("default", list(Lane), datetime.now(UTC)) for _ in range(6)]

    assert [lease.job.project for lease in taken if lease] == [SHOP] * 3 + [BANK] * 3


async def test_the_next_reader_is_put_first_where_the_store_was_away_for_the_one_before() -> None:
    bench = Bench(wait_seconds=0.01)
    await bench.engine.plan([SHOP, BANK])
    bench.leases.away = True
    with pytest.raises(StoreError):
        await bench.engine.ensure(SHOP, [Section.EXPERIMENTS])
    bench.leases.away = False
    await ask_in_vain(bench, Section.EXPERIMENTS)
    async with bench.working(SHOP, BANK):
        await eventually(lambda: len(bench.source.asked) == 4)
        assert bench.source.asked[0] == (SHOP, Lane.FAST)


async def test_who_asked_before_the_plan_is_put_first_by_asking_again() -> None:
    bench = Bench(wait_seconds=0.01)
    await ask_in_vain(bench, Section.EXPERIMENTS)
    await bench.engine.plan([SHOP, BANK])
    await ask_in_vain(bench, Section.EXPERIMENTS)
    async with bench.working(SHOP, BANK):
        await eventually(lambda: len(bench.source.asked) == 4)
        assert bench.source.asked[0] == (SHOP, Lane.FAST)


async def test_a_reader_waits_only_for_the_sections_it_uses() -> None:
    bench = Bench()
    async with bench.working():
        await bench.leases.plan(
            [], datetime.now(UTC)
        )  # Nothing is planned: only the reader's own attempt could bring data.
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await bench.engine.ensure(SHOP, [Section.HUBS])


async def test_a_wait_ends_at_the_deadline() -> None:
    bench = Bench(wait_seconds=0.05)
    bench.source.may_answer.clear()
    async with bench.working(SHOP):
        with pytest.raises(NotReadyError):
            await bench.engine.ensure(SHOP, [Section.RUN_STATS])


async def test_draining_ends_waits_and_allows_no_new_ones() -> None:
    bench = Bench()
    bench.source.may_answer.clear()
    async with bench.working(SHOP):
        waiting = asyncio.create_task(bench.engine.ensure(SHOP, [Section.RUN_STATS]))
        await eventually(lambda: bench.asked(SHOP, Lane.FAST) == 1)
        bench.engine.drain()
        with pytest.raises(DrainingError):
            await waiting
        with pytest.raises(DrainingError):
            await bench.engine.ensure(SHOP, [Section.RUN_STATS])


async def test_hurry_brings_an_attempt_long_before_the_interval() -> None:
    bench = Bench()
    async with bench.working(SHOP):
        await eventually(lambda: len(bench.source.asked) == 2)
        await bench.engine.hurry(SHOP)
        await eventually(lambda: bench.asked(SHOP, Lane.FAST) == 2)


async def test_hurry_during_an_attempt_brings_one_more_after_it() -> None:
    bench = Bench()
    bench.source.may_answer.clear()
    async with bench.working(SHOP):
        await eventually(lambda: bench.asked(SHOP, Lane.FAST) == 1)
        await bench.engine.hurry(SHOP)
        bench.source.may_answer.set()
        await eventually(lambda: bench.asked(SHOP, Lane.FAST) == 2)


async def test_a_project_that_leaves_the_plan_is_forgotten_and_not_asked_again() -> None:
    bench = Bench(fast=timedelta(milliseconds=30))
    async with bench.working(SHOP, BANK):
        await bench.engine.ensure(SHOP, [Section.RUN_STATS])
        await bench.engine.plan([BANK])
        assert bench.snapshots.get(SHOP) is None
        asked = bench.asked(SHOP, Lane.FAST)
        enough = bench.asked(BANK, Lane.FAST) + 5
        await eventually(lambda: bench.asked(BANK, Lane.FAST) >= enough)
        assert bench.asked(SHOP, Lane.FAST) == asked


async def test_a_project_of_an_unknown_instance_is_left_out() -> None:
    bench = Bench()
    elsewhere = ProjectRef(instance="elsewhere", project_id="shop")
    await bench.engine.plan([SHOP, elsewhere])
    assert bench.engine.projects == {SHOP}


async def test_a_lease_is_given_back_when_the_worker_is_cancelled() -> None:
    bench = Bench()
    bench.source.may_answer.clear()
    async with bench.working(SHOP):
        await eventually(lambda: len(bench.source.asked) == 2)
