"""The auth server's REST API."""

import json
from pathlib import Path
from typing import Any

import jwt
import pytest

from tests.simulator.conftest import NOW, Answer, Shop

EXAMPLES = Path(__file__).parents[2] / "../shared/litmus/examples/errors-auth.json"
CREDENTIALS = {"username": "alice", "password": "Litmus-1"}
CASES = (
    "unauthorized",
    "invalid_request",
    "invalid_credentials",
    "default_password",
    "server_error",
    "user_not_found",
    "project_not_found",
    "short_header",
)


async def failing(shop: Shop, case: str) -> Answer:
    """Provoke one of the error answers."""
    shop.owner.initial_login = case == "default_password"
    admin = shop.world.issue_token(shop.world.add_user("root", role="admin"))
    expired = shop.world.issue_token(shop.owner, days=0)
    wrong_password = CREDENTIALS | {"password": "wrong"}
    calls: dict[str, tuple[str, str, dict[str, Any]]] = {
        "unauthorized": ("GET", f"/token/{shop.viewer.user_id}", {}),
        "invalid_request": ("POST", "/create_token", {"json": {"surprise": 1}}),
        "invalid_credentials": ("POST", "/login", {"json": wrong_password}),
        "default_password": ("POST", "/create_token", {"json": {"user_id": shop.owner.user_id}}),
        "server_error": ("POST", "/logout", {"token": expired}),
        "user_not_found": ("GET", "/get_user/unknown", {"token": admin}),
        "project_not_found": ("GET", "/get_project_role/unknown", {}),
    }
    if case == "short_header":
        return await shop.send("GET", "/auth/list_projects", headers={"Authorization": "abc"})
    method, path, options = calls[case]
    return await shop.auth(method, path, **options)


@pytest.mark.parametrize(
    ("case", "status", "error"),
    [
        ("unauthorized", 401, "unauthorized"),
        ("invalid_request", 400, "invalid_request"),
        ("invalid_credentials", 401, "invalid_credentials"),
        ("default_password", 500, "default password not updated"),
        ("server_error", 500, "server_error"),
        ("user_not_found", 400, "user does not exist"),
        ("project_not_found", 400, "project does not exist"),
    ],
)
async def test_an_error_has_its_status_and_name(shop: Shop, case: str, status: int, error: str) -> None:
    answer = await failing(shop, case)
    assert (answer.status, answer.json["error"]) == (status, error)
    assert set(answer.json) == {"error", "errorDescription"}


@pytest.mark.parametrize("case", CASES)
async def test_an_error_equals_the_known_example(shop: Shop, case: str) -> None:
    if not EXAMPLES.exists():
        pytest.skip("needs the examples beside the repository")
    known = {entry["case"]: entry for entry in json.loads(EXAMPLES.read_text("utf-8"))["cases"]}
    assert set(known) == set(CASES)
    answer = await failing(shop, case)
    assert (answer.status, answer.json or answer.text) == (known[case]["status"], known[case]["body"])
    assert case == "short_header" or answer.content_type == known[case]["content_type"]


async def test_a_short_header_is_a_panic_with_nothing_in_it(shop: Shop) -> None:
    answer = await failing(shop, "short_header")
    assert (answer.status, answer.text) == (500, "")


async def test_login_gives_a_day_and_an_owned_project(shop: Shop) -> None:
    answer = await shop.auth("POST", "/login", json=CREDENTIALS)
    claims = jwt.decode(answer.json["accessToken"], options={"verify_signature": False})
    assert claims == {"uid": shop.owner.user_id, "role": "user", "username": "alice", "exp": NOW + 86_400}
    assert answer.json["expiresIn"] == 86_400
    assert answer.json["projectID"] == shop.project.project_id


async def test_login_of_a_user_without_a_project_makes_one(shop: Shop) -> None:
    answer = await shop.auth("POST", "/login", json={"username": "victor", "password": "Litmus-1"})
    assert shop.world.projects[answer.json["projectID"]].created_by == "victor"


async def test_unknown_keys_are_refused(shop: Shop) -> None:
    assert (await shop.auth("POST", "/login", json=CREDENTIALS | {"remember": True})).status == 400


async def test_a_token_can_be_made_used_listed_and_removed(shop: Shop) -> None:
    shop.clock.now += 1
    body = {"user_id": shop.owner.user_id, "name": "ci", "days_until_expiration": 3}
    token = (await shop.auth("POST", "/create_token", json=body)).json["accessToken"]
    listed = (await shop.auth("GET", f"/token/{shop.owner.user_id}", token=token)).json["apiTokens"]
    assert listed[1] == {
        "user_id": shop.owner.user_id,
        "name": "ci",
        "token": token,
        "expires_at": int(NOW) + 1 + 3 * 86_400,
        "created_at": (int(NOW) + 1) * 1000,
    }
    removal = {"token": token, "userID": shop.owner.user_id}
    assert (await shop.auth("POST", "/remove_token", json=removal)).json == {
        "message": "api token deleted successfully"
    }
    assert (await shop.ask("{ getServerVersion { value } }", token=token)).status == 401


async def test_without_days_a_token_is_born_expired(shop: Shop) -> None:
    made = await shop.auth("POST", "/create_token", json={"user_id": shop.owner.user_id, "name": "x"})
    assert made.status == 200
    assert (await shop.auth("GET", "/list_projects", token=made.json["accessToken"])).status == 401


async def test_two_tokens_of_one_second_are_one(shop: Shop) -> None:
    assert shop.world.issue_token(shop.owner, days=2) == shop.world.issue_token(shop.owner, days=2)


async def test_removing_an_expired_token_fails_though_its_row_goes(shop: Shop) -> None:
    expired = shop.world.issue_token(shop.owner, days=0)
    removal = {"token": expired, "userID": shop.owner.user_id}
    assert (await shop.auth("POST", "/remove_token", json=removal)).status == 500
    assert [row.token for row in shop.world.api_tokens] == [shop.token]


async def test_removal_without_the_user_id_is_refused(shop: Shop) -> None:
    assert (await shop.auth("POST", "/remove_token", json={"token": shop.token})).status == 401


async def test_logout_revokes_but_leaves_the_row(shop: Shop) -> None:
    assert (await shop.auth("POST", "/logout")).json == {"message": "successfully logged out"}
    assert len(shop.world.api_tokens) == 1
    assert (await shop.auth("GET", "/list_projects")).status == 401


async def test_rest_wants_the_bearer_prefix(shop: Shop) -> None:
    answer = await shop.send("GET", "/auth/list_projects", headers={"Authorization": shop.token})
    assert answer.status == 401


async def test_a_deactivated_users_token_still_works_here(shop: Shop) -> None:
    shop.world.deactivate(shop.owner)
    assert (await shop.auth("GET", "/list_projects")).status == 200


async def test_a_changed_password_lifts_the_initial_password_rule(shop: Shop) -> None:
    shop.owner.initial_login = True
    body = {"username": "alice", "oldPassword": "Litmus-1", "newPassword": "Another-1"}
    assert (await shop.auth("POST", "/update/password", json=body)).status == 200
    made = await shop.auth("POST", "/create_token", json={"user_id": shop.owner.user_id, "name": "x"})
    assert made.status == 200


async def test_projects_come_fifteen_at_a_time(shop: Shop) -> None:
    for number in range(19):
        shop.world.add_project(f"p{number}", owner=shop.owner)
    data = (await shop.auth("GET", "/list_projects")).json["data"]
    assert (len(data["projects"]), data["totalNumberOfProjects"]) == (15, 20)
    past_end = (await shop.auth("GET", "/list_projects", params={"page": "9"})).json
    assert past_end == {"data": {"projects": [], "totalNumberOfProjects": 20}}


async def test_before_3_10_projects_are_one_list(shop: Shop) -> None:
    shop.world.version = "3.9.1"
    data = (await shop.auth("GET", "/list_projects")).json["data"]
    assert [project["projectID"] for project in data] == [shop.project.project_id]


async def test_a_bad_boolean_kills_the_auth_server_and_role_checks_hang(shop: Shop) -> None:
    await shop.auth("GET", "/list_projects", params={"sortAscending": "maybe"})
    assert (await shop.auth("GET", "/status")).status == 502
    assert (await shop.ask("{ getServerVersion { value } }")).status == 200


@pytest.mark.parametrize("role", ["Owner", "Executor", "Viewer", None])
async def test_the_project_role_is_told(shop: Shop, role: str | None) -> None:
    shop.world.set_role(shop.project, shop.owner, role)
    answer = await shop.auth("GET", f"/get_project_role/{shop.project.project_id}")
    assert answer.json == {"role": role or "N/A"}


async def test_an_open_invitation_is_no_role(shop: Shop) -> None:
    shop.world.set_role(shop.project, shop.owner, "Owner", invitation="Pending")
    answer = await shop.auth("GET", f"/get_project_role/{shop.project.project_id}")
    assert answer.json == {"role": "N/A"}


async def test_only_admins_see_other_users(shop: Shop) -> None:
    assert (await shop.auth("GET", f"/get_user/{shop.viewer.user_id}")).status == 401
    own: Any = (await shop.auth("GET", f"/get_user/{shop.owner.user_id}")).json
    assert (own["username"], own["createdAt"]) == ("alice", int(NOW * 1000))


async def test_capabilities_need_no_token(shop: Shop) -> None:
    assert (await shop.send("GET", "/auth/capabilities")).json == {"dex": {"enabled": False}}
    assert (await shop.send("GET", "/auth/status")).json == {"status": "up"}


async def test_an_unknown_route_asks_for_a_token_first(shop: Shop) -> None:
    assert (await shop.send("GET", "/auth/nowhere")).status == 401
    assert (await shop.auth("GET", "/nowhere")).status == 404
