"""What tests of the product lean on: the request log, scripted faults, a server that dies."""

import asyncio

import aiohttp
import pytest

from sidecar.simulator import ScriptedFault, World, open_simulator
from tests.simulator.conftest import Shop
from tests.support.service import CEILING_SECONDS

VERSION = "{ getServerVersion { value } }"
RUN = "mutation ($p: ID!, $e: String!) { runChaosExperiment(projectID: $p, experimentID: $e) { notifyID } }"


async def test_requests_are_remembered_without_the_token(shop: Shop) -> None:
    await shop.ask(VERSION)
    (request,) = shop.simulator.requests
    assert (request.method, request.path, request.username) == ("POST", "/api/query", "alice")
    assert request.root_fields == ("getServerVersion",)
    assert request.variables == {"p": shop.project.project_id}
    assert shop.token not in f"{request.headers}{request.body}{request!r}"
    assert shop.simulator.asked("getServerVersion") == 1


async def test_clearing_forgets_requests_and_faults(shop: Shop) -> None:
    shop.simulator.faults.add(ScriptedFault(status=500, times=None))
    assert (await shop.ask(VERSION)).status == 500
    shop.simulator.clear()
    assert shop.simulator.requests == []
    assert (await shop.ask(VERSION)).status == 200


async def test_a_fault_strikes_only_its_root_field_and_as_often_as_told(shop: Shop) -> None:
    shop.simulator.faults.add(ScriptedFault(root_field="getServerVersion", times=2, status=503, body="busy"))
    statuses = [(await shop.ask(VERSION)).status for _ in range(3)]
    other = await shop.ask("{ getChaosHubStats(projectID: $p) { totalChaosHubs } }")
    assert (statuses, other.status) == ([503, 503, 200], 200)


async def test_a_fault_can_be_of_one_path(shop: Shop) -> None:
    shop.simulator.faults.add(ScriptedFault(path="/auth/status", body=b"\x00\xff", headers={"X-Odd": "1"}))
    assert (await shop.ask(VERSION)).status == 200
    async with shop.session.get(f"{shop.simulator.url}/auth/status") as response:
        assert (await response.read(), response.headers["X-Odd"]) == (b"\x00\xff", "1")


@pytest.mark.parametrize(("drop", "runs"), [("before", 0), ("after", 1)])
async def test_a_dropped_connection_may_have_done_its_work(shop: Shop, drop: str, runs: int) -> None:
    shop.simulator.faults.add(ScriptedFault(drop="before" if drop == "before" else "after"))
    with pytest.raises(aiohttp.ClientConnectionError):
        await shop.ask(RUN, {"e": shop.experiment.experiment_id})
    assert len(shop.world.runs) == runs


async def test_a_delayed_answer_is_the_real_one(shop: Shop) -> None:
    shop.simulator.faults.add(ScriptedFault(delay_seconds=0.01))
    assert (await shop.ask(VERSION)).json["data"] == {"getServerVersion": {"value": "3.31.0"}}


@pytest.mark.parametrize("fault", [{"never_answer": True}, {"delay_seconds": 3600.0}])
async def test_a_hanging_request_ends_when_the_server_stops(shop: Shop, fault: dict[str, float]) -> None:
    shop.simulator.faults.add(
        ScriptedFault(
            never_answer=bool(fault.get("never_answer")), delay_seconds=fault.get("delay_seconds", 0)
        )
    )
    asking = asyncio.create_task(shop.ask(VERSION))
    async with asyncio.timeout(CEILING_SECONDS):
        await shop.simulator.wait_for_requests()
        await shop.simulator.stop()
        with pytest.raises(aiohttp.ClientConnectionError):
            await asking


async def test_a_dead_auth_server_hangs_role_checks_until_the_client_leaves(shop: Shop) -> None:
    shop.world.auth_server_up = False
    asking = asyncio.create_task(shop.ask("{ getInfraStats(projectID: $p) { totalActiveInfrastructure } }"))
    async with asyncio.timeout(CEILING_SECONDS):
        await shop.simulator.wait_for_requests()
        asking.cancel()
        await asyncio.wait([asking])
        await shop.simulator.stop()
    assert asking.cancelled()


async def test_a_stopped_server_refuses_and_comes_back_on_its_port(shop: Shop) -> None:
    url = shop.simulator.url
    await shop.simulator.stop()
    with pytest.raises(aiohttp.ClientConnectionError):
        await shop.ask(VERSION)
    await shop.simulator.start()
    assert shop.simulator.url == url
    assert (await shop.ask(VERSION)).status == 200


async def test_two_worlds_do_not_know_each_others_tokens(shop: Shop) -> None:
    other = World(name="other", clock=shop.clock)
    token = other.issue_token(other.add_user("alice"))
    async with open_simulator(other) as simulator:
        assert simulator.url != shop.simulator.url
    answer = await shop.ask("{ getChaosHubStats(projectID: $p) { totalChaosHubs } }", token=token)
    assert answer.json["errors"][0]["message"] == "invalid Token"


async def test_an_origin_is_judged_instead_of_the_host(shop: Shop) -> None:
    shop.world.allowed_origins = ("^127.0.0.1$",)
    assert (await shop.ask(VERSION)).status == 200
    assert (await shop.ask(VERSION, Origin="https://elsewhere.example")).status == 403
