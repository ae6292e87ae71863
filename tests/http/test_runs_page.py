"""The page of runs and the report tell the figures of the JSON."""

import msgspec
import pytest
from pytest_aiohttp.plugin import AiohttpClient

from sidecar.domain.runs import Faults
from tests.http.asking import API, PATH, Client, figures, get, page, percent
from tests.support.golden import golden
from tests.support.golden_service import ENTITY, golden_app


@pytest.fixture
async def client(aiohttp_client: AiohttpClient) -> Client:
    return await aiohttp_client(golden_app())


async def test_the_runs_are_those_of_the_api_page_by_page(client: Client) -> None:
    told = (await get(client, f"{API}/runs?limit=200"))["runs"]
    rows = (await page(client, "/runs")).by_id("runs").rows()
    assert [row[2] for row in rows] == [percent(run["resiliencyScore"]) for run in told[: len(rows)]]
    assert len(rows) == min(50, len(told))


@pytest.mark.parametrize(
    ("query", "api"),
    [
        ("outcome=waiting&experiment=&since=&until=", "outcome=waiting"),
        ("experiment=old", "experiment=old"),
        (
            "since=2026-03-29&until=2026-03-31&tz=Europe/Berlin",
            "since=2026-03-28T23:00:00Z&until=2026-03-31T22:00:00Z",
        ),
        ("since=2026-03-31T10:00:00Z", "since=2026-03-31T10:00:00Z"),
    ],
)
async def test_filters_of_the_runs_mean_what_they_mean_in_the_api(
    client: Client, query: str, api: str
) -> None:
    told = (await get(client, f"{API}/runs?limit=200&{api}"))["runs"]
    rows = (await page(client, f"/runs?{query}")).by_id("runs").rows()
    assert len(rows) == len(told) > 0
    async with (
        client.get(f"{PATH}/runs.csv?{query}") as ours,
        client.get(f"{API}/runs?format=csv&{api}") as theirs,
    ):
        assert ours.status == theirs.status == 200
        assert ours.content_type == "text/csv"
        assert await ours.read() == await theirs.read()


@pytest.mark.parametrize(
    ("faults", "told"),
    [
        (Faults(passed=2, failed=1, awaited=0, stopped=0, na=0, total=3), "2 of 3 passed"),
        (Faults(passed=0, failed=0, awaited=0, stopped=0, na=0, total=0), "none"),
        (None, "unknown"),
    ],
)
async def test_faults_are_told_as_litmus_counted_them(
    aiohttp_client: AiohttpClient, faults: Faults | None, told: str
) -> None:
    """A run that failed before its first fault has none, rather than none that passed."""
    newest = max(golden().runs, key=lambda run: run.created_at_ms)
    one_more = msgspec.structs.replace(newest, experiment_run_id="one-more", run_sequence=4711, faults=faults)
    client = await aiohttp_client(golden_app(more_runs=[one_more]))
    (row,) = [row for row in (await page(client, "/runs")).by_id("runs").rows() if "4711" in row[0]]
    assert row[-1] == told


async def test_a_filter_that_leaves_nothing_says_so(client: Client) -> None:
    assert "No run matches" in (await page(client, "/runs?experiment=nobody")).by_id("runs").text


async def test_the_report_has_the_figures_of_the_overview_and_what_needs_attention(client: Client) -> None:
    document = await page(client, "/report?window=90d")
    told = await get(client, f"{API}/overview?window=90d")
    shown = figures(document)
    assert shown["Score now"].startswith(percent(told["scoreNow"]["score"]))
    assert shown["Window score"].startswith(percent(told["score"]["mean"]))
    assert shown["Runs in the window"].startswith(str(told["totalRuns"]))
    attention = (await get(client, "/api/v1/attention"))["attention"]
    ours = [one["sentence"] for one in attention if ENTITY.ref in one["entities"]]
    words, instant = ours[0].removesuffix(" UTC.").split(" since ")
    (item,) = [one for one in document.by_id("main").all("li") if words in one.text]
    assert item.one("time").attributes["datetime"] == f"{instant.replace(' ', 'T')}:00Z"


async def test_the_report_lists_the_lowest_scores_first(client: Client) -> None:
    rows = (await page(client, "/report")).rows()
    scores = [float(row[1].split()[0]) for row in rows]
    assert scores == sorted(scores)
    assert scores
    assert scores[-1] < 100
