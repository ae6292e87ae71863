"""Five sidecars on a Litmus whose auth server is away for a while: little hangs, nothing is done late."""

from contextlib import AsyncExitStack
from pathlib import Path
from typing import Final

from sidecar.domain.model import Section
from sidecar.http.services import Services
from tests.e2e.conftest import Small
from tests.support.service import QUICK_SYNC, Service, config_for, eventually, open_service

SIDECARS: Final = 5
IN_FLIGHT: Final = 4
ROUNDS: Final = 3
"""How often each sidecar reads its hubs during the outage, one slow interval apart."""


def error_of(services: Services, section: Section) -> str | None:
    (entity,) = services.catalogue.current.entities
    snapshot = services.snapshots.get(entity.project)
    assert snapshot is not None
    error = snapshot.freshness[section].error
    return error.code if error is not None else None


def breaker(services: Services) -> str:
    (health,) = services.instances().values()
    return health.breaker


async def run(small: Small, service: Service) -> tuple[int, str]:
    experiment = next(iter(small.world.experiments))
    path = f"/api/v1/entities/component/default/cart/experiments/{experiment}/run"
    headers = {"Origin": service.url("").rstrip("/")}
    async with service.session.post(service.url(path), json={"force": True}, headers=headers) as response:
        return response.status, (await response.json())["code"]


async def test_an_auth_server_that_is_away_costs_a_few_hanging_requests_and_no_run(
    small: Small, tmp_path: Path
) -> None:
    async with AsyncExitStack() as stack:
        services = []
        for number in range(SIDECARS):
            config = config_for(
                {"default": (small.simulator, small.token)},
                small.catalog,
                store={"url": f"sqlite:///{tmp_path / f'{number}.db'}"},
                sync={**QUICK_SYNC, "requestTimeout": {"milliseconds": 500}, "maxInFlight": IN_FLIGHT},
                actions={"policy": "users"},
            )
            services.append(await stack.enter_async_context(open_service(config)))
        for service in services:
            await service.ready()
        runs = len(small.world.runs)
        small.simulator.auth_away = True
        small.simulator.clear()

        for service in services:
            await eventually(lambda service=service: breaker(service.services) != "closed")  # type: ignore[misc]
        refused = [await run(small, service) for service in services]
        await eventually(lambda: small.simulator.asked("listChaosHub") >= ROUNDS * SIDECARS)

        assert {code for _, code in refused} <= {"upstream_auth_away", "upstream_paused"}
        assert 0 < small.simulator.most_hanging <= SIDECARS * IN_FLIGHT
        assert {error_of(service.services, Section.HUBS) for service in services} == {None}

        small.simulator.auth_away = False
        for service in services:
            await eventually(
                lambda service=service: (  # type: ignore[misc]
                    breaker(service.services) == "closed"
                    and error_of(service.services, Section.EXPERIMENTS) is None
                )
            )
        assert small.simulator.hanging == 0
        assert len(small.world.runs) == runs
        assert small.simulator.asked("runChaosExperiment") == 0
