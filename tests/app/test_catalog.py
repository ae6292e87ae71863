"""When the projects of the catalog are planned: as soon as all sources were read, also if one is empty."""

import asyncio
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path

import pytest

from sidecar.app.catalog import CatalogReader, open_catalogue
from sidecar.config import Config, parse_config
from sidecar.domain.catalog import Catalog
from sidecar.domain.errors import StoreError
from sidecar.domain.model import ProjectRef
from tests.support.backstage import CATALOG_TOKEN, Backstage, FixedClock, component, open_backstage
from tests.support.builders import catalog, entity, project
from tests.support.service import catalog_text, eventually

BY_QUERY = "/api/catalog/entities/by-query"


class Plans:
    """What was planned, in order."""

    def __init__(self) -> None:
        self.made: list[list[str]] = []
        self.learnt: list[list[str]] = []

    async def plan(self, projects: Collection[ProjectRef]) -> None:
        self.made.append(sorted(project.project_id for project in projects))

    async def learn(self, catalog: Catalog) -> None:
        self.learnt.append(sorted(entity.project.project_id for entity in catalog.entities))


def config_with(directory: Path, backstage: Backstage | None) -> Config:
    (directory / "catalog-info.yaml").write_text(catalog_text({"cart": "p-file"}))
    catalog: dict[str, object] = {"files": ["catalog-info.yaml"]}
    if backstage is not None:
        source = {"baseUrl": backstage.url, "token": CATALOG_TOKEN, "interval": {"milliseconds": 20}}
        catalog["backstage"] = source
    instances = [{"name": "default", "baseUrl": "http://litmus.example.com", "token": "t"}]
    return parse_config({"litmusSidecar": {"instances": instances, "catalog": catalog}}, directory=directory)


async def test_files_alone_are_planned_at_once(tmp_path: Path) -> None:
    plans = Plans()
    async with open_catalogue(config_with(tmp_path, None), plans.plan, FixedClock(), plans.learn):
        assert plans.made == [["p-file"]]


async def test_a_backstage_that_has_nothing_yet_keeps_no_entity_of_a_file_from_being_planned(
    tmp_path: Path,
) -> None:
    plans = Plans()
    async with (
        open_backstage() as backstage,
        open_catalogue(config_with(tmp_path, backstage), plans.plan, FixedClock(), plans.learn),
    ):
        assert backstage.asked[BY_QUERY] == 1
        assert plans.made == [["p-file"]]


async def test_both_sources_are_planned_together(tmp_path: Path) -> None:
    plans = Plans()
    async with open_backstage() as backstage:
        backstage.entities = [component("bank", "p-backstage")]
        async with open_catalogue(config_with(tmp_path, backstage), plans.plan, FixedClock(), plans.learn):
            assert plans.made == [["p-backstage", "p-file"]]


@pytest.mark.parametrize("has", [[], ["p-backstage"]])
async def test_nothing_is_planned_before_backstage_was_read_once_and_all_is_then(
    tmp_path: Path, has: list[str]
) -> None:
    """A plan forgets what it does not name, and what only Backstage knows must outlive its absence."""
    plans = Plans()
    async with open_backstage() as backstage:
        backstage.entities = [component("bank", project_id) for project_id in has]
        backstage.failing[BY_QUERY] = 503
        async with open_catalogue(
            config_with(tmp_path, backstage), plans.plan, FixedClock(), plans.learn
        ) as opened:
            assert plans.made == []
            del backstage.failing[BY_QUERY]
            following = asyncio.create_task(opened.tasks["catalog of Backstage"]())
            await eventually(lambda: bool(plans.made))
            following.cancel()
            with suppress(asyncio.CancelledError):
                await following
    assert plans.made == [[*has, "p-file"]]
    assert plans.learnt[0] == [*has, "p-file"], "who names what is not learnt from half a catalog"


class Changing:
    """A catalog that a test sets, and plans that take as long, and fail, as it says."""

    def __init__(self) -> None:
        self.current = Catalog()
        self.may_go_on = asyncio.Event()
        self.may_go_on.set()
        self.fails = False
        self.begun = 0
        self.planned: list[str] | None = None
        self.reader = CatalogReader(self, self.plan, self.learn)

    def projects_with_id(self, project_id: str) -> tuple[ProjectRef, ...]:
        raise NotImplementedError

    async def plan(self, projects: Collection[ProjectRef]) -> None:
        self.begun += 1
        await self.may_go_on.wait()
        if self.fails:
            raise StoreError("The database is away.")
        self.planned = sorted(one.project_id for one in projects)

    async def learn(self, catalog: Catalog) -> None:
        """Remember nothing."""

    async def becomes(self, *project_ids: str) -> None:
        """Have a source read that brings these projects."""

        async def refresh() -> bool:
            self.current = catalog(
                *(entity(f"component:default/{one}", project=project(one)) for one in project_ids)
            )
            return True

        await self.reader.read(refresh)

    async def stays(self) -> None:
        """Have a source read that brings nothing new."""
        await self.reader.read(self._nothing_new)

    async def _nothing_new(self) -> bool:
        return False


async def test_of_two_sources_that_change_at_once_the_newer_whole_is_planned_last() -> None:
    world = Changing()
    world.may_go_on.clear()
    older = asyncio.create_task(world.becomes("a"))
    await eventually(lambda: world.begun == 1)
    newer = asyncio.create_task(world.becomes("a", "b"))
    await eventually(lambda: len(world.current.entities) == 2)
    assert world.begun == 1
    world.may_go_on.set()
    await asyncio.gather(older, newer)
    assert (world.planned, world.begun) == (["a", "b"], 2)


async def test_a_plan_that_fails_is_made_again_though_nothing_changed_since() -> None:
    world = Changing()
    await world.becomes("a")
    world.fails = True
    await world.becomes("a", "b")
    assert world.planned == ["a"]
    world.fails = False
    await world.stays()
    assert world.planned == ["a", "b"]


async def test_what_is_planned_is_not_planned_again() -> None:
    world = Changing()
    await world.becomes("a")
    await world.stays()
    await world.becomes("a")
    assert world.begun == 1
