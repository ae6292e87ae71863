"""What left Litmus leaves the history, once a second look lacks it, too."""

from tests.litmus.history_bench import DAY, MINUTE, VERSIONS, HistoryBench


@VERSIONS
async def test_a_deleted_run_is_marked_by_the_second_pass_that_lacks_it(version: str) -> None:
    bench = HistoryBench(version)
    experiment = bench.add_experiment()
    bench.add_past(experiment, 60)
    async with bench.opened():
        await bench.settle()
        gone = bench.world.runs_of(experiment)[7]
        bench.world.delete_run(gone)
        bench.wait(DAY)
        await bench.settle()
        after_one = [run for run in await bench.runs() if run.removed]
        bench.wait(10 * MINUTE)
        await bench.settle()
        after_two = [run.experiment_run_id for run in await bench.runs() if run.removed]

    assert after_one == []
    assert after_two == [gone.run_id]


async def test_a_deleted_run_goes_within_two_slow_intervals_not_only_daily() -> None:
    """Counting finds it; its experiment alone is compared, and once more to confirm."""
    bench = HistoryBench()
    experiment, bystander = bench.add_experiment(), bench.add_experiment("bystander")
    bench.add_past(experiment, 60)
    bench.add_past(bystander, 3)
    async with bench.opened():
        await bench.settle()
        gone = bench.world.runs_of(experiment)[7]
        bench.world.delete_run(gone)
        marked: list[list[str]] = []
        for _ in range(2):
            bench.wait(10 * MINUTE)
            await bench.settle()
            marked.append([run.experiment_run_id for run in await bench.runs() if run.removed])
        asked = len(bench.simulator.requests)
        bench.wait(10 * MINUTE)
        await bench.settle()

    assert marked == [[], [gone.run_id]]
    # At rest again: the list of experiments, what changed, and the count.
    assert [one.root_fields for one in bench.simulator.requests[asked:]].count(("listExperimentRun",)) == 2


async def test_the_count_takes_experiments_in_turn() -> None:
    bench = HistoryBench()
    experiments = [bench.add_experiment(f"experiment {number:02d}") for number in range(45)]
    for experiment in experiments:
        bench.add_past(experiment, 1)
    async with bench.opened():
        await bench.settle()
        for experiment in experiments:
            bench.world.delete_run(bench.world.runs_of(experiment)[0])
        # Three batches, each compared and confirmed before the next is counted.
        for _ in range(7):
            bench.wait(10 * MINUTE)
            await bench.settle()

        assert all(run.removed for run in await bench.runs())


async def test_a_run_that_is_back_in_the_second_pass_is_not_marked() -> None:
    bench = HistoryBench()
    experiment = bench.add_experiment()
    bench.add_past(experiment, 12)
    async with bench.opened():
        await bench.settle()
        absent = bench.world.runs_of(experiment)[3]
        absent.is_removed = True
        bench.wait(DAY)
        await bench.settle()
        absent.is_removed = False
        bench.wait(10 * MINUTE)
        await bench.settle()

        assert not any(run.removed for run in await bench.runs())


async def test_an_experiment_is_removed_with_its_runs_by_the_second_list_that_lacks_it() -> None:
    bench = HistoryBench()
    kept, gone = bench.add_experiment("kept"), bench.add_experiment("gone")
    bench.add_past(kept, 2)
    bench.add_past(gone, 2)
    async with bench.opened():
        await bench.settle()
        bench.world.delete_experiment(gone)
        bench.wait(MINUTE)
        await bench.settle()
        once = [one.removed_at for one in await bench.history.experiments(bench.project)]
        bench.wait(MINUTE)
        await bench.settle()
        twice = {one.experiment_id: one.removed_at for one in await bench.history.experiments(bench.project)}
        removed = {run.experiment_id for run in await bench.runs() if run.removed}

    assert once == [None, None]
    assert twice == {kept.experiment_id: None, gone.experiment_id: bench.now}
    assert removed == {gone.experiment_id}


async def test_an_odd_total_brings_an_early_reconciliation() -> None:
    bench = HistoryBench()
    experiment = bench.add_experiment()
    bench.add_past(experiment, 20)
    async with bench.opened():
        await bench.settle()
        lost = bench.world.add_finished_run(
            experiment, started_at_ms=bench.world.now_ms - 10**9, ended_at_ms=bench.world.now_ms - 10**9
        )
        for _ in range(8):
            bench.wait(10 * MINUTE)
            await bench.settle()

        assert lost.run_id in {run.experiment_run_id for run in await bench.runs()}
