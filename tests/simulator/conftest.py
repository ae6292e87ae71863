"""A small world on a running simulator, and one way to ask it."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import pytest

from sidecar.simulator import Simulator, World, open_simulator
from sidecar.simulator.documents import Environment, Experiment, Infra, Project, User

NOW = 1_763_728_800.0


@dataclass
class Answer:
    status: int
    content_type: str | None
    text: str
    json: Any


@dataclass
class Clock:
    now: float = NOW

    def __call__(self) -> float:
        return self.now


@dataclass(kw_only=True)
class Shop:
    """One project with one experiment, its owner and a viewer, and a client for it."""

    simulator: Simulator
    session: aiohttp.ClientSession
    clock: Clock
    world: World
    owner: User
    viewer: User
    project: Project
    environment: Environment
    infra: Infra
    experiment: Experiment
    token: str = field(repr=False)

    async def send(self, method: str, path: str, **options: Any) -> Answer:
        async with self.session.request(method, self.simulator.url + path, **options) as response:
            text = await response.text()
            is_json = text[:1] in {"{", "["}
            content_type = response.headers.get("Content-Type")
            return Answer(
                response.status,
                content_type,
                text,
                await response.json(content_type=None) if is_json else None,
            )

    async def ask(
        self, query: str, variables: dict[str, Any] | None = None, *, token: str | None = None, **headers: str
    ) -> Answer:
        """Send a query as the owner; ``$p`` stands for a variable with the project's id."""
        if "$p" in query and not query.lstrip().startswith(("query", "mutation")):
            query = "query ($p: ID!) " + query
        headers.setdefault("Authorization", f"Bearer {self.token if token is None else token}")
        body = {"query": query, "variables": {"p": self.project.project_id} | (variables or {})}
        return await self.send("POST", "/api/query", json=body, headers=headers)

    async def data(self, query: str, variables: dict[str, Any] | None = None) -> Any:
        answer = await self.ask(query, variables)
        assert answer.status == 200
        assert "errors" not in answer.json, answer.json["errors"]
        return answer.json["data"]

    async def auth(self, method: str, path: str, *, token: str | None = None, **options: Any) -> Answer:
        headers = {"Authorization": f"Bearer {self.token if token is None else token}"}
        return await self.send(method, f"/auth{path}", headers=headers, **options)


@pytest.fixture
async def shop() -> AsyncIterator[Shop]:
    clock = Clock()
    world = World(name="shop", clock=clock)
    owner, viewer = world.add_user("alice"), world.add_user("victor")
    project = world.add_project("Web shop", owner=owner, members={viewer.user_id: "Viewer"})
    environment = world.add_environment(project, "production", type="PROD")
    infra = world.add_infra(project, environment, "gke")
    experiment = world.add_experiment(
        project, infra, "checkout-pod-delete", faults=("pod-delete", "pod-cpu-hog")
    )
    async with open_simulator(world) as simulator, aiohttp.ClientSession() as session:
        yield Shop(
            simulator=simulator,
            session=session,
            clock=clock,
            world=world,
            owner=owner,
            viewer=viewer,
            project=project,
            environment=environment,
            infra=infra,
            experiment=experiment,
            token=world.issue_token(owner),
        )
