"""What the content says that a caller may do is what comes of asking for it; requests without a body."""

import itertools
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from sidecar.actions.kinds import KINDS
from sidecar.domain.action import ActionKind
from tests.e2e.conftest import Small
from tests.e2e.portal import KEY, RUNNER, Portal, open_portal
from tests.support.service import eventually

CONTENT = "/api/v1/entities/component/default/cart/content"
NAMES = {
    ActionKind.RUN: "run",
    ActionKind.STOP: "stop",
    ActionKind.SCHEDULE: "schedule",
    ActionKind.START_SCHEDULE: "startSchedule",
}


@pytest.fixture
async def portal(small: Small) -> AsyncIterator[Portal]:
    async with open_portal(small) as one:
        yield one


async def content(portal: Portal, user: str | None = "alice", key: str | None = KEY) -> tuple[str, Any]:
    response = await portal.service.get(CONTENT, headers=portal.headers(user, key))
    assert response.status == 200
    return response.headers["ETag"], await response.json()


async def bare(
    portal: Portal, method: str, path: str, headers: dict[str, str], body: bytes | None = None
) -> aiohttp.ClientResponse:
    """Send a request that declares no type."""
    url = portal.service.url(path)
    async with portal.service.session.request(
        method, url, headers=headers, data=body, skip_auto_headers=("Content-Type",)
    ) as response:
        await response.read()
        return response


@pytest.mark.parametrize(("user", "key"), [("alice", KEY), ("bob", KEY), ("root", KEY), (None, KEY)])
async def test_a_refusal_is_told_beforehand_in_its_own_words(
    portal: Portal, user: str | None, key: str
) -> None:
    _, told = await content(portal, user, key)
    assert len(told["experiments"]) == 3
    experiment = next(
        one for one in told["experiments"] if one["experimentID"] == portal.experiment.experiment_id
    )
    allowed = experiment["allowedActions"]
    # Whoever may, runs it last: what was read is true until then.
    for kind in sorted(NAMES, key=lambda one: allowed[NAMES[one]]["allowed"]):
        path = portal.run_path.removesuffix("run") + KINDS[kind].path
        body = {"suspended": True} if kind is ActionKind.SCHEDULE else {}
        status, answer = await portal.post(
            path, body if kind is not ActionKind.STOP else {"all": True}, headers=portal.headers(user, key)
        )
        said = {"allowed": status == 202, "reason": None if status == 202 else answer["detail"]}
        assert said == allowed[NAMES[kind]], kind


async def test_nobody_gets_the_answer_of_another(portal: Portal) -> None:
    tag, mine = await content(portal, "alice")
    other, theirs = await content(portal, "bob")
    assert tag != other
    assert [one["allowedActions"]["run"]["allowed"] for one in mine["experiments"]] == [True] * 3
    assert {one["allowedActions"]["run"]["reason"] for one in theirs["experiments"]} == {
        "Only owners of component:default/cart may do this, and user:default/bob is none."
    }
    # The rest is the same.
    for answer in (mine, theirs):
        for one in answer["experiments"]:
            del one["allowedActions"]
    assert mine == theirs
    headers = {**portal.headers("bob"), "If-None-Match": tag}
    assert (await portal.service.get(CONTENT, headers=headers)).status == 200
    headers["If-None-Match"] = other
    assert (await portal.service.get(CONTENT, headers=headers)).status == 304


async def test_litmus_is_asked_for_nothing_to_say_it(portal: Portal) -> None:
    # A stranger's answer is nobody else's, so each is made anew; what runs in the background ends.
    strangers = (f"stranger-{number}" for number in itertools.count())

    async def asked_for_nothing() -> bool:
        before = len(portal.small.simulator.requests)
        for _ in range(5):
            await content(portal, next(strangers))
        return len(portal.small.simulator.requests) == before

    await eventually(asked_for_nothing)


async def test_what_changes_in_litmus_changes_what_may_be_done(portal: Portal) -> None:
    assert (await portal.run())[0] == 202

    async def running() -> bool:
        _, told = await content(portal)
        return any("already" in (one["allowedActions"]["run"]["reason"] or "") for one in told["experiments"])

    await eventually(running)


async def test_a_request_without_a_body_needs_no_type(portal: Portal) -> None:
    response = await bare(portal, "POST", portal.run_path, portal.headers())
    assert response.status == 202
    assert portal.started() == 1
    stop = portal.run_path.removesuffix("run") + "stop"
    assert (await bare(portal, "POST", stop, portal.headers())).status in {202, 409}
    share = "/api/v1/entities/component/default/cart/share"
    assert (await bare(portal, "DELETE", f"{share}/none", portal.headers())).status == 404
    # One that needs a body says so.
    schedule = portal.run_path.removesuffix("run") + "schedule"
    assert (await bare(portal, "POST", schedule, portal.headers())).status == 400


async def test_a_body_without_a_type_is_refused(portal: Portal) -> None:
    response = await bare(portal, "POST", portal.run_path, portal.headers(None, RUNNER), b"{}")
    assert response.status == 415
    assert portal.started() == 0
