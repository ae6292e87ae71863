"""One answer is enough for a card: what needs attention and what runs are those of the other answers."""

from typing import Any

import msgspec
import pytest
from aiohttp.test_utils import TestClient
from pytest_aiohttp.plugin import AiohttpClient

from tests.support import builders
from tests.support.golden import golden
from tests.support.golden_service import golden_app
from tests.support.markup import parse_html

Client = TestClient[Any, Any]
PATHS = ("component/default/shop", "component/default/pay")


@pytest.fixture
async def client(aiohttp_client: AiohttpClient) -> Client:
    return await aiohttp_client(golden_app())


async def get(client: Client, path: str) -> Any:
    async with client.get(path) as response:
        assert response.status == 200, await response.text()
        return await response.json()


@pytest.mark.parametrize("path", PATHS)
async def test_what_runs_and_the_docs_are_those_of_the_content(client: Client, path: str) -> None:
    overview = await get(client, f"/api/v1/entities/{path}/overview")
    content = await get(client, f"/api/v1/entities/{path}/content")
    assert overview["runningRuns"] == content["runningRuns"][:10]
    assert overview["runningTotal"] == len(content["runningRuns"])
    assert overview["devInfo"] == content["devInfo"]
    assert overview["devInfo"]["litmusDocs"].startswith("https://")


@pytest.mark.parametrize("path", PATHS)
async def test_the_worst_three_are_among_all_and_lead_to_litmus(client: Client, path: str) -> None:
    overview = await get(client, f"/api/v1/entities/{path}/overview")
    everything = (await get(client, "/api/v1/attention"))["attention"]
    ref = path.replace("/", ":", 1)
    mine = [one for one in everything if ref in one["entities"]]
    assert overview["attentionTotal"] == len(mine)
    assert len(overview["attention"]) == min(3, len(mine)) > 0
    kept = (
        *("kind", "severity", "grade", "inProduction"),
        *("experimentID", "experimentName", "since", "sentence", "link"),
    )
    whole = [tuple(one[name] for name in kept) for one in mine]
    for one in overview["attention"]:
        assert tuple(one[name] for name in kept) in whole
        assert one["grade"] in {"Urgent", "Soon", "Later"}
        assert one["summary"]
        assert one["link"].startswith("https://litmus.example.com/")


@pytest.mark.parametrize("path", PATHS)
async def test_the_worst_three_come_in_the_order_of_the_report(client: Client, path: str) -> None:
    overview = await get(client, f"/api/v1/entities/{path}/overview")
    async with client.get(f"/litmus/entities/{path}/report") as response:
        report = parse_html(await response.text())
    lines = [one.text for one in report.all("li") if one.all("span", class_="sentence")]
    assert len(lines) >= len(overview["attention"]) > 0
    for line, one in zip(lines, overview["attention"], strict=False):
        assert line.startswith(one["grade"])
        assert one["experimentName"] in line


async def test_a_card_says_of_all_its_data_how_old_it_is(client: Client) -> None:
    overview = await get(client, f"/api/v1/entities/{PATHS[0]}/overview")
    assert {"experiments", "schedules", "environments", "runHistory"} <= set(overview["sections"])
    assert (overview["stale"], overview["asOf"]) == (False, golden().now.strftime("%Y-%m-%dT%H:%M:%S.000Z"))


async def test_a_card_before_the_first_success_knows_nothing_and_says_so(
    aiohttp_client: AiohttpClient,
) -> None:
    empty = msgspec.structs.replace(golden().content, experiments=None, environments=None)
    client = await aiohttp_client(golden_app(content=empty))
    overview = await get(client, f"/api/v1/entities/{PATHS[0]}/overview")
    assert overview["basicStats"]["totalExperiments"] is None


async def test_whoever_may_do_the_same_gets_the_same_bytes_from_memory(client: Client) -> None:
    path = f"/api/v1/entities/{PATHS[0]}/content"
    async with client.get(path) as response:
        tag, body = response.headers["ETag"], await response.read()
    async with client.get(path) as response:
        assert (response.headers["ETag"], await response.read()) == (tag, body)
    assert b"slot" not in body
    async with client.get(path, headers={"If-None-Match": tag}) as response:
        assert response.status == 304


async def test_what_is_said_of_each_experiment_is_its_own(aiohttp_client: AiohttpClient) -> None:
    content = msgspec.structs.replace(
        golden().content,
        experiments=(
            builders.experiment("idle", "Idle"),
            builders.experiment("off", "Off", infra=builders.infra("dead", "dead", is_active=False)),
            builders.experiment("cron", "Nightly", cron_syntax="0 2 * * *", recent_runs=()),
            builders.experiment("busy", "Busy", recent_runs=(builders.recent_run("r", "Running"),)),
        ),
        schedules=(),
    )
    client = await aiohttp_client(golden_app(content=content))
    served = (await get(client, f"/api/v1/entities/{PATHS[0]}/content"))["experiments"]
    told = {one["experimentID"]: one["allowedActions"] for one in served}
    assert told["idle"]["run"] == {"allowed": True, "reason": None}
    assert told["idle"]["stop"]["reason"] == "No run of experiment Idle is running or waiting."
    assert told["idle"]["schedule"]["reason"].startswith("Experiment Idle has no schedule to switch")
    assert told["off"]["run"]["reason"] == "Infrastructure dead is not connected; its agent has to be first."
    assert told["cron"]["run"]["reason"].startswith("Experiment Nightly runs on a schedule")
    assert [told["cron"][name]["allowed"] for name in ("schedule", "startSchedule")] == [True, True]
    assert told["busy"]["stop"]["allowed"]
    assert told["busy"]["run"]["reason"].startswith("Experiment Busy is already running")
