"""When the projects of the catalog are planned: as soon as all sources were read, also if one is empty."""

import asyncio
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path

import pytest

from sidecar.cataloguing import open_catalogue
from sidecar.config import Config, parse_config
from sidecar.model import ProjectRef
from tests.support.backstage import CATALOG_TOKEN, Backstage, FixedClock, component, open_backstage
from tests.support.service import catalog_text, eventually

BY_QUERY = "/api/catalog/entities/by-query"


class Plans:
    """What was planned, in order."""

    def __init__(self) -> None:
        self.made: list[list[str]] = []

    async def plan(self, projects: Collection[ProjectRef]) -> None:
        self.made.append(sorted(project.project_id for project in projects))


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
    async with open_catalogue(config_with(tmp_path, None), plans.plan, FixedClock()):
        assert plans.made == [["p-file"]]


async def test_a_backstage_that_has_nothing_yet_keeps_no_entity_of_a_file_from_being_planned(
    tmp_path: Path,
) -> None:
    plans = Plans()
    async with (
        open_backstage() as backstage,
        open_catalogue(config_with(tmp_path, backstage), plans.plan, FixedClock()),
    ):
        assert backstage.asked[BY_QUERY] == 1
        assert plans.made == [["p-file"]]


async def test_both_sources_are_planned_together(tmp_path: Path) -> None:
    plans = Plans()
    async with open_backstage() as backstage:
        backstage.entities = [component("bank", "p-backstage")]
        async with open_catalogue(config_with(tmp_path, backstage), plans.plan, FixedClock()):
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
        async with open_catalogue(config_with(tmp_path, backstage), plans.plan, FixedClock()) as opened:
            assert plans.made == []
            del backstage.failing[BY_QUERY]
            following = asyncio.create_task(opened.tasks["catalog of Backstage"]())
            await eventually(lambda: bool(plans.made))
            following.cancel()
            with suppress(asyncio.CancelledError):
                await following
    assert plans.made == [[*has, "p-file"]]
