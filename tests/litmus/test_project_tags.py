"""Tags of projects cost one request an interval, and what is not known is not taken for none."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from structlog.testing import capture_logs

from sidecar.domain.model import ProjectRef
from sidecar.litmus.reading.project_tags import ProjectTags
from sidecar.litmus.transport.client import open_litmus_client
from sidecar.litmus.wire.token import LitmusToken
from sidecar.runtime.supervision import end_all
from sidecar.simulator import Simulator, World, open_simulator
from sidecar.simulator.documents import VIEWER, Project, User
from sidecar.simulator.faults import ScriptedFault
from tests.support.service import eventually

LIST = "/auth/list_projects"
TAG = "backstage-owner:team-a"
LONG, SHORT = timedelta(hours=1), timedelta(milliseconds=20)


@dataclass(kw_only=True)
class Tagged:
    """A Litmus whose projects have tags, and what is known of them."""

    litmus: Simulator
    robot: User
    book: ProjectTags
    named: set[ProjectRef] = field(default_factory=set)

    def project(self, name: str, *tags: str, is_member: bool = True) -> str:
        members = {self.robot.user_id: VIEWER} if is_member else {}
        project: Project = self.litmus.world.add_project(name, members=members)
        project.tags = list(tags)
        self.named.add(ProjectRef(instance="default", project_id=project.project_id))
        self.book.look()
        return project.project_id

    async def read(self) -> None:
        await self.book.read(frozenset(ref.project_id for ref in self.named))

    def asked(self) -> int:
        return sum(request.path == LIST for request in self.litmus.requests)


@asynccontextmanager
async def opened(interval: timedelta = LONG, version: str = "3.31.0") -> AsyncIterator[Tagged]:
    world = World(name="tagged", version=version)
    robot = world.add_user("robot")
    token = LitmusToken(world.issue_token(robot))
    async with (
        open_simulator(world) as litmus,
        open_litmus_client(
            base_url=litmus.url, token=lambda: token, max_requests_per_second=10_000
        ) as client,
    ):
        named: set[ProjectRef] = set()
        book = ProjectTags("default", client, lambda: frozenset(named), interval)
        yield Tagged(litmus=litmus, robot=robot, book=book, named=named)


@pytest.mark.parametrize("version", ["3.31.0", "3.9.0"])
async def test_a_projects_tags_are_what_litmus_tells(version: str) -> None:
    async with opened(version=version) as tagged:
        shop, bank = tagged.project("shop", "gke", TAG), tagged.project("bank")
        other = tagged.project("of others", TAG, is_member=False)
        before = [tagged.book.of(one) for one in (shop, bank, other)]
        await tagged.read()
        assert before == [None, None, None]
        assert [tagged.book.of(one) for one in (shop, bank, other)] == [("gke", TAG), (), ()]


async def test_a_project_without_a_list_of_tags_has_none() -> None:
    async with opened() as tagged:
        shop = tagged.project("shop")
        tagged.litmus.world.projects[shop].tags = None
        await tagged.read()
        assert tagged.book.of(shop) == ()


async def test_all_projects_cost_one_request_per_page_and_interval() -> None:
    async with opened() as tagged:
        shops = [tagged.project(f"shop {number}", TAG) for number in range(60)]
        task = {asyncio.create_task(tagged.book.follow())}
        await eventually(lambda: tagged.book.of(shops[-1]) == (TAG,))
        assert tagged.asked() == 2
        assert {tagged.book.of(one) for one in shops} == {(TAG,)}
        await end_all(task)


FAULTS: dict[str, dict[str, Any]] = {
    "a status": {"status": 502},
    "no answer": {"drop": "before"},
    "a database that failed": {"body": '{"message":"No projects found"}'},
    "the auth server's own failure": {"status": 500, "body": '{"error":"server_error"}'},
}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS.keys())
async def test_a_missing_answer_is_not_taken_for_no_tags_and_leaves_what_was_told(
    fault: dict[str, Any],
) -> None:
    async with opened() as tagged:
        shop = tagged.project("shop", TAG)
        tagged.litmus.faults.add(ScriptedFault(path=LIST, times=None, **fault))
        for _ in range(3):
            await tagged.read()
        assert tagged.book.of(shop) is None
        tagged.litmus.faults.clear()
        await tagged.read()
        tagged.litmus.faults.add(ScriptedFault(path=LIST, times=None, **fault))
        for _ in range(3):
            await tagged.read()
        assert tagged.book.of(shop) == (TAG,)


REFUSALS: list[dict[str, Any]] = [{"body": "<html>"}, {"status": 404}, {"status": 403, "body": "no"}]


@pytest.mark.parametrize("fault", REFUSALS)
async def test_one_strange_answer_is_not_taken_for_no_tags(fault: dict[str, Any]) -> None:
    async with opened() as tagged:
        shop = tagged.project("shop", TAG)
        tagged.litmus.faults.add(ScriptedFault(path=LIST, **fault))
        await tagged.read()
        assert tagged.book.of(shop) is None
        await tagged.read()
        assert tagged.book.of(shop) == (TAG,)


@pytest.mark.parametrize("fault", REFUSALS)
async def test_a_litmus_that_tells_none_time_and_again_has_none_and_the_log_says_it_once(
    fault: dict[str, Any],
) -> None:
    async with opened() as tagged:
        shop = tagged.project("shop", TAG)
        tagged.litmus.faults.add(ScriptedFault(path=LIST, times=None, **fault))
        with capture_logs() as logs:
            for _ in range(4):
                await tagged.read()
        assert tagged.book.of(shop) == ()
        assert [one["log_level"] for one in logs] == ["warning"]


async def test_a_project_that_is_named_later_is_asked_about_before_it_counts_as_untagged() -> None:
    async with opened(SHORT) as tagged:
        tagged.project("shop")
        await tagged.read()
        bank = tagged.project("bank", TAG)
        assert tagged.book.of(bank) is None
        await tagged.read()
        assert tagged.book.of(bank) == (TAG,)


async def test_a_project_that_the_token_lost_keeps_what_its_owners_wrote() -> None:
    async with opened() as tagged:
        tagged.project("other")
        shop = tagged.project("shop", TAG)
        await tagged.read()
        tagged.litmus.world.projects[shop].members.clear()
        await tagged.read()
        assert tagged.book.of(shop) == (TAG,)


async def test_a_tag_that_is_taken_away_is_gone_with_the_next_reading() -> None:
    async with opened() as tagged:
        shop = tagged.project("shop", TAG)
        await tagged.read()
        tagged.litmus.world.projects[shop].tags = []
        await tagged.read()
        assert tagged.book.of(shop) == ()


async def test_nothing_is_asked_while_no_project_is_named() -> None:
    async with opened(SHORT) as tagged:
        task = {asyncio.create_task(tagged.book.follow())}
        for _ in range(3):
            await asyncio.sleep(0)
        assert tagged.asked() == 0
        shop = tagged.project("shop", TAG)
        await eventually(lambda: tagged.book.of(shop) == (TAG,))
        await end_all(task)


async def test_the_first_projects_that_are_named_are_asked_about_at_once() -> None:
    async with opened(LONG) as tagged:
        task = {asyncio.create_task(tagged.book.follow())}
        await asyncio.sleep(0)
        shop = tagged.project("shop", TAG)
        # An interval is an hour: nothing but being told of them wakes who waits for the next reading.
        await eventually(lambda: tagged.book.of(shop) == (TAG,))
        assert tagged.asked() == 1
        await end_all(task)


async def failed_often(tagged: Tagged) -> None:
    """Have the next reading be due in two minutes."""
    tagged.litmus.faults.add(ScriptedFault(path=LIST, status=401, times=3))
    for _ in range(3):
        await tagged.read()


async def test_what_could_not_be_read_is_asked_for_again_when_there_is_a_new_token() -> None:
    async with opened(LONG) as tagged:
        shop = tagged.project("shop", TAG)
        await failed_often(tagged)
        task = {asyncio.create_task(tagged.book.follow())}
        tagged.book.retry()
        await eventually(lambda: tagged.book.of(shop) == (TAG,))
        assert tagged.asked() == 4
        await end_all(task)


async def test_a_token_that_comes_while_a_reading_fails_is_not_forgotten() -> None:
    async with opened(LONG) as tagged:
        shop = tagged.project("shop", TAG)
        await failed_often(tagged)
        tagged.litmus.faults.add(ScriptedFault(path=LIST, status=401, delay_seconds=0.2))
        task = {asyncio.create_task(tagged.book.follow())}
        tagged.book.retry()
        await eventually(lambda: tagged.asked() == 4)
        tagged.book.retry()
        await eventually(lambda: tagged.book.of(shop) == (TAG,))
        assert tagged.asked() == 5
        await end_all(task)


async def test_a_new_token_asks_for_nothing_that_is_known() -> None:
    async with opened(LONG) as tagged:
        shop = tagged.project("shop", TAG)
        task = {asyncio.create_task(tagged.book.follow())}
        await eventually(lambda: tagged.book.of(shop) == (TAG,))
        tagged.book.retry()
        # It takes its turn before this is asked, and would have the connection that is open.
        await asyncio.sleep(0)
        await tagged.read()
        assert tagged.asked() == 2
        await end_all(task)
