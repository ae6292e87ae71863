"""One small world and one sidecar on it, for tests that look at the whole service."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from sidecar.simulator import Simulator, World, open_simulator
from sidecar.simulator.documents import OWNER, Project
from tests.support.service import Service, catalog_text, config_for, open_service


@dataclass
class Small:
    """A Litmus with one project of three experiments, in the catalog as component ``cart``."""

    simulator: Simulator
    project: Project
    token: str
    catalog: Path

    @property
    def world(self) -> World:
        return self.simulator.world


@pytest.fixture
async def small(tmp_path: Path) -> AsyncIterator[Small]:
    world = World(name="small")
    user = world.add_user("backstage")
    project = world.add_project("shop", owner=world.add_user("alice"), members={user.user_id: OWNER})
    infra = world.add_infra(project, world.add_environment(project, "prod"), "cluster")
    for name in ("cart-kill", "cart-cpu", "cart-net"):
        world.start_run(world.add_experiment(project, infra, name), username="alice")
    catalog = tmp_path / "catalog-info.yaml"
    catalog.write_text(catalog_text({"cart": project.project_id}))
    async with open_simulator(world) as simulator:
        yield Small(simulator, project, world.issue_token(user), catalog)


@pytest.fixture
async def service(small: Small) -> AsyncIterator[Service]:
    """A sidecar that synchronised the small project once, and will not again within the test."""
    async with open_service(
        config_for({"default": (small.simulator, small.token)}, small.catalog)
    ) as running:
        await running.ready()
        yield running
