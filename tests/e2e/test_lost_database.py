"""A database deleted under load: the run history, once it was read anew, is what Litmus has."""

import asyncio
import contextlib
import csv
import io
from pathlib import Path

import aiohttp

from tests.e2e.conftest import Small
from tests.support.service import QUICK_SYNC, Service, config_for, eventually, open_service

RUNS = "/api/v1/entities/component/default/cart/runs?format=csv"
PAST = 60


async def test_after_a_database_was_deleted_under_load_the_csv_has_every_run_of_litmus_once(
    small: Small, tmp_path: Path
) -> None:
    """Nothing twice, too much or missing; while it is read anew the CSV is shorter, and JSON says so."""
    world = small.world
    experiments = list(world.experiments.values())
    for number in range(PAST):
        world.finish_run(world.start_run(experiments[number % len(experiments)], username="alice"))
    config = config_for({"default": (small.simulator, small.token)}, small.catalog, sync={**QUICK_SYNC})
    async with open_service(config) as service:
        await service.ready()
        await eventually(lambda: is_whole(service, small))
        for _ in range(2):
            readers = [asyncio.create_task(read(service)) for _ in range(4)]
            for number in range(10):
                world.finish_run(world.start_run(experiments[number % len(experiments)], username="bob"))
                await asyncio.sleep(0)
            before = service.services.store_health.outages
            for name in ("sidecar.db", "sidecar.db-wal", "sidecar.db-shm"):
                (tmp_path / name).unlink(missing_ok=True)
            await eventually(lambda seen=before: service.services.store_health.outages > seen)  # type: ignore[misc]
            await asyncio.gather(*readers)
            await eventually(lambda: is_whole(service, small))


async def read(service: Service) -> None:
    """Read the CSV; one whose database is lost amid it is broken off, and none is served while it is away."""
    with contextlib.suppress(aiohttp.ClientError):
        await service.get(RUNS)


async def is_whole(service: Service, small: Small) -> bool:
    response = await service.get(RUNS)
    if response.status != 200:
        return False
    rows = list(csv.DictReader(io.StringIO(await response.text())))
    told = sorted(row["experimentRunID"] for row in rows if row["experimentRunID"])
    return told == sorted(run.run_id for run in small.world.runs if run.run_id and not run.is_removed)
