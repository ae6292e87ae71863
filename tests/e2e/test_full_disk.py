"""A full disk, seen from outside: what is stored is served, what cannot be kept is not asked for."""

import asyncio

from tests.e2e.conftest import Small
from tests.store.disks import fill, small_disk
from tests.support.service import QUICK_SYNC, Service, config_for, eventually, open_service

RUNS = "/api/v1/entities/component/default/cart/runs"


async def reason_of(service: Service) -> str | None:
    store = (await (await service.get("/readyz")).json())["store"]
    return str(store["reason"]) if store["reason"] else None


async def known_runs(service: Service) -> int:
    response = await service.get(f"{RUNS}?limit=200")
    assert response.status == 200, await response.text()
    return len((await response.json())["runs"])


async def test_runs_are_listed_on_a_full_disk_and_litmus_is_left_alone(small: Small) -> None:
    with small_disk(small.catalog.parent, 1_024) as disk:
        config = config_for(
            {"default": (small.simulator, small.token)},
            small.catalog,
            sync=QUICK_SYNC,
            store={"url": f"sqlite:///{disk}/store.db"},
        )
        async with open_service(config) as service:
            await service.ready()
            assert await known_runs(service) == 3
            rest = fill(disk)
            experiment = next(iter(small.world.experiments.values()))
            small.world.start_run(experiment, username="bob")

            async def is_full() -> bool:
                return await reason_of(service) == "full"

            await eventually(is_full)
            small.simulator.clear()
            # Twenty rounds of the fast lane, each of which has news for the history.
            for _ in range(20):
                small.world.start_run(experiment, username="bob")
                asked = small.simulator.asked("listExperiment")
                await eventually(lambda before=asked: small.simulator.asked("listExperiment") > before)  # type: ignore[misc]
            assert await reason_of(service) == "full"
            assert await known_runs(service) == 3
            assert small.simulator.asked("listExperimentRun") <= 2
            answer = await (await service.get(RUNS)).json()
            assert answer["stale"]
            assert answer["sections"]["runHistory"]["error"]["code"] == "store_unavailable"

            await asyncio.to_thread(rest.unlink)

            async def is_caught_up() -> bool:
                return await known_runs(service) == 24 and await reason_of(service) is None

            await eventually(is_caught_up)
