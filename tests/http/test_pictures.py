"""Pictures tell the figures of the overview, are kept and named like every answer, and say what is wrong."""

from typing import Any

import pytest
from aiohttp.test_utils import TestClient
from pytest_aiohttp.plugin import AiohttpClient

from sidecar.http.pictures.charts.palette import LOOKS
from sidecar.http.pictures.charts.words import percent
from tests.http.charts.drawing import desc_of, parsed, texts_of, title_of
from tests.support.golden_service import golden_app

PICTURES = "/litmus/entities/component/default/shop"
OVERVIEW = "/api/v1/entities/component/default/shop/overview"
Client = TestClient[Any, Any]


@pytest.fixture
async def client(aiohttp_client: AiohttpClient) -> Client:
    return await aiohttp_client(golden_app())


async def overview(client: Client, query: str = "") -> dict[str, Any]:
    async with client.get(f"{OVERVIEW}{query}") as response:
        answer: dict[str, Any] = await response.json()
        return answer


async def picture(client: Client, name: str) -> Any:
    async with client.get(f"{PICTURES}/{name}") as response:
        assert response.status == 200, await response.text()
        assert response.content_type == "image/svg+xml"
        return parsed(await response.text())


@pytest.mark.parametrize("window", ["24h", "7d", "30d", "90d", "12mo"])
async def test_the_runs_are_those_of_the_overview(client: Client, window: str) -> None:
    served = await overview(client, f"?window={window}&tz=Europe/Berlin")
    runs = served["runsByOutcome"]
    expected = "; ".join(f"{look.label}: {runs[outcome]}" for outcome, look in LOOKS.items() if runs[outcome])
    desc = desc_of(await picture(client, f"runs.svg?window={window}&tz=Europe/Berlin"))
    number = served["totalRuns"]
    counted = f"{number} run{'' if number == 1 else 's'}. {expected}."
    assert desc.startswith(counted if number else "No runs known in the window.")


@pytest.mark.parametrize("window", ["24h", "7d", "30d", "90d", "12mo"])
async def test_the_trend_tells_every_score_of_the_overview(client: Client, window: str) -> None:
    trend = (await overview(client, f"?window={window}"))["trend"]
    desc = desc_of(await picture(client, f"trend.svg?window={window}"))
    for bucket in trend:
        if bucket["meanScore"] is not None:
            assert f": {percent(bucket['meanScore'])} of {bucket['scored']} scored" in desc


async def test_the_score_is_that_of_the_overview(client: Client) -> None:
    now = (await overview(client))["scoreNow"]
    root = await picture(client, "score.svg")
    assert title_of(root) == "Shop: resilience score now"
    assert desc_of(root).startswith(f"{percent(now['score'])}, mean of {now['number']} experiments.")


async def test_the_badge_has_the_label_that_is_asked_for(client: Client) -> None:
    root = await picture(client, "badge.svg?label=%3Cb%3Echaos%3C/b%3E")
    assert texts_of(root)[0] == "<b>chaos</b>"


@pytest.mark.parametrize("name", ["score.svg", "trend.svg", "runs.svg", "badge.svg"])
async def test_a_picture_is_named_kept_and_not_sent_twice(client: Client, name: str) -> None:
    async with client.get(f"{PICTURES}/{name}") as first:
        tag = first.headers["ETag"]
        assert first.headers["Cache-Control"] == "private, no-cache"
        assert "Last-Modified" in first.headers
        assert first.headers["Content-Security-Policy"].startswith("default-src 'none'")
        assert first.headers["Cross-Origin-Resource-Policy"] == "same-site"
    async with client.get(f"{PICTURES}/{name}", headers={"If-None-Match": tag}) as second:
        assert second.status == 304
        assert await second.read() == b""


async def test_a_large_picture_is_compressed_when_asked(client: Client) -> None:
    async with client.get(f"{PICTURES}/trend.svg", headers={"Accept-Encoding": "gzip"}) as response:
        assert response.headers["Content-Encoding"] == "gzip"
        assert title_of(parsed(await response.text())).startswith("Shop: ")


@pytest.mark.parametrize(
    ("name", "parameter"),
    [
        ("trend.svg?window=31d", "window"),
        ("runs.svg?since=2026-01-01T00:00:00Z", "since"),
        ("score.svg?window=7d", "window"),
        ("trend.svg?tz=Mars/Olympus", "tz"),
        ("trend.svg?label=x", "label"),
        ("badge.svg?label=", "label"),
        (f"badge.svg?label={'x' * 41}", "label"),
    ],
)
async def test_a_parameter_that_a_picture_does_not_have_is_named(
    client: Client, name: str, parameter: str
) -> None:
    async with client.get(f"{PICTURES}/{name}") as response:
        problem = await response.json()
        assert (response.status, problem["parameter"]) == (400, parameter)


async def test_an_entity_that_is_not_there_has_no_picture(client: Client) -> None:
    async with client.get("/litmus/entities/component/default/nope/badge.svg") as response:
        assert response.status == 404
