"""One history has one set of figures: JSON, pages and metrics tell the same, those of the golden table.

Backstage's card shows the JSON of ``overview``; its package tests that it shows just that.
"""

from typing import Any

import pytest
from aiohttp.test_utils import TestClient
from pytest_aiohttp.plugin import AiohttpClient

from sidecar.domain.catalog import Entity
from sidecar.domain.runs import UNFINISHED, Outcome
from sidecar.http.pictures.charts import LOOKS
from tests.support.exposition import Samples, by_label, parsed
from tests.support.golden import golden
from tests.support.golden_service import ENTITY, PART, golden_app
from tests.support.markup import Element, parse_html
from tests.support.service import eventually

Client = TestClient[Any, Any]
EVERYTHING = "since=2020-01-01T00:00:00Z&until=2030-01-01T00:00:00Z"
FINISHED = {outcome.value for outcome in Outcome} - UNFINISHED


@pytest.fixture
async def client(aiohttp_client: AiohttpClient) -> Client:
    return await aiohttp_client(golden_app())


@pytest.fixture
async def samples(client: Client) -> Samples:
    async def told() -> bool:
        return "backstage_litmus_experiments_known" in await text(client, "/metrics")

    await eventually(told)
    return parsed(await text(client, "/metrics"))


async def text(client: Client, path: str) -> str:
    async with client.get(path) as response:
        assert response.status == 200, await response.text()
        return await response.text()


async def get(client: Client, path: str) -> Any:
    async with client.get(path) as response:
        assert response.status == 200, await response.text()
        return await response.json()


def path_of(entity: Entity) -> str:
    return entity.ref.replace(":", "/")


def runs_of(page: Element) -> dict[str, int]:
    """Runs by the outcome's word, as the page's table has them."""
    rows = page.by_id("outcomes").rows()
    return {row[0].split(" ", 1)[1]: int(row[1]) for row in rows if row[1] != "0"}


def terms_of(page: Element, part: str) -> dict[str, str]:
    section = page.by_id(part)
    return dict(
        zip((one.text for one in section.all("dt")), (one.text for one in section.all("dd")), strict=True)
    )


@pytest.mark.parametrize("entity", [ENTITY, PART], ids=["whole", "part"])
async def test_card_page_and_metric_agree(client: Client, samples: Samples, entity: Entity) -> None:
    card = await get(client, f"/api/v1/entities/{path_of(entity)}/overview?{EVERYTHING}")
    page = parse_html(await text(client, f"/litmus/entities/{path_of(entity)}?{EVERYTHING}"))

    (chart,) = page.by_id("score").all("svg", role="img")
    score = card["scoreNow"]["score"]
    assert by_label(samples, "backstage_litmus_entity_score", "entity")[entity.ref] == score
    assert f"{round(score, 1):g} %" in chart.one("desc").text

    counts = {name: count for name, count in card["runsByOutcome"].items() if count}
    assert runs_of(page) == {LOOKS[Outcome(name)].label: count for name, count in counts.items()}
    assert sum(counts.values()) == card["totalRuns"] > 0
    ended = by_label(samples, "backstage_litmus_entity_runs_total", "outcome", entity=entity.ref)
    assert {name: count for name, count in ended.items() if count} == {
        name: count for name, count in counts.items() if name in FINISHED
    }

    shown = terms_of(page, "score")
    assert shown["Window score"].startswith(f"{card['score']['mean']:g} %")
    assert shown["Of"].split()[0] == str(card["score"]["number"])


@pytest.mark.parametrize("window", ["24h", "7d", "30d", "90d", "12mo"])
async def test_card_portfolio_and_page_agree_in_every_window(client: Client, window: str) -> None:
    """Of an owner with one entity, which is the whole project: the figures are the same three times."""
    query = f"window={window}&tz={golden().zone}"
    card = await get(client, f"/api/v1/entities/{path_of(ENTITY)}/overview?{query}")
    groups = (await get(client, f"/api/v1/portfolio?group=owner&{query}"))["groups"]
    (group,) = (one for one in groups if one["group"] == ENTITY.owner)
    same = ("scoreNow", "score", "runsByOutcome", "totalRuns")
    assert {name: group[name] for name in same} == {name: card[name] for name in same}
    assert card["totalRuns"] == golden().windows[window].total
    assert card["scoreNow"]["score"] == golden().score_now

    page = parse_html(await text(client, f"/litmus/entities/{path_of(ENTITY)}?{query}"))
    mean = card["score"]["mean"]
    assert terms_of(page, "score")["Window score"].startswith("no score" if mean is None else f"{mean:g} %")


@pytest.mark.parametrize("entity", [ENTITY, PART], ids=["whole", "part"])
async def test_card_list_and_report_grade_the_same(client: Client, entity: Entity) -> None:
    card = await get(client, f"/api/v1/entities/{path_of(entity)}/overview")
    everything = (await get(client, "/api/v1/attention"))["attention"]
    grades = {(one["kind"], one["experimentID"]): one["grade"] for one in everything}
    report = parse_html(await text(client, f"/litmus/entities/{path_of(entity)}/report"))
    lines = [one.text for one in report.all("li") if one.all("span", class_="sentence")]
    assert card["attention"]
    for one in card["attention"]:
        assert grades[(one["kind"], one["experimentID"])] == one["grade"]
        assert any(line.startswith(one["grade"]) and one["experimentName"] in line for line in lines)
