"""What several replicas on one store tell Prometheus of the domain."""

import time
from functools import partial

from tests.e2e.conftest import Small
from tests.support.exposition import Samples, by_label, domain, parsed
from tests.support.service import Service, config_for, eventually, open_service


async def told(service: Service) -> Samples:
    return domain(parsed(await (await service.get("/metrics")).text()))


async def tell_the_same(one: Service, two: Service, passed: int) -> bool:
    """Tell whether all series of both are the same, and count so many passed runs."""
    first, second = await told(one), await told(two)
    runs = by_label(first, "backstage_litmus_project_runs_total", "outcome").get("passed")
    # It is there only once the schedules and the whole history were read.
    is_whole = "backstage_litmus_project_overdue_schedules" in first
    return first == second and is_whole and runs == passed


async def test_two_replicas_tell_the_same_of_the_domain(small: Small, shared_store: str) -> None:
    config = config_for(
        {"default": (small.simulator, small.token)}, small.catalog, store={"url": shared_store}
    )
    experiment = next(iter(small.world.experiments.values()))
    finished = sum(run.phase == "Completed" for run in small.world.runs)
    async with open_service(config) as one, open_service(config) as two:
        for service in (one, two):
            await service.ready()
        await eventually(partial(tell_the_same, one, two, finished))

        now_ms = int(time.time() * 1000)
        small.world.add_finished_run(experiment, started_at_ms=now_ms - 2_000, ended_at_ms=now_ms - 1_000)
        (entity,) = one.services.catalogue.current.entities
        await one.services.sync.hurry(entity.project)

        await eventually(partial(tell_the_same, one, two, finished + 1))
