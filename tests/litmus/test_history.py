"""The run history of a simulated Litmus, read in steps."""

import json
from datetime import timedelta
from typing import Any

import pytest

from sidecar.domain.errors import UpstreamError
from sidecar.domain.runs import Outcome
from sidecar.simulator.faults import ScriptedFault
from tests.litmus.history_bench import DAY, MINUTE, START, VERSIONS, HistoryBench

OVERLOAD = json.dumps(
    {
        "errors": [
            {"message": "DB aggregate stage error: context deadline exceeded", "path": ["listExperimentRun"]}
        ],
        "data": None,
    }
)


def is_narrow(request: dict[str, Any]) -> bool:
    dates = (request.get("filter") or {}).get("dateRange") or {}
    return bool(
        request.get("experimentIDs") or request.get("experimentRunIDs") or int(dates.get("startDate", 0))
    )


@VERSIONS
async def test_the_first_sight_brings_every_run_once(version: str) -> None:
    bench = HistoryBench(version)
    bench.add_past(bench.add_experiment("busy"), 130)
    for number in range(30):
        bench.add_past(bench.add_experiment(f"small-{number}"), 3)
    async with bench.opened():
        await bench.settle()
        runs = await bench.runs()
        state = await bench.state()

    assert len({run.experiment_run_id for run in runs}) == len(runs) == 130 + 30 * 3
    assert state.is_complete
    assert state.synced_at == state.first_synced_at == START


async def test_a_back_fill_fills_the_pages_it_asks_for() -> None:
    bench = HistoryBench()
    for number in range(60):
        bench.add_past(bench.add_experiment(f"often-{number}"), 14)
    async with bench.opened():
        await bench.settle()
        runs = await bench.runs()
        pages = [asked for asked in bench.asked_for_runs if len(asked.get("experimentIDs") or ()) > 0]

    assert len(runs) == 60 * 14
    # Three experiments fit a page of 50; 17 pages would be full to the last row.
    assert len(pages) <= 22
    # No page of more than that: Litmus joins all runs of the experiments that are named.
    assert all(len(asked["experimentIDs"]) <= 3 for asked in pages if asked["pagination"]["limit"] > 1)


async def test_a_back_fill_of_uneven_experiments_brings_every_run_once() -> None:
    bench = HistoryBench()
    for number, past in enumerate((400, 10, 11, 9, 73, 0, 12, 10)):
        bench.add_past(bench.add_experiment(f"uneven-{number}"), past)
    async with bench.opened():
        await bench.settle()
        runs = await bench.runs()

    assert len({run.experiment_run_id for run in runs}) == len(runs) == 525


@VERSIONS
async def test_no_request_is_unbounded_or_long(version: str) -> None:
    bench = HistoryBench(version)
    experiment = bench.add_experiment()
    bench.add_experiment("never ran")
    bench.add_past(experiment, 70)
    async with bench.opened():
        for _ in range(3):
            await bench.settle()
            bench.world.start_run(experiment)
            bench.wait(DAY)
        asked = bench.asked_for_runs

    assert asked
    assert all(is_narrow(request) for request in asked)
    assert all(0 < request["pagination"]["limit"] <= 50 for request in asked)


async def test_a_step_asks_at_most_three_times() -> None:
    bench = HistoryBench()
    bench.add_past(bench.add_experiment(), 400)
    async with bench.opened():
        await bench.look()
        more, asked = True, 0
        while more:
            more = await bench.step()
            assert len(bench.asked_for_runs) - asked <= 3
            asked = len(bench.asked_for_runs)


async def test_a_back_fill_resumes_where_an_error_broke_it_off() -> None:
    bench = HistoryBench()
    bench.add_past(bench.add_experiment(), 400)
    async with bench.opened():
        await bench.look()
        await bench.step()
        asked = len(bench.asked_for_runs)
        bench.simulator.faults.add(ScriptedFault(root_field="listExperimentRun", status=502))
        with pytest.raises(UpstreamError):
            await bench.step()
        await bench.settle()
        runs = await bench.runs()
        later = [request["pagination"] for request in bench.asked_for_runs[asked:]]

    assert len(runs) == 400
    assert {"page": 0, "limit": 50} not in later[:-1]


async def test_runs_beyond_retention_are_not_read() -> None:
    bench = HistoryBench()
    experiment = bench.add_experiment()
    now_ms = bench.world.now_ms
    for days in (900, 500, 399, 1):
        at_ms = now_ms - days * 86_400_000
        bench.world.add_finished_run(experiment, started_at_ms=at_ms, ended_at_ms=at_ms)
    async with bench.opened():
        await bench.settle()
        ages = [(now_ms - run.created_at_ms) // 86_400_000 for run in await bench.runs()]

    assert ages == [1, 399]


@VERSIONS
async def test_a_queued_run_gains_its_id_and_its_end_and_stays_one_run(version: str) -> None:
    bench = HistoryBench(version)
    experiment = bench.add_experiment()
    bench.add_past(experiment, 2)
    async with bench.opened():
        await bench.settle()
        run = bench.world.start_run(experiment, username="alice")
        await bench.settle()
        queued = (await bench.runs())[0]
        bench.wait(MINUTE)
        bench.world.report(run, "Running")
        await bench.settle()
        running = (await bench.runs())[0]
        bench.wait(20 * MINUTE)
        bench.world.finish_run(run, phase="Completed_With_Probe_Failure", score=40.0)
        await bench.settle()
        runs = await bench.runs()

    assert (queued.experiment_run_id, queued.outcome, queued.faults) == ("", Outcome.WAITING, None)
    assert (running.experiment_run_id, running.outcome, running.faults) == (run.run_id, Outcome.RUNNING, None)
    assert len(runs) == 3
    assert (runs[0].experiment_run_id, runs[0].outcome) == (run.run_id, Outcome.PROBE_FAILED)
    assert runs[0].resiliency_score == 40.0
    assert runs[0].faults is not None


@VERSIONS
async def test_queued_runs_without_ids_are_told_apart_by_creation(version: str) -> None:
    bench = HistoryBench(version)
    experiment = bench.add_experiment()
    async with bench.opened():
        await bench.settle()
        first = bench.world.start_run(experiment)
        bench.wait(timedelta(seconds=1))
        second = bench.world.start_run(experiment)
        await bench.settle()
        waiting = await bench.runs()
        bench.wait(MINUTE)
        bench.world.report(first, "Running")
        await bench.settle()
        runs = await bench.runs()

    assert [run.experiment_run_id for run in waiting] == ["", ""]
    assert [run.created_at_ms for run in runs] == [second.created_at_ms, first.created_at_ms]
    assert [run.experiment_run_id for run in runs] == ["", first.run_id]


async def test_an_unfinished_run_that_falls_out_of_the_date_range_is_read_again() -> None:
    bench = HistoryBench()
    experiment, other = bench.add_experiment(), bench.add_experiment("other")
    async with bench.opened():
        run = bench.world.start_cron_run(experiment)
        await bench.settle()
        bench.wait(timedelta(hours=2))
        bench.world.start_cron_run(other)
        await bench.settle()
        # Its agent's clock is an hour behind: no increment finds the change.
        bench.world.finish_run(run)
        run.updated_at_ms -= 5_400_000
        bench.wait(20 * MINUTE)
        await bench.settle()
        runs = await bench.runs()

    assert [one.phase for one in runs] == ["Pending", "Completed"]


async def test_what_was_just_listed_is_not_counted_as_well() -> None:
    bench = HistoryBench()
    bench.add_past(bench.add_experiment(), 30)
    async with bench.opened():
        await bench.settle()
        assert bench.asked_for_runs
        assert {"page": 0, "limit": 1} not in [sent["pagination"] for sent in bench.asked_for_runs]


async def test_an_increment_costs_one_request_and_a_count_of_one_row_while_nothing_runs() -> None:
    bench = HistoryBench()
    bench.add_past(bench.add_experiment(), 30)
    async with bench.opened():
        await bench.settle()
        before = len(bench.asked_for_runs)
        bench.wait(10 * MINUTE)
        await bench.settle()

        changes, count = bench.asked_for_runs[before:]
        assert "filter" in changes
        assert count["pagination"] == {"page": 0, "limit": 1}


async def test_what_is_queued_or_stuck_for_good_costs_a_bounded_number_of_requests_more() -> None:
    """Beside them in the world: a schedule with runs, a deleted run, a deleted experiment."""
    bench = HistoryBench()
    world = bench.world
    queued, stuck, gone = (bench.add_experiment(name) for name in ("queued", "stuck", "gone"))
    cron = world.add_experiment(bench.litmus_project, bench.infra, "nightly", cron="0 2 * * *")
    for experiment in (queued, stuck, gone, cron):
        bench.add_past(experiment, 12)
    world.start_run(queued)
    world.start_cron_run(stuck)
    world.delete_experiment(gone)
    world.delete_run(world.runs_of(cron)[2])
    async with bench.opened():
        await bench.settle()
        bench.wait(120 * MINUTE)
        now_ms = world.now_ms
        world.add_finished_run(cron, started_at_ms=now_ms - 60_000, ended_at_ms=now_ms)
        await bench.settle()
        costs = []
        for _ in range(3):
            before = len(bench.asked_for_runs)
            bench.wait(10 * MINUTE)
            await bench.settle()
            costs.append(len(bench.asked_for_runs) - before)

    # What changed, the run with an id, the run without one, the count.
    assert costs == [4, 4, 4]


async def test_the_watermark_is_litmuss_time_not_ours() -> None:
    bench = HistoryBench()
    experiment = bench.add_experiment()
    bench.add_past(experiment, 1)
    async with bench.opened():
        await bench.settle()
        state = await bench.state()

    assert state.watermark_ms == bench.world.runs_of(experiment)[0].updated_at_ms


async def test_a_time_far_in_the_future_is_kept_and_moves_no_watermark() -> None:
    bench = HistoryBench()
    experiment = bench.add_experiment()
    bench.add_past(experiment, 1)
    async with bench.opened():
        await bench.settle()
        before = await bench.state()
        run = bench.world.start_cron_run(experiment)
        bench.world.finish_run(run)
        run.updated_at_ms += 3 * 86_400_000
        await bench.settle()
        after = await bench.state()
        runs = await bench.runs()

    assert runs[0].updated_at_ms == run.updated_at_ms
    assert after.watermark_ms == before.watermark_ms


async def test_a_litmus_before_3_18_is_asked_by_date_again_after_an_upgrade() -> None:
    bench = HistoryBench("3.17.0")
    experiment = bench.add_experiment()
    bench.add_past(experiment, 2)
    async with bench.opened():
        await bench.settle()
        bench.wait(10 * MINUTE)
        await bench.settle()
        before = len(bench.asked_for_runs)
        bench.world.start_cron_run(experiment)
        await bench.settle()
        old = bench.asked_for_runs[before:]
        bench.world.version = "3.31.0"
        bench.wait(DAY)
        await bench.settle()
        before = len(bench.asked_for_runs)
        bench.wait(10 * MINUTE)
        await bench.settle()
        new = bench.asked_for_runs[before:]

    assert old
    assert all("filter" not in request for request in old)
    assert any("filter" in request for request in new)


async def test_an_overload_halves_the_page_and_loses_nothing() -> None:
    bench = HistoryBench()
    bench.add_past(bench.add_experiment(), 120)
    async with bench.opened():
        bench.simulator.faults.add(ScriptedFault(root_field="listExperimentRun", body=OVERLOAD, times=1))
        await bench.settle()

        assert len(await bench.runs()) == 120
        assert bench.asked_for_runs[1]["pagination"] == {"page": 0, "limit": 25}


async def test_without_a_list_of_experiments_nothing_is_asked() -> None:
    bench = HistoryBench()
    async with bench.opened():
        assert not await bench.step()
        assert bench.simulator.requests == []


async def test_a_project_without_runs_is_complete_and_notices_the_first_one() -> None:
    bench = HistoryBench()
    experiment = bench.add_experiment()
    async with bench.opened():
        await bench.settle()
        empty = await bench.state()
        bench.world.start_run(experiment)
        await bench.settle()
        runs = await bench.runs()

    assert (empty.is_complete, empty.watermark_ms, empty.synced_at) == (True, None, START)
    assert len(runs) == 1
