"""What of Litmus goes on, hangs and is done late while a part of it is away."""

import asyncio

import pytest

from tests.simulator.conftest import Shop
from tests.simulator.test_graphql_traps import RUN
from tests.support.service import eventually

INFRAS = "{ listInfras(projectID: $p) { totalNoOfInfras } }"
EXPERIMENTS = "{ listExperiment(projectID: $p, request: {}) { totalNoOfExperiments } }"
HUBS = "{ listChaosHub(projectID: $p) { name } }"
DENIED = "permission_denied: rpc error: code = Unknown desc = "
VERSION = "{ getServerVersion { value } }"


async def leave_hanging(shop: Shop, query: str, **variables: str) -> None:
    """Ask, and leave as soon as the request hangs inside Litmus."""
    before = shop.simulator.hanging
    asking = asyncio.create_task(shop.ask(query, variables))
    await eventually(lambda: shop.simulator.hanging > before)
    asking.cancel()
    await asyncio.wait([asking])


async def test_what_needs_no_role_goes_on_while_the_auth_server_is_away(shop: Shop) -> None:
    shop.simulator.auth_away = True
    assert [(await shop.ask(query)).status for query in (HUBS, VERSION)] == [200, 200]
    refused = await shop.auth("GET", "/status")
    assert (refused.status, refused.content_type) == (502, "text/html; charset=utf-8")


async def test_a_patient_client_is_answered_once_the_auth_server_is_back(shop: Shop) -> None:
    shop.simulator.auth_away = True
    asking = asyncio.create_task(shop.ask(EXPERIMENTS))
    await eventually(lambda: shop.simulator.hanging == 1)
    shop.simulator.auth_away = False
    answer = await asking
    assert answer.json == {"data": {"listExperiment": {"totalNoOfExperiments": 1}}}
    assert (shop.simulator.hanging, shop.simulator.most_hanging) == (0, 1)


async def test_a_start_whose_client_has_left_is_executed_when_the_auth_server_is_back(shop: Shop) -> None:
    shop.simulator.auth_away = True
    await leave_hanging(shop, RUN, e=shop.experiment.experiment_id)
    assert (shop.world.runs, shop.simulator.hanging) == ([], 1)
    shop.simulator.auth_away = False
    await eventually(lambda: shop.simulator.hanging == 0)
    assert [run.username for run in shop.world.runs] == ["alice"]


async def test_what_hangs_piles_up_and_is_lost_only_with_the_process(shop: Shop) -> None:
    shop.simulator.auth_away = True
    for _ in range(3):
        await leave_hanging(shop, RUN, e=shop.experiment.experiment_id)
    assert shop.simulator.most_hanging == 3
    await shop.simulator.stop()
    shop.simulator.auth_away = False
    await shop.simulator.start()
    assert (await shop.ask(EXPERIMENTS)).status == 200
    assert (shop.world.runs, shop.simulator.hanging) == ([], 0)


async def test_a_token_that_the_directive_refuses_does_not_hang(shop: Shop) -> None:
    shop.simulator.auth_away = True
    answer = await shop.ask(INFRAS, token="x.y.z")
    assert answer.json["errors"][0]["message"] == "invalid Token"


@pytest.mark.parametrize(
    ("query", "message"),
    [
        (INFRAS, "mongo: no documents in result"),
        (HUBS, "mongo: no documents in result"),
        (
            EXPERIMENTS,
            f"{DENIED}couldn't fetch jwt secret mongo: no documents in result",
        ),
    ],
)
async def test_with_its_key_unreadable_graphql_refuses_a_good_token(
    shop: Shop, query: str, message: str
) -> None:
    shop.simulator.key_unreadable = True
    answer = await shop.ask(query)
    assert (answer.status, answer.json["errors"][0]["message"]) == (200, message)
    shop.simulator.key_unreadable = False
    assert "errors" not in (await shop.ask(query)).json


async def test_with_its_key_unreadable_auth_refuses_a_good_token_and_cannot_sign_in(shop: Shop) -> None:
    shop.simulator.key_unreadable = True
    role = await shop.auth("GET", f"/get_project_role/{shop.project.project_id}")
    assert (role.status, role.json["error"]) == (401, "unauthorized")
    login = {"username": "alice", "password": shop.owner.password}
    refused = await shop.send("POST", "/auth/login", json=login)
    assert (refused.status, refused.json["error"]) == (500, "server_error")
    assert (await shop.ask(VERSION)).status == 200
