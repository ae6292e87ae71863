"""What is served while the database is away: all but the list of runs, also what nobody asked for before."""

import asyncio
import json

import pytest

from tests.e2e.conftest import Small, open_on_own_postgres
from tests.support.service import Service, eventually

ENTITY = "/api/v1/entities/component/default/cart"
PAGE = "/litmus/entities/component/default/cart"
NEVER_ASKED = (
    f"{ENTITY}/overview?window=7d",
    f"{ENTITY}/overview?window=30d&tz=Asia%2FKathmandu",
    f"{ENTITY}/content",
    "/api/v1/portfolio?window=30d",
    "/litmus",
    f"{PAGE}?window=7d",
    f"{PAGE}/report?window=7d",
    f"{PAGE}/score.svg",
    f"{PAGE}/trend.svg?window=7d",
    f"{PAGE}/runs.svg?window=7d",
    f"{PAGE}/badge.svg?label=chaos",
)


async def status_of(service: Service, path: str) -> tuple[str, int]:
    return path, (await service.get(path)).status


async def is_degraded(service: Service) -> bool:
    await service.get(f"{ENTITY}/runs")
    return service.services.store_health.state == "degraded"


@pytest.mark.parametrize("narrowing", [None, "litmuschaos.io/infra-ids"])
async def test_views_that_nobody_opened_before_are_made_without_the_database(
    small: Small, narrowing: str | None
) -> None:
    if narrowing:
        document = json.loads(small.catalog.read_text())
        (document["metadata"]["annotations"][narrowing],) = small.world.infras
        small.catalog.write_text(json.dumps(document))
    async with open_on_own_postgres(small) as (service, postgres):
        shown = (await (await service.get(f"{ENTITY}/overview?window=24h")).json())["latestRuns"]
        assert len(shown) == 3
        await asyncio.to_thread(postgres.stop)
        try:
            await eventually(lambda: is_degraded(service))
            assert [await status_of(service, path) for path in NEVER_ASKED] == [
                (path, 200) for path in NEVER_ASKED
            ]
            assert (await (await service.get(NEVER_ASKED[0])).json())["latestRuns"] == shown
            refused = await service.get(f"{ENTITY}/runs")
            assert (refused.status, (await refused.json())["code"]) == (503, "store_unavailable")
        finally:
            await asyncio.to_thread(postgres.start)
