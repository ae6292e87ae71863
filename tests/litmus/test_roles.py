"""What the token's role does not allow is not asked for, and the role is asked for once an interval."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from sidecar.domain.model import GitOps, Lane, ProjectRef, Section, SectionResult
from sidecar.domain.roles import LitmusRole
from sidecar.litmus.reading.roles import RoleCache
from sidecar.litmus.reading.source import LitmusSource
from sidecar.litmus.transport.client import LitmusClient, open_litmus_client
from sidecar.litmus.wire.token import LitmusToken
from sidecar.simulator import Simulator, World, open_simulator
from sidecar.simulator.documents import EXECUTOR, OWNER, VIEWER, Member, Project, User
from tests.support.service import eventually

LONG = timedelta(hours=1)
ALWAYS = timedelta(0)


@dataclass(kw_only=True)
class Shop:
    """A project in which the robot has any role, or none."""

    litmus: Simulator
    client: LitmusClient
    robot: User
    tokens: list[str]
    project: Project

    @property
    def ref(self) -> ProjectRef:
        return ProjectRef(instance="default", project_id=self.project.project_id)

    def give(self, role: str | None) -> None:
        self.project.members = [one for one in self.project.members if one.user_id != self.robot.user_id]
        if role is not None:
            self.project.members.append(Member(user_id=self.robot.user_id, role=role))

    def book(self, interval: timedelta = LONG) -> RoleCache:
        return RoleCache({"default": self.client}, lambda: [self.ref], interval)

    def source(self, book: RoleCache | None) -> LitmusSource:
        return LitmusSource(
            self.client, lambda: datetime.now(UTC), role=book.current if book is not None else None
        )

    async def gitops(self, source: LitmusSource) -> object:
        results = await source.collect(self.ref, Lane.SLOW, None)
        (gitops,) = (result for result in results if result.section is Section.GITOPS)
        assert gitops.error is None
        return gitops.value

    def asked_roles(self) -> int:
        return sum("get_project_role" in request.path for request in self.litmus.requests)


@pytest.fixture
async def shop() -> AsyncIterator[Shop]:
    world = World(name="shop")
    robot = world.add_user("robot")
    project = world.add_project("shop", owner=world.add_user("alice"))
    tokens = [world.issue_token(robot)]
    async with (
        open_simulator(world) as litmus,
        open_litmus_client(
            base_url=litmus.url, token=lambda: LitmusToken(tokens[-1]), max_requests_per_second=10_000
        ) as client,
    ):
        yield Shop(litmus=litmus, client=client, robot=robot, tokens=tokens, project=project)


@pytest.mark.parametrize("role", [VIEWER, EXECUTOR])
async def test_without_the_role_of_an_owner_gitops_is_not_asked_for(shop: Shop, role: str) -> None:
    shop.give(role)

    assert await shop.gitops(shop.source(shop.book())) == GitOps(enabled=None)
    assert shop.litmus.asked("getGitOpsDetails") == 0


async def test_an_owner_is_told_of_gitops(shop: Shop) -> None:
    shop.give(OWNER)

    assert await shop.gitops(shop.source(shop.book())) == GitOps(enabled=False)


async def test_a_role_that_changes_is_noticed_by_the_slow_lane(shop: Shop) -> None:
    shop.give(VIEWER)
    source = shop.source(shop.book(ALWAYS))
    before = await shop.gitops(source)
    shop.give(OWNER)

    assert (before, await shop.gitops(source)) == (GitOps(enabled=None), GitOps(enabled=False))


async def test_a_role_that_is_not_told_leaves_the_answer_to_litmus(shop: Shop) -> None:
    shop.give(OWNER)

    assert await shop.gitops(shop.source(None)) == GitOps(enabled=False)


async def test_a_role_is_asked_for_once_an_interval_whoever_wants_to_know(shop: Shop) -> None:
    shop.give(VIEWER)
    book = shop.book()
    source = shop.source(book)
    for _ in range(3):
        await shop.gitops(source)

    assert await book.current(shop.ref) is LitmusRole.VIEWER
    assert shop.asked_roles() == 1


async def test_another_token_is_asked_for_its_own_role(shop: Shop) -> None:
    shop.give(VIEWER)
    book = shop.book()
    await book.current(shop.ref)
    carol = shop.litmus.world.add_user("carol")
    shop.project.members.append(Member(user_id=carol.user_id, role=OWNER))
    shop.tokens.append(shop.litmus.world.issue_token(carol))

    assert await book.current(shop.ref) is LitmusRole.OWNER


async def test_an_outage_leaves_the_role_that_was_known(shop: Shop) -> None:
    shop.give(VIEWER)
    book = shop.book(ALWAYS)
    await book.current(shop.ref)
    shop.litmus.auth_away = True

    assert await book.current(shop.ref) is LitmusRole.VIEWER


async def test_an_unreadable_key_is_not_taken_for_no_role(shop: Shop) -> None:
    shop.give(VIEWER)
    book = shop.book(ALWAYS)
    await book.current(shop.ref)
    shop.litmus.key_unreadable = True

    assert await book.current(shop.ref) is LitmusRole.VIEWER


async def test_a_project_without_any_role_costs_one_denied_document_and_then_questions_that_deny_nothing(
    shop: Shop,
) -> None:
    source = shop.source(None)
    first = await source.collect(shop.ref, Lane.FAST, None)
    for _ in range(5):
        again = await source.collect(shop.ref, Lane.FAST, None)
        assert codes(again) == codes(first) == {"upstream_denied"}
    assert (shop.litmus.asked("listExperiment"), shop.asked_roles()) == (1, 5)

    shop.give(VIEWER)

    assert codes(await source.collect(shop.ref, Lane.FAST, None)) == {None}


def codes(results: Sequence[SectionResult]) -> set[str | None]:
    return {result.error.code if result.error is not None else None for result in results}


async def test_the_data_of_a_project_is_read_before_its_role(shop: Shop) -> None:
    shop.give(VIEWER)
    read: set[ProjectRef] = set()
    short = timedelta(milliseconds=10)
    book = RoleCache({"default": shop.client}, lambda: {shop.ref}, short, is_read=read.__contains__)
    following = asyncio.create_task(book.follow())
    try:
        for _ in range(20):
            await asyncio.sleep(0)
        assert shop.asked_roles() == 0
        read.add(shop.ref)
        await eventually(lambda: book.role(shop.ref) is LitmusRole.VIEWER)
    finally:
        following.cancel()
        await asyncio.wait([following])
