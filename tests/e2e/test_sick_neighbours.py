"""However sick Litmus and Backstage are: the service lives, serves what it has, and heals with them."""

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any, Final

import structlog

from sidecar.app.tokens import TokenPace
from sidecar.config import Config, parse_config
from sidecar.domain.model import Section
from tests.e2e.conftest import Small, open_small
from tests.replica.documents import EXPERIMENTS
from tests.support.backstage import CATALOG_TOKEN, component, open_backstage
from tests.support.malformed import MALADIES, MARK, SickNeighbour, open_sick_neighbour
from tests.support.service import Service, eventually, open_service

PACE: Final = TokenPace(
    managed=timedelta(milliseconds=100),
    proof=timedelta(milliseconds=100),
    lasting_pause=timedelta(milliseconds=100),
    apart=timedelta(0),
)
KEY: Final = {"X-Litmus-Sidecar-Key": "reader-0123456789abcdef"}
SYNC: Final = {
    "interval": {"milliseconds": 100},
    "slowInterval": {"milliseconds": 200},
    "activeInterval": {"milliseconds": 100},
}
ROUTES: Final = ("/api/query", "/auth/get_project_role", "/auth/get_user", "/auth/token")
"""What a running sidecar with a managed token asks all the time."""
CHOSEN: Final = (
    "no UTF-8 alone",
    "deep arrays",
    "deep objects at known places",
    "truncated",
    "half a pair",
    "huge whole",
    "long text",
    "long list",
    "null",
    "an object",
    "nulls",
    "lists",
    "HTML",
    "failing with HTML",
    "two lengths",
    "a bomb",
    "broken gzip",
    "long header",
    "redirected to itself",
    "reset",
    "drip",
)
"""One of each kind: all of them, on all routes, are tried at the clients that ask."""


@dataclass
class Sick:
    """A service with a sick neighbour before its Litmus and one before its Backstage."""

    small: Small
    litmus: SickNeighbour
    backstage: SickNeighbour
    service: Service

    async def is_fresh(self) -> bool:
        """Tell whether everything was read since it failed, and what the token may do is known."""
        (entity,) = self.service.services.catalogue.current.entities
        snapshot = self.service.services.snapshots.get(entity.project)
        return (
            snapshot is not None
            and {one for one, fresh in snapshot.freshness.items() if fresh.error is None} == set(Section)
            and self.service.services.actions.token_role(entity.project) is not None
            and not self.service.services.catalogue.current.problems
        )

    def forget(self) -> None:
        self.litmus.struck.clear()
        self.backstage.struck.clear()

    def was_struck(self, routes: Sequence[str] = ROUTES) -> bool:
        return all(self.litmus.struck[route] for route in routes) and self.backstage.struck.total() > 0


def config_of(litmus: SickNeighbour, backstage: SickNeighbour, folder: Path) -> Config:
    section = {
        "instances": [
            {
                "name": "default",
                "baseUrl": litmus.url,
                "credentials": {"username": "backstage", "password": "Litmus-1"},
            }
        ],
        "catalog": {
            "backstage": {
                "baseUrl": backstage.url,
                "token": CATALOG_TOKEN,
                "interval": {"milliseconds": 100},
            }
        },
        "auth": {"keys": [{"name": "reader", "secret": KEY["X-Litmus-Sidecar-Key"], "scopes": ["read"]}]},
        "store": {"url": f"sqlite:///{folder / 'sidecar.db'}"},
        "sync": {
            "maxRequestsPerSecond": 500,
            "maxStale": {"days": 1},
            "requestTimeout": {"seconds": 1},
            **SYNC,
        },
    }
    return parse_config({"litmusSidecar": section}, directory=folder)


@asynccontextmanager
async def open_sick(folder: Path) -> AsyncIterator[Sick]:
    async with open_small(folder) as small, open_backstage() as backstage:
        backstage.entities = [component("cart", small.project.project_id)]
        async with (
            open_sick_neighbour(small.simulator.url) as litmus,
            open_sick_neighbour(backstage.url) as catalog,
            open_service(config_of(litmus, catalog, folder), token_pace=PACE) as service,
        ):
            sick = Sick(small, litmus, catalog, service)
            await eventually(sick.is_fresh)
            yield sick


async def served(service: Service, project_id: str) -> dict[str, Any]:
    response = await service.session.post(
        service.url("/api/query"),
        data=json.dumps({"query": EXPERIMENTS, "variables": {"projectID": project_id, "request": {}}}),
        headers={"Content-Type": "application/json", **KEY},
    )
    assert response.status == 200, await response.text()
    answer: dict[str, Any] = await response.json()
    return answer


async def test_the_service_outlives_every_malady_serves_on_and_heals(tmp_path: Path) -> None:
    with structlog.testing.capture_logs() as log:
        async with open_sick(tmp_path) as sick:
            project_id = sick.small.project.project_id
            names = {row["name"] for row in experiments(await served(sick.service, project_id))}
            assert names == {"cart-kill", "cart-cpu", "cart-net"}
            for name in CHOSEN:
                malady = MALADIES[name]
                sick.litmus.malady = sick.backstage.malady = malady
                sick.forget()
                # A Litmus that never answers is soon left alone, on the other routes too.
                routes = ("/api/query",) if name == "drip" else ROUTES
                await eventually(partial(sick.was_struck, routes))
                await assert_alive(sick, project_id, names, name)
            sick.litmus.malady = sick.backstage.malady = None
            await eventually(sick.is_fresh)
            assert {row["name"] for row in experiments(await served(sick.service, project_id))} == names
    bugs = [entry for entry in log if entry["event"] in {"task failed", "failed unexpectedly"}]
    assert bugs == []
    assert MARK not in json.dumps(log, default=str)


def experiments(answer: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = answer["data"]["listExperiment"]["experiments"]
    return found


async def assert_alive(sick: Sick, project_id: str, names: set[str], malady: str) -> None:
    service = sick.service
    assert service.services.supervisor.dead is None, malady
    assert (await service.get("/healthz")).status == 200, malady
    assert {row["name"] for row in experiments(await served(service, project_id))} == names, malady
    for path in (
        "/readyz",
        "/metrics",
        "/api/v1/entities",
        "/api/v1/entities/component/default/cart",
        "/litmus",
    ):
        response = await service.get(path, headers=KEY)
        text = await response.text()
        assert response.status < 500 or path == "/readyz", (malady, path, text)
        assert MARK not in text, (malady, path)
