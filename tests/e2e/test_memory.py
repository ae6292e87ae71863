"""What outlives a process: data served at once after a restart, and a history that follows Litmus."""

from typing import Any

from sidecar.simulator import ScriptedFault
from sidecar.simulator.documents import FaultCounts
from tests.e2e.conftest import Small
from tests.replica.documents import EXPERIMENTS
from tests.support.service import QUICK_SYNC, Service, config_for, eventually, open_service

OVERVIEW = "/api/v1/entities/component/default/cart/overview?window=12mo"
CONTENT = "/api/v1/entities/component/default/cart/content"
RUNS = "/api/v1/entities/component/default/cart/runs?limit=200"


async def get(service: Service, path: str) -> dict[str, Any]:
    response = await service.get(path)
    assert response.status == 200, await response.text()
    answer: dict[str, Any] = await response.json()
    return answer


async def test_a_restart_serves_the_last_data_at_once_and_they_count_by_their_age(small: Small) -> None:
    config = config_for({"default": (small.simulator, small.token)}, small.catalog)
    async with open_service(config) as service:
        await service.ready()
        before = await service.query(EXPERIMENTS, small.project.project_id)
        runs_before = (await get(service, RUNS))["runs"]
    # Nothing is read again meanwhile, neither by the fast lane nor by the slow one.
    small.simulator.faults.add(ScriptedFault(never_answer=True, times=None))
    async with open_service(config) as service:
        after = await service.query(EXPERIMENTS, small.project.project_id)
        assert after["data"] == before["data"]
        assert after["extensions"]["litmusSidecar"]["stale"] is False
        content = await get(service, CONTENT)
        assert content["stale"] is False
        assert content["chaosHubs"]
        assert after["extensions"]["litmusSidecar"]["asOf"] == before["extensions"]["litmusSidecar"]["asOf"]
        assert (await get(service, RUNS))["runs"] == runs_before


async def test_a_restart_without_litmus_serves_the_last_data_as_stale_once_known(
    small: Small,
) -> None:
    config = config_for({"default": (small.simulator, small.token)}, small.catalog, sync={**QUICK_SYNC})
    async with open_service(config) as service:
        await service.ready()
        before = await service.query(EXPERIMENTS, small.project.project_id)
    await small.simulator.stop()
    async with open_service(config) as service:
        await eventually(lambda: is_stale(service, small.project.project_id))
        after = await service.query(EXPERIMENTS, small.project.project_id)
        assert after["data"] == before["data"]
        await small.simulator.start()


async def is_stale(service: Service, project: str) -> bool:
    return not await is_fresh(service, project)


async def test_a_restart_with_litmus_at_hand_becomes_fresh(small: Small) -> None:
    config = config_for({"default": (small.simulator, small.token)}, small.catalog, sync={**QUICK_SYNC})
    async with open_service(config) as service:
        await service.ready()
    async with open_service(config) as service:
        await eventually(lambda: is_fresh(service, small.project.project_id))


async def is_fresh(service: Service, project: str) -> bool:
    answer = await service.query(EXPERIMENTS, project)
    return answer["extensions"]["litmusSidecar"]["stale"] is False


async def test_more_runs_than_litmus_lists_are_kept_and_counted(small: Small) -> None:
    world = small.world
    experiment = next(iter(world.experiments.values()))
    now_ms = world.now_ms
    for number in range(60):
        started = now_ms - (number + 1) * 3_600_000
        world.add_finished_run(
            experiment,
            started_at_ms=started,
            ended_at_ms=started + 60_000,
            phase="Completed" if number % 2 else "Completed_With_Probe_Failure",
            score=100.0 if number % 2 else 50.0,
            counts=FaultCounts(passed=1) if number % 2 else FaultCounts(failed=1),
        )
    config = config_for({"default": (small.simulator, small.token)}, small.catalog)
    async with open_service(config) as service:
        await service.ready()
        overview = await get(service, OVERVIEW)
        assert overview["totalRuns"] == 63
        assert overview["runsByOutcome"]["passed"] == 30
        assert overview["runsByOutcome"]["probe_failed"] == 30
        assert overview["runsByOutcome"]["waiting"] == 3
        assert overview["score"]["mean"] == 75.0
        assert overview["score"]["number"] == 60
        runs = (await get(service, RUNS))["runs"]
        assert len(runs) == 63
        assert sum(run["faults"] is None for run in runs) == 3


async def test_a_run_that_ends_shows_in_the_figures_without_waiting_for_the_slow_lane(small: Small) -> None:
    config = config_for(
        {"default": (small.simulator, small.token)},
        small.catalog,
        sync={"activeInterval": {"milliseconds": 100}},
    )
    async with open_service(config) as service:
        await service.ready()
        assert (await get(service, OVERVIEW))["score"]["number"] == 0
        for run in list(small.world.runs):
            small.world.finish_run(run, phase="Completed", score=80.0)
        await eventually(lambda: scored(service, 3))
        assert (await get(service, OVERVIEW))["scoreNow"] == {"score": 80.0, "number": 3}


async def scored(service: Service, number: int) -> bool:
    return bool((await get(service, OVERVIEW))["score"]["number"] == number)


async def test_a_renamed_experiment_names_all_its_runs(small: Small) -> None:
    world = small.world
    config = config_for({"default": (small.simulator, small.token)}, small.catalog, sync={**QUICK_SYNC})
    async with open_service(config) as service:
        await service.ready()
        renamed = next(
            world.experiments[run.experiment_id]
            for run in world.runs
            if run.experiment_id in world.experiments
        )
        old = renamed.name
        assert old in {run["experimentName"] for run in (await get(service, RUNS))["runs"]}
        world.edit_experiment(renamed, name="a new name")

        await eventually(lambda: is_gone(service, old))

        csv = await (await service.get(RUNS + "&format=csv")).text()
        assert old not in csv
        assert "a new name" in csv


async def is_gone(service: Service, name: str) -> bool:
    names = {run["experimentName"] for run in (await get(service, RUNS))["runs"]}
    return name not in names and name not in await (await service.get(CONTENT)).text()
