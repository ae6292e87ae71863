"""The auth server's REST API, asked through the real client: its answers, and every trap in them."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import jwt
import pytest

from sidecar.domain.errors import (
    CredentialsRejectedError,
    InitialPasswordError,
    TokenRejectedError,
    UpstreamError,
    UpstreamHostRefusedError,
    UpstreamProtocolError,
    UpstreamUnavailableError,
)
from sidecar.litmus.transport.auth import LitmusAuth
from sidecar.litmus.transport.client import open_litmus_client
from sidecar.litmus.wire.token import LitmusToken
from sidecar.simulator import ScriptedFault, Simulator, World, open_simulator
from sidecar.simulator.documents import User

DAY_SECONDS = 86_400


@dataclass
class Clock:
    now: float = 1_763_728_800.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Litmus:
    """A world with one user, and the client under test."""

    simulator: Simulator
    auth: LitmusAuth
    user: User
    clock: Clock = field(default_factory=Clock)

    @property
    def world(self) -> World:
        return self.simulator.world

    def token(self, days: float = 30, name: str = "own") -> LitmusToken:
        return LitmusToken(self.world.issue_token(self.user, days=days, name=name))

    def listed(self) -> list[str]:
        return [row.token for row in self.world.api_tokens]


@asynccontextmanager
async def opened(version: str = "3.31.0") -> AsyncIterator[Litmus]:
    clock = Clock()
    world = World(name="auth", version=version, clock=clock)
    user = world.add_user("robot")
    world.add_project("shop", owner=user)

    def no_token() -> LitmusToken:
        raise AssertionError

    async with (
        open_simulator(world) as simulator,
        open_litmus_client(base_url=simulator.url, token=no_token, max_requests_per_second=10_000) as client,
    ):
        yield Litmus(simulator, LitmusAuth(client), user, clock)


@pytest.fixture
async def litmus() -> AsyncIterator[Litmus]:
    async with opened() as one:
        yield one


async def test_a_session_is_who_signed_in_and_when_it_ends(litmus: Litmus) -> None:
    signed_in = await litmus.auth.login("robot", "Litmus-1")

    assert (signed_in.user_id, signed_in.username, signed_in.is_admin) == (
        litmus.user.user_id,
        "robot",
        False,
    )
    assert signed_in.expires_at is not None
    assert signed_in.expires_at.timestamp() == litmus.clock.now + DAY_SECONDS


@pytest.mark.parametrize("version", ["3.31.0", "3.9.0"])
async def test_unknown_user_wrong_password_and_deactivated_user_are_told_alike(version: str) -> None:
    async with opened(version) as litmus:
        sentences = set()
        for username, password, deactivated in (
            ("robot", "wrong", False),
            ("nobody", "Litmus-1", False),
            ("robot", "Litmus-1", True),
        ):
            litmus.user.deactivated_at_ms = 1 if deactivated else None
            with pytest.raises(CredentialsRejectedError) as caught:
                await litmus.auth.login(username, password)
            sentences.add(str(caught.value))

    assert len(sentences) == 1


async def test_an_empty_answer_to_a_sign_in_is_told_as_what_it_is(litmus: Litmus) -> None:
    litmus.simulator.faults.add(ScriptedFault(path="/auth/login", status=200, body=b""))

    with pytest.raises(UpstreamError, match="could not create the project"):
        await litmus.auth.login("robot", "Litmus-1")


async def test_a_session_that_is_logged_out_holds_no_more(litmus: Litmus) -> None:
    session = (await litmus.auth.login("robot", "Litmus-1")).token

    await litmus.auth.logout(session)

    with pytest.raises(TokenRejectedError):
        await litmus.auth.get_user(session, litmus.user.user_id)


async def test_logging_out_what_expired_is_no_failure_though_litmus_says_500(litmus: Litmus) -> None:
    await litmus.auth.logout(litmus.token(days=0))

    assert any(sent.path.startswith("/auth/get_user/") for sent in litmus.simulator.requests)


async def test_a_log_out_that_failed_is_a_failure_while_the_token_still_holds(litmus: Litmus) -> None:
    litmus.simulator.faults.add(
        ScriptedFault(path="/auth/logout", status=500, body='{"error":"server_error","errorDescription":"x"}')
    )

    with pytest.raises(UpstreamError):
        await litmus.auth.logout(litmus.token())


async def test_the_list_reads_seconds_and_milliseconds_as_what_they_are(litmus: Litmus) -> None:
    token = litmus.token(days=30, name="robot's own")

    (listed,) = await litmus.auth.list_tokens(token, litmus.user.user_id)

    assert listed.token == token
    assert listed.name == "robot's own"
    assert listed.created_at is not None
    assert listed.expires_at is not None
    assert listed.created_at.timestamp() == litmus.clock.now
    assert listed.expires_at.timestamp() == litmus.clock.now + 30 * DAY_SECONDS


async def test_no_token_is_an_empty_list_also_where_litmus_says_null() -> None:
    async with opened("3.13.0") as litmus:
        session = (await litmus.auth.login("robot", "Litmus-1")).token
        assert await litmus.auth.list_tokens(session, litmus.user.user_id) == []


async def test_a_new_token_holds_for_the_days_asked_for(litmus: Litmus) -> None:
    session = (await litmus.auth.login("robot", "Litmus-1")).token

    token = await litmus.auth.create_token(session, litmus.user.user_id, "sidecar", 7)

    assert (await litmus.auth.get_user(token, litmus.user.user_id)).username == "robot"
    litmus.clock.now += 7 * DAY_SECONDS
    with pytest.raises(TokenRejectedError):
        await litmus.auth.get_user(token, litmus.user.user_id)


async def test_the_initial_password_is_told_with_what_to_do(litmus: Litmus) -> None:
    litmus.user.initial_login = True
    session = (await litmus.auth.login("robot", "Litmus-1")).token

    with pytest.raises(InitialPasswordError, match="set a new password"):
        await litmus.auth.create_token(session, litmus.user.user_id, "sidecar", 7)


async def test_a_removed_token_is_off_the_list_and_revoked(litmus: Litmus) -> None:
    used, removed = litmus.token(days=30), litmus.token(days=20)

    await litmus.auth.remove_token(used, litmus.user.user_id, removed)

    assert litmus.listed() == [used.reveal()]
    assert removed.reveal() in litmus.world.revoked_tokens


async def test_an_expired_token_is_removed_though_litmus_says_500(litmus: Litmus) -> None:
    used, expired = litmus.token(), litmus.token(days=0)

    await litmus.auth.remove_token(used, litmus.user.user_id, expired)

    assert litmus.listed() == [used.reveal()]


async def test_a_removal_that_failed_is_a_failure_while_the_token_is_still_listed(litmus: Litmus) -> None:
    used, kept = litmus.token(days=30), litmus.token(days=20)
    litmus.simulator.faults.add(
        ScriptedFault(
            path="/auth/remove_token",
            status=500,
            body='{"error":"server_error","errorDescription":""}',
            times=None,
        )
    )

    with pytest.raises(UpstreamError):
        await litmus.auth.remove_token(used, litmus.user.user_id, kept)


async def test_a_token_that_lost_its_row_but_not_its_life_is_revoked_all_the_same(litmus: Litmus) -> None:
    used, half = litmus.token(days=30), litmus.token(days=20)
    litmus.world.api_tokens.pop()
    litmus.simulator.faults.add(
        ScriptedFault(
            path="/auth/remove_token", status=500, body='{"error":"server_error","errorDescription":""}'
        )
    )

    await litmus.auth.remove_token(used, litmus.user.user_id, half)

    assert half.reveal() in litmus.world.revoked_tokens


async def test_an_account_tells_what_the_token_cannot(litmus: Litmus) -> None:
    token = litmus.token()
    litmus.user.initial_login = True
    litmus.world.deactivate(litmus.user)

    account = await litmus.auth.get_user(token, litmus.user.user_id)

    assert (account.role, account.is_initial_login, account.is_deactivated) == ("user", True, True)


@pytest.mark.parametrize("version", ["3.31.0", "3.9.0"])
async def test_projects_come_with_the_users_role_in_each(version: str) -> None:
    async with opened(version) as litmus:
        litmus.world.add_project("bank", members={litmus.user.user_id: "Viewer"})
        litmus.world.add_project("of others", owner=litmus.world.add_user("alice"))

        projects = await litmus.auth.list_projects(litmus.token())

    assert {project.name: project.role for project in projects} == {"shop": "Owner", "bank": "Viewer"}


async def test_more_projects_than_a_page_are_all_read(litmus: Litmus) -> None:
    for number in range(120):
        litmus.world.add_project(f"project {number}", members={litmus.user.user_id: "Viewer"})

    assert len(await litmus.auth.list_projects(litmus.token())) == 121


async def test_a_list_of_projects_that_breaks_off_is_no_shorter_list(litmus: Litmus) -> None:
    for number in range(60):
        litmus.world.add_project(f"project {number}", members={litmus.user.user_id: "Viewer"})
    page = json.dumps(
        {
            "data": {
                "projects": [{"projectID": "one", "name": "one", "members": []}],
                "totalNumberOfProjects": 60,
            }
        }
    )
    litmus.simulator.faults.add(ScriptedFault(path="/auth/list_projects", body=page))
    litmus.simulator.faults.add(
        ScriptedFault(path="/auth/list_projects", body='{"message":"No projects found"}')
    )

    with pytest.raises(UpstreamError, match="broke off"):
        await litmus.auth.list_projects(litmus.token())


@pytest.mark.parametrize(("now", "is_whole"), [(1, True), (2, False), (0, False)])
async def test_a_list_that_got_shorter_between_two_pages_is_whole_if_nothing_is_missing(
    litmus: Litmus, now: int, *, is_whole: bool
) -> None:
    """Past its end Litmus says how many there are; a count of none is what a failing database says."""
    for number in range(60):
        litmus.world.add_project(f"project {number}", members={litmus.user.user_id: "Viewer"})
    one = {"projectID": "one", "name": "one", "members": []}
    for projects, total in (([one], 60), ([], now)):
        page = json.dumps({"data": {"projects": projects, "totalNumberOfProjects": total}})
        litmus.simulator.faults.add(ScriptedFault(path="/auth/list_projects", body=page))

    if is_whole:
        (found,) = await litmus.auth.list_projects(litmus.token())
        assert found.project_id == "one"
    else:
        with pytest.raises(UpstreamError, match="broke off"):
            await litmus.auth.list_projects(litmus.token())


@pytest.mark.parametrize("version", ["3.31.0", "3.10.0", "3.9.0"])
async def test_no_project_is_an_empty_list_also_where_litmus_answers_twice(version: str) -> None:
    async with opened(version) as litmus:
        litmus.world.projects.clear()
        assert await litmus.auth.list_projects(litmus.token()) == []


async def test_the_role_in_a_project_is_none_where_there_is_no_membership_or_no_project(
    litmus: Litmus,
) -> None:
    token = litmus.token()
    (shop,) = litmus.world.projects
    others = litmus.world.add_project("of others", owner=litmus.world.add_user("alice"))

    assert await litmus.auth.project_role(token, shop) == "Owner"
    assert await litmus.auth.project_role(token, others.project_id) is None
    assert await litmus.auth.project_role(token, "unknown") is None


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (ScriptedFault(status=200, body=b"<html>hello</html>"), UpstreamProtocolError),
        (ScriptedFault(status=200, body=b'{"userID": 7}'), UpstreamProtocolError),
        (ScriptedFault(status=502, body=b"<html>Bad Gateway</html>"), UpstreamUnavailableError),
        (ScriptedFault(status=500, body=b""), UpstreamUnavailableError),
        (ScriptedFault(status=403, body=b'{"error":"Invalid origin"}'), UpstreamHostRefusedError),
        (
            ScriptedFault(
                status=400,
                body=b'{"error":"invalid_request","errorDescription":""}',
                headers={"Content-Type": "text/plain"},
            ),
            UpstreamProtocolError,
        ),
        (ScriptedFault(drop="before", times=None), UpstreamUnavailableError),
    ],
)
async def test_what_is_no_answer_of_the_auth_server_is_told_as_what_it_is(
    litmus: Litmus, fault: ScriptedFault, error: type[UpstreamError]
) -> None:
    litmus.simulator.faults.add(fault)

    with pytest.raises(error) as caught:
        await litmus.auth.get_user(litmus.token(), litmus.user.user_id)

    assert "hello" not in str(caught.value)


async def test_the_token_of_a_deleted_user_is_told_as_rejected(litmus: Litmus) -> None:
    root = litmus.world.add_user("root", role="admin")
    token = LitmusToken(litmus.world.issue_token(root))
    litmus.world.delete_user(root)

    with pytest.raises(TokenRejectedError, match="no longer exists"):
        await litmus.auth.get_user(token, root.user_id)


async def test_a_sign_in_of_an_unknown_form_repeats_nothing_of_it(litmus: Litmus) -> None:
    marker = jwt.encode({"username": "marker"}, "k" * 64, algorithm="HS512")
    litmus.simulator.faults.add(
        ScriptedFault(path="/auth/login", body=json.dumps({"accessToken": marker, "type": "Bearer"}))
    )

    with pytest.raises(UpstreamProtocolError) as caught:
        await litmus.auth.login("robot", "Litmus-1")

    assert marker[:12] not in str(caught.value)
