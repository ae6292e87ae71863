"""What is unwise about tokens, on the page of tokens: the same that ``check`` tells."""

import asyncio
from typing import Any, Final

import pytest

from sidecar.config import Config, display_token, parse_config
from sidecar.insight.token_findings import config_findings
from sidecar.simulator import ScriptedFault
from sidecar.simulator.documents import OWNER, VIEWER, User
from tests.e2e.conftest import Small
from tests.support.findings import check
from tests.support.markup import Element
from tests.support.service import QUIET_SYNC, Service, eventually, open_service
from tests.support.visitor import Visitor

PAGE: Final = "/litmus/settings/tokens"
JSON: Final = {"Content-Type": "application/json"}


def config(small: Small, shown: str = "", **source: Any) -> Config:
    return parse_config(
        {
            "litmus": {"apiToken": shown or display_token("backstage")},
            "litmusSidecar": {
                "instances": [
                    {"name": "one", "baseUrl": small.simulator.url, **(source or {"token": small.token})}
                ],
                "catalog": {"files": [str(small.catalog)]},
                "store": {"url": f"sqlite:///{small.catalog.parent / 'sidecar.db'}"},
                "sync": QUIET_SYNC,
                "actions": {"policy": "disabled"},
            },
        },
        directory=small.catalog.parent,
    )


def robot(small: Small) -> User:
    user = small.world.user_named("backstage")
    assert user is not None
    return user


async def card(service: Service) -> Element:
    seen = await Visitor(service).get(PAGE)
    assert seen.status == 200, seen.text
    return seen.page.one("section", aria_labelledby="findings-title")


def sentences(card: Element) -> list[str]:
    return [one.all("bdi")[0].text.rstrip(".") for one in card.all("li")]


def asked(small: Small, path: str) -> int:
    return sum(request.path.startswith(path) for request in small.simulator.requests)


async def make_unwise(small: Small) -> None:
    """Give the token's user all that a user should not have."""
    user, alice = robot(small), small.world.user_named("alice")
    user.initial_login = True
    user.role = "admin"
    small.world.issue_token(user, days=8, name="somebody else's")
    small.world.issue_token(user, days=-1, name="left behind")
    for name in ("a", "b"):
        small.world.add_project(name, owner=alice, members={user.user_id: VIEWER})


async def test_the_page_tells_what_check_tells(small: Small) -> None:
    await make_unwise(small)
    settings = config(small, shown=small.token)
    told = await check(settings, offline=False)
    async with open_service(settings) as service:
        await service.attempted()
        shown = sentences(await card(service))
    assert set(shown) <= set(told)
    assert [one for one in told if one in shown] == shown
    for words in (
        "litmus.apiToken is accepted by one",
        "is an administrator of Litmus",
        "still has its initial password",
        "is more than Viewer in 1 project",
        "in 2 projects that no entity names",
        "1 expired API token",
        "of other names",
    ):
        assert any(words in one for one in shown), words
    # The others are of the configuration alone.
    assert len(shown) == 7


async def test_litmus_is_asked_once_however_many_look(small: Small) -> None:
    async with open_service(config(small)) as service:
        await service.ready()
        visitor = Visitor(service)
        small.simulator.clear()
        await asyncio.gather(*(visitor.get(PAGE) for _ in range(5)))
        await visitor.get(PAGE)
        assert asked(small, "/auth/list_projects") == 1
        assert asked(small, "/auth/login") == 0
        small.simulator.clear()
        await visitor.get("/litmus")
        assert asked(small, "/auth/") == 0


async def test_what_was_changed_on_the_page_is_asked_for_again(small: Small) -> None:
    doomed = small.world.issue_token(robot(small), days=9, name="somebody else's")
    async with open_service(config(small)) as service:
        await service.attempted()
        assert any("of other names" in one for one in sentences(await card(service)))
        visitor = Visitor(service)
        page = (await visitor.get(PAGE)).page
        (form,) = [
            form for form in page.all("form", method="post") if form.all("input", name="do", value="revoke")
        ]
        assert (await visitor.send(form)).status == 303
        assert doomed in small.world.revoked_tokens
        assert not any("of other names" in one for one in sentences(await card(service)))


async def test_what_litmus_does_not_tell_is_said_to_be_not_known(small: Small) -> None:
    small.simulator.faults.add(ScriptedFault(path="/auth/list_projects", status=500, times=None))
    async with open_service(config(small)) as service:
        await service.attempted()
        unknown = [one.text for one in (await card(service)).all("p") if one.text.startswith("Not known")]
    assert len(unknown) == 1
    assert "the user's projects" in unknown[0]
    assert "the user's API tokens" not in unknown[0]


async def test_a_litmus_that_does_not_answer_holds_nobody_up_and_nothing_is_known(small: Small) -> None:
    async with open_service(config(small)) as service:
        await service.attempted()
        small.world.auth_server_up = False
        text = (await card(service)).text
    assert "Not known, because Litmus did not say: account and password of the token's user;" in text


async def test_without_a_managed_token_the_initial_password_is_told_and_nobody_signed_in_for_it(
    small: Small,
) -> None:
    robot(small).initial_login = True
    credentials = {"username": "backstage", "password": "Litmus-1"}
    async with open_service(config(small, credentials=credentials)) as service:
        await eventually(lambda: asked(small, "/auth/login") == 1)
        visitor = Visitor(service)
        await asyncio.gather(*(visitor.get(PAGE) for _ in range(3)))
        assert any("still has its initial password" in one for one in sentences(await card(service)))
        assert asked(small, "/auth/login") == 1
        assert len(small.world.revoked_tokens) == 1


@pytest.mark.parametrize("role", [OWNER])
async def test_a_managed_user_is_judged_as_check_judges_it(small: Small, role: str) -> None:
    user = small.world.add_user("managed", password="a-password-1")
    small.world.set_role(small.project, user, role)
    small.world.issue_token(user, days=9, name="somebody else's")
    settings = config(small, credentials={"username": "managed", "password": "a-password-1"})
    async with open_service(settings) as service:
        await service.attempted()
        shown = sentences(await card(service))
        told = await check(settings, offline=False)
    assert shown == [one for one in told if one in shown]
    assert len(shown) == len(told) - len([*config_findings(settings)]) == 2
