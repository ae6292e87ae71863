"""Three projects of one user on a Litmus whose clock can be put forward, and people who read all the time."""

import asyncio
import contextlib
import json
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

from sidecar.app.compose import utc_now
from sidecar.app.tokens import TokenPace
from sidecar.config import Config, parse_config
from sidecar.simulator import Simulator, World, open_simulator
from sidecar.simulator.documents import OWNER, Project, User
from tests.replica.documents import EXPERIMENTS
from tests.support.service import QUICK_SYNC, Service, catalog_text, eventually, open_service

NAMES: Final = ("cart", "shop", "till")
PACE: Final = TokenPace(
    file=timedelta(milliseconds=50),
    managed=timedelta(milliseconds=200),
    grace=timedelta(seconds=1.5),  # longer than a request is under way, also on a busy machine
    proof=timedelta(seconds=1),
    lasting_pause=timedelta(milliseconds=200),
    apart=timedelta(0),
)
DAY_SECONDS: Final = 86_400.0


@dataclass
class Three:
    """A Litmus whose clock can be put forward, with three projects of one user."""

    simulator: Simulator
    user: User
    projects: dict[str, Project]
    directory: Path
    late: list[float] = field(default_factory=list)
    """Seconds by which Litmus's clock alone is ahead."""
    passed: list[float] = field(default_factory=list)
    """Seconds by which Litmus's clock and the sidecar's are ahead."""

    @property
    def world(self) -> World:
        return self.simulator.world

    def config(
        self,
        *,
        store: str | None = None,
        instances: Sequence[str] = ("default",),
        sync: Mapping[str, Any] = QUICK_SYNC,
        **source: Any,
    ) -> Config:
        """Return the configuration with this source of the token, for each instance of this one Litmus."""
        return parse_config(
            {
                "litmusSidecar": {
                    "instances": [
                        {"name": name, "baseUrl": self.simulator.url, **source} for name in instances
                    ],
                    "catalog": {"files": [str(self.directory / "catalog-info.yaml")]},
                    "store": {"url": store or f"sqlite:///{self.directory / 'sidecar.db'}"},
                    "sync": {"maxRequestsPerSecond": 200, "maxStale": {"days": 100}, **sync},
                }
            },
            directory=self.directory,
        )

    def managed(self, store: str | None = None, instances: Sequence[str] = ("default",)) -> Config:
        credentials = {"username": "backstage", "password": "Litmus-1"}
        return self.config(store=store, instances=instances, credentials=credentials)

    def listed(self) -> list[str]:
        return [row.token for row in self.world.api_tokens]

    def now(self) -> datetime:
        """Return what the sidecar's clock shows."""
        return utc_now() + timedelta(seconds=sum(self.passed))

    def age_tokens(self) -> None:
        """Let so much time pass that four fifths and more of every token's life are over."""
        self.passed.append(25 * DAY_SECONDS)

    def made(self) -> int:
        return sum(request.path == "/auth/create_token" for request in self.simulator.requests)


@asynccontextmanager
async def open_three(directory: Path) -> AsyncIterator[Three]:
    late, passed = [0.0], [0.0]
    world = World(name="three", clock=lambda: time.time() + sum(late) + sum(passed))
    user = world.add_user("backstage")
    alice = world.add_user("alice")
    projects = {name: world.add_project(name, owner=alice, members={user.user_id: OWNER}) for name in NAMES}
    for project in projects.values():
        infra = world.add_infra(project, world.add_environment(project, "prod"), "cluster")
        world.add_experiment(project, infra, "pod-delete")
    catalog = {name: project.project_id for name, project in projects.items()}
    (directory / "catalog-info.yaml").write_text(catalog_text(catalog))
    async with open_simulator(world) as simulator:
        yield Three(simulator, user, projects, directory, late, passed)


class Readers:
    """Read everything all the time; a single answer without data fails the test."""

    def __init__(self, three: Three, service: Service) -> None:
        self._three = three
        self._service = service
        self.answers: Counter[str] = Counter()

    async def read(self) -> None:
        while True:
            for name, project in self._three.projects.items():
                overview = await self._service.get(f"/api/v1/entities/component/default/{name}/overview")
                assert overview.status == 200, await overview.text()
                body = json.dumps(
                    {"query": EXPERIMENTS, "variables": {"projectID": project.project_id, "request": {}}}
                )
                answer = await self._service.post(body)
                assert answer.status == 200, await answer.text()
                assert (await answer.json())["data"]["listExperiment"]["experiments"]
                self.answers[name] += 1
            await asyncio.sleep(0.2)


@asynccontextmanager
async def steadily_read(three: Three, config: Config, pace: TokenPace = PACE) -> AsyncIterator[Service]:
    """Serve, and read all the time; what happens within is followed by at least one more reading of all."""
    async with open_service(config, token_pace=pace, clock=three.now) as service:
        await service.ready()
        await eventually(lambda: no_errors(service))
        readers = Readers(three, service)
        reading = asyncio.create_task(readers.read())
        try:
            yield service
            before = readers.answers["till"]
            await eventually(lambda: reading.done() or readers.answers["till"] > before + 1)
        finally:
            reading.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await reading


async def readiness(service: Service) -> Any:
    return await (await service.get("/readyz")).json()


async def token_state(service: Service) -> Any:
    return (await readiness(service))["instances"]["default"]["token"]


async def has_state(service: Service, state: str) -> bool:
    return bool((await token_state(service))["state"] == state)


async def codes(service: Service, name: str | None = None, three: Three | None = None) -> set[str]:
    """Return the codes of all failing sections, of one project or all."""
    projects = (await readiness(service))["projects"]
    wanted = three.projects[name].project_id if three is not None and name is not None else ""
    return {
        error["code"]
        for project, told in projects.items()
        if wanted in project
        for error in told["errors"].values()
    }


async def no_errors(service: Service) -> bool:
    ready = await readiness(service)
    return ready["status"] == "ok" and not any(told["errors"] for told in ready["projects"].values())


@contextlib.contextmanager
def watching(service: Service) -> Iterator[Callable[[], set[str]]]:
    """Collect the codes of all failed synchronisations while the context is open."""

    def failures() -> Counter[str]:
        found: Counter[str] = Counter()
        for family in service.services.metrics.registry.collect():
            for sample in family.samples:
                if sample.name == "litmus_sidecar_sync_attempts_total":
                    found[sample.labels["outcome"]] += int(sample.value)
        return found

    before = failures()
    yield lambda: {code for code in failures() - before if code != "ok"}
