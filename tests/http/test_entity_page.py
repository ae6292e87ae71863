"""The page of an entity, its runs and its report tell the figures of the JSON, whatever the names are."""

import itertools
import re
from collections import Counter
from datetime import datetime, timedelta

import msgspec
import pytest
from pytest_aiohttp.plugin import AiohttpClient

from sidecar.http.pictures.charts import LOOKS
from tests.http.asking import API, PATH, Client, figures, get, many, page, percent
from tests.support import builders
from tests.support.golden import golden
from tests.support.golden_service import ENTITY, PART, golden_app
from tests.support.markup import parse_html

VIEWS = ("", "/runs", "/report")


@pytest.fixture
async def client(aiohttp_client: AiohttpClient) -> Client:
    return await aiohttp_client(golden_app())


@pytest.mark.parametrize("window", ["24h", "7d", "30d", "90d", "12mo"])
async def test_the_card_tells_the_figures_of_the_overview(client: Client, window: str) -> None:
    document = await page(client, f"?window={window}&tz={golden().zone}")
    told = await get(client, f"{API}/overview?window={window}&tz={golden().zone}")
    shown = figures(document.by_id("score"))
    assert shown["Window score"].startswith(percent(told["score"]["mean"]))
    assert shown["Median"] == percent(told["score"]["median"])
    assert shown["Worst"] == percent(told["score"]["worst"])
    assert shown["Of"].split()[0] == str(told["score"]["number"])
    assert shown["Window before"] == percent(told["score"]["previous"])
    counts = {LOOKS[name].label: count for name, count in told["runsByOutcome"].items() if count}
    if told["totalRuns"]:
        rows = document.by_id("outcomes").rows()
        assert {row[0].split(" ", 1)[1]: int(row[1]) for row in rows if row[1] != "0"} == counts
    assert figures(document.by_id("stock"))["Experiments"] == str(told["basicStats"]["totalExperiments"])


async def test_the_score_now_and_the_trend_are_charts_with_their_figures_in_words(client: Client) -> None:
    document = await page(client, "?window=30d")
    told = await get(client, f"{API}/overview?window=30d")
    (score,) = document.by_id("score").all("svg", role="img")
    assert percent(round(told["scoreNow"]["score"], 1)) in score.one("desc").text
    rows = document.by_id("trend").rows()
    buckets = [one for one in told["trend"] if sum(one["outcomes"].values())]
    assert [row[1:3] for row in rows] == [
        [percent(one["meanScore"]), str(sum(one["outcomes"].values()))] for one in buckets
    ]


async def test_a_run_is_of_when_it_was_created_as_in_the_portfolio(aiohttp_client: AiohttpClient) -> None:
    created_at = golden().now - timedelta(hours=5)
    created_at_ms = int(created_at.timestamp() * 1000)
    run = builders.recent_run("r", created_at_ms=created_at_ms, updated_at_ms=created_at_ms + 7_200_000)
    content = msgspec.structs.replace(
        golden().content, experiments=(builders.experiment("e", "Kill", recent_runs=[run]),)
    )
    (row,) = (
        (await page(await aiohttp_client(golden_app(content=content)))).by_id("experiment-rows").all("tr")[1:]
    )
    last = row.one("td", data_name="Last run").one("time")
    assert datetime.fromisoformat(last.attributes["datetime"]) == created_at
    assert f"{created_at:%H:%M} UTC" in row.one("li").text


async def test_what_runs_now_is_what_the_content_says(client: Client) -> None:
    items = (await page(client)).by_id("now").all("li")
    told = (await get(client, f"{API}/content"))["runningRuns"]
    assert len(items) == len(told) > 0
    for item, run in zip(items, told, strict=True):
        assert run["experimentName"] in item.text
        assert item.all("a", href=run["link"])
        assert ("stuck" in item.text) is run["stuck"]


async def test_the_latest_runs_are_those_of_the_overview(client: Client) -> None:
    rows = (await page(client)).by_id("latest").rows()
    told = (await get(client, f"{API}/overview"))["latestRuns"]
    assert [row[0].split(" #")[0].removesuffix(" deleted in Litmus") for row in rows] == [
        run["experimentName"] for run in told
    ]
    assert [row[2] for row in rows] == [percent(run["resiliencyScore"]) for run in told]


async def test_the_part_of_an_entity_says_what_it_is_narrowed_to(client: Client) -> None:
    document = await page(client, path="/litmus/entities/component/default/pay")
    assert "Only part of the project" in document.by_id("state").text
    assert PART.experiment_tags[0] in document.by_id("state").text
    told = await get(client, "/api/v1/entities/component/default/pay/content")
    assert len(document.by_id("experiment-rows").rows()) == len(told["experiments"])


async def test_names_of_entities_ignore_case(client: Client) -> None:
    assert (await page(client, path="/litmus/entities/Component/Default/Shop")).one("h1").text == ENTITY.title


async def test_an_unknown_entity_is_a_page_that_says_how_to_add_it(client: Client) -> None:
    async with client.get("/litmus/entities/component/default/nobody") as response:
        assert response.status == 404
        assert "litmuschaos.io/project-id" in parse_html(await response.text()).by_id("main").text


async def test_the_runs_that_litmus_counts_have_their_explanation_beside_the_number(
    aiohttp_client: AiohttpClient,
) -> None:
    content = msgspec.structs.replace(golden().content, run_stats=builders.run_stats())
    client = await aiohttp_client(golden_app(content=content))
    document = await page(client)
    told = await get(client, f"{API}/overview")
    total = told["experimentRunStats"]["totalExperimentRuns"]
    assert figures(document.by_id("stock"))["Runs of all time"].split()[0] == str(total)
    explained = document.by_id("all-time-help")
    assert explained.one("p").text == "Litmus's own count, deleted runs included."
    assert explained.one("summary").text


async def test_gitops_that_the_token_may_not_read_is_unknown(aiohttp_client: AiohttpClient) -> None:
    client = await aiohttp_client(golden_app(content=many(1)))
    assert figures((await page(client)).by_id("stock"))["GitOps"] == "unknown"


@pytest.mark.parametrize(
    ("rest", "parameter"),
    [
        ("?window=2y", "window"),
        ("?from=x", "from"),
        ("?tz=Mars/Base", "tz"),
        ("/runs?outcome=good", "outcome"),
        ("/runs?since=today", "since"),
        ("/runs?tz=Mars/Base", "tz"),
        ("/runs?cursor=x", "cursor"),
        ("/runs?cursor=WzkyMjMzNzIwMzY4NTQ3NzU4MDgsImEiLCJiIl0=", "cursor"),
        ("/runs?since=0001-01-01&tz=Asia/Tokyo", "since"),
        ("/report?since=now", "since"),
    ],
)
async def test_a_bad_parameter_is_told_on_a_page(client: Client, rest: str, parameter: str) -> None:
    async with client.get(f"{PATH}{rest}") as response:
        assert response.status == 400
        assert parameter in parse_html(await response.text()).one(role="alert").text


@pytest.mark.parametrize("view", VIEWS)
async def test_an_unchanged_page_is_not_sent_again(client: Client, view: str) -> None:
    async with client.get(f"{PATH}{view}") as response:
        tag = response.headers["ETag"]
    async with client.get(f"{PATH}{view}", headers={"If-None-Match": tag}) as response:
        assert response.status == 304


@pytest.mark.parametrize("view", VIEWS)
async def test_headings_come_in_order_and_ids_are_given_once(client: Client, view: str) -> None:
    document = await page(client, view)
    levels = [int(one.tag[1]) for one in document.all() if re.fullmatch("h[1-6]", one.tag)]
    assert levels[0] == 1
    assert all(later <= earlier + 1 for earlier, later in itertools.pairwise(levels))
    ids = Counter(one.attributes["id"] for one in document.all() if "id" in one.attributes)
    assert not [name for name, number in ids.items() if number > 1]
    for cell in document.all("th"):
        assert cell.attributes.get("scope") in {"row", "col"}
