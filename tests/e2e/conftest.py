"""Worlds, sidecars on them and a browser, for tests that look at the whole service.

What costs seconds to start is shared: the demonstration by the tests of a
module, Chromium and a sidecar to read from by all. Such tests run in one event
loop, that of the session, and leave what they share as it was.
"""

import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser

from sidecar.cli.demo import demo_config
from sidecar.simulator import Simulator, World, open_simulator
from sidecar.simulator.demo import Demo, open_demo
from sidecar.simulator.demo_catalog import demo_catalog
from sidecar.simulator.documents import OWNER, Project
from tests.store.postgres import PostgresServer, running_server
from tests.support.browser import open_browser
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


@dataclass
class ReadOnly:
    """The small world and a sidecar that read it, for tests that change neither."""

    small: Small
    service: Service


@dataclass
class Shown:
    """The demonstration's worlds, and the sidecar on them once everything was read."""

    worlds: Demo
    service: Service

    @property
    def base_url(self) -> str:
        return self.service.url("").rstrip("/")


@asynccontextmanager
async def open_small(folder: Path) -> AsyncIterator[Small]:
    """Start the small world; its catalog is written into the folder."""
    world = World(name="small")
    user = world.add_user("backstage")
    project = world.add_project("shop", owner=world.add_user("alice"), members={user.user_id: OWNER})
    infra = world.add_infra(project, world.add_environment(project, "prod"), "cluster")
    for name in ("cart-kill", "cart-cpu", "cart-net"):
        world.start_run(world.add_experiment(project, infra, name), username="alice")
    catalog = folder / "catalog-info.yaml"
    catalog.write_text(catalog_text({"cart": project.project_id}))
    async with open_simulator(world) as simulator:
        yield Small(simulator, project, world.issue_token(user), catalog)


@asynccontextmanager
async def open_shown(folder: Path) -> AsyncIterator[Shown]:
    """Start the demonstration; its catalog and database are written into the folder.

    Nobody but the test starts experiments by hand; schedules go on.
    """
    catalog = folder / "catalog-info.yaml"
    catalog.write_text(demo_catalog(), encoding="utf-8")
    async with open_demo() as worlds, open_service(demo_config(worlds, catalog, 0)) as service:
        worlds.default.world.motion.starters = ()
        await service.ready()
        yield Shown(worlds, service)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def read_only(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[ReadOnly]:
    """The small world and the sidecar on it, shared by all tests that only read."""
    # Without the limits of a minute: however many of these tests there are in one.
    limits = {"personPerMinute": 1_000_000, "personWorkMsPerMinute": 60_000, "keyWorkMsPerMinute": 60_000}
    async with open_small(tmp_path_factory.mktemp("read-only")) as small:
        instances = {"default": (small.simulator, small.token)}
        async with open_service(config_for(instances, small.catalog, limits=limits)) as service:
            await service.ready()
            yield ReadOnly(small, service)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def shown(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Shown]:
    """The demonstration, shared by the tests of a module."""
    async with open_shown(tmp_path_factory.mktemp("demo")) as opened:
        yield opened


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser(program: Callable[[str, str], str]) -> AsyncIterator[Browser]:
    """Chromium, shared by all tests; each opens its own pages of a visitor of its own.

    The same engine without a window around it takes half the time, where it is installed.
    """
    executable = shutil.which("chromium-headless-shell") or program("chromium", "chromium")
    async with open_browser(executable) as opened:
        yield opened


@pytest.fixture
async def small(tmp_path: Path) -> AsyncIterator[Small]:
    """The small world, a new one for each test."""
    async with open_small(tmp_path) as opened:
        yield opened


@pytest.fixture
def shared_store(postgres: PostgresServer) -> str:
    """The address of a new, empty database that several replicas can use."""
    return postgres.new_migrated_database()


@asynccontextmanager
async def open_on_own_postgres(small: Small) -> AsyncIterator[tuple[Service, PostgresServer]]:
    """Start a sidecar on a PostgreSQL that the test may stop; it runs again at the end."""
    with running_server() as server:
        instances = {"default": (small.simulator, small.token)}
        config = config_for(instances, small.catalog, store={"url": server.new_database()})
        async with open_service(config) as running:
            await running.ready()
            yield running, server


@pytest.fixture
async def service(small: Small) -> AsyncIterator[Service]:
    """A sidecar that synchronised the small project once, and will not again within the test."""
    async with open_service(
        config_for({"default": (small.simulator, small.token)}, small.catalog)
    ) as running:
        await running.ready()
        yield running
