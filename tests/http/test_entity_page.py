"""The page of an entity, its runs and its report tell the figures of the JSON, whatever the names are."""

import itertools
import re
from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec
import pytest
from aiohttp.test_utils import TestClient
from pytest_aiohttp.plugin import AiohttpClient

from sidecar.domain.model import Content, GitOps, Infra, Schedule
from sidecar.domain.runs import Faults, RecentRun
from sidecar.http.pictures.charts import LOOKS
from tests.support import builders
from tests.support.golden import golden
from tests.support.golden_service import ENTITY, PART, golden_app
from tests.support.markup import Element, parse_html

PATH = "/litmus/entities/component/default/shop"
API = "/api/v1/entities/component/default/shop"
Client = TestClient[Any, Any]
VIEWS = ("", "/runs", "/report")


@pytest.fixture
async def client(aiohttp_client: AiohttpClient) -> Client:
    return await aiohttp_client(golden_app())


async def page(client: Client, rest: str = "", path: str = PATH) -> Element:
    async with client.get(f"{path}{rest}") as response:
        assert response.status == 200, await response.text()
        return parse_html(await response.text())


async def get(client: Client, path: str) -> dict[str, Any]:
    async with client.get(path) as response:
        assert response.status == 200, await response.text()
        answer: dict[str, Any] = await response.json()
        return answer


def percent(score: float | None) -> str:
    return "no score" if score is None else f"{score:g} %"


def experiment_rows(document: Element) -> list[Element]:
    """The rows of the experiments, those in view and the folded ones."""
    return [row for row in document.by_id("experiment-rows").all("tr") if "data-text" in row.attributes]


def figures(section: Element) -> dict[str, str]:
    """What the terms of the section's description lists say."""
    terms = [one.text for one in section.all("dt")]
    return dict(zip(terms, [one.text for one in section.all("dd")], strict=True))


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


async def test_every_experiment_has_its_row_with_its_last_ten_runs(client: Client) -> None:
    document = await page(client)
    told = (await get(client, f"{API}/content"))["experiments"]
    rows = {row.one("th").text.removesuffix(" runs"): row for row in experiment_rows(document)}
    assert len(rows) == len(told) > 1
    for experiment in told:
        row = rows[experiment["name"]]
        ran = [run for run in experiment["recentExperimentRunDetails"] if run["updatedAt"]]
        cells = row.all("li")
        assert len(cells) == len(ran)
        for cell, run in zip(cells, ran, strict=True):
            if run["phase"] == "Completed" and run["resiliencyScore"] is not None:
                assert f"{run['resiliencyScore']:.0f}" in cell.text
                assert "Passed" in cell.text
            assert run["updatedBy"]["username"] in cell.text


async def test_each_cell_says_outcome_when_and_who_as_text(client: Client) -> None:
    cells = (await page(client)).by_id("experiment-rows").all("li")
    assert cells
    for cell in cells:
        assert re.search(r"[A-Z][a-z ]+, \d+ \w{3} \d{4}, \d\d:\d\d UTC", cell.one("span").text)
        assert "title" not in cell.attributes


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


def many(number: int) -> Content:
    """Experiments of two infrastructures; every third ended with an error, every seventh never ran."""
    infras = [builders.infra(f"infra-{one}", f"cluster {one}") for one in "ab"]
    return Content(
        experiments=tuple(
            builders.experiment(
                f"experiment-{index}",
                f"Kill {index:03}",
                infra=infras[index % 2],
                recent_runs=()
                if index % 7 == 0
                else (builders.recent_run("r", "Error" if index % 3 == 0 else "Completed", 0.0),),
            )
            for index in range(number)
        ),
        infrastructures=tuple(infras),
        environments=(),
        schedules=(),
        hubs=(),
        gitops=GitOps(enabled=None),
    )


@pytest.mark.parametrize(
    ("query", "chosen"),
    [
        ("q=KILL+01", [1, *range(10, 20)]),
        ("q=01+++kill", [1, *range(10, 20)]),
        ("outcome=error", [one for one in range(40) if one % 3 == 0 and one % 7]),
        ("outcome=never", range(0, 40, 7)),
        ("infra=infra-b&outcome=never", range(7, 40, 14)),
        ("q=nobody", []),
    ],
)
async def test_experiments_are_filtered_without_a_script(
    aiohttp_client: AiohttpClient, query: str, chosen: Sequence[int]
) -> None:
    client = await aiohttp_client(golden_app(content=many(40)))
    table = (await page(client, f"?{query}")).by_id("experiment-rows")
    names = sorted(row.one("th").text for row in table.all("tr") if "data-text" in row.attributes)
    assert names == [f"Kill {index:03} runs" for index in chosen]
    if not names:
        assert "No experiment matches. Show all 40." in table.text


async def test_many_experiments_come_in_pages_of_a_hundred(aiohttp_client: AiohttpClient) -> None:
    client = await aiohttp_client(golden_app(content=many(230)))
    seen: list[str] = []
    following: list[str] = [PATH]
    while following:
        document = await page(client, path=following.pop())
        rows = [row.one("th").text for row in experiment_rows(document)]
        assert len(rows) <= 100
        seen += rows
        links = [one.attributes for one in document.one(aria_label="Pages of experiments").all("a")]
        here = [link.get("aria-current") for link in links].index("page")
        following = [link["href"].partition("#")[0] for link in links[here + 1 : here + 2]]
    failed = [index for index in range(230) if index % 3 == 0 and index % 7]
    never = list(range(0, 230, 7))
    passed = [index for index in range(230) if index % 3 and index % 7]
    assert seen == [f"Kill {index:03} runs" for index in (*failed, *never, *passed)]


async def test_experiments_that_pass_are_folded_with_their_number_unless_the_filter_asks_for_them(
    aiohttp_client: AiohttpClient,
) -> None:
    client = await aiohttp_client(golden_app(content=many(40)))
    passed = [f"Kill {index:03}" for index in range(40) if index % 3 and index % 7]
    document = await page(client)
    fold = document.by_id("experiments-passing")
    assert fold.one("summary", id="experiments-passing-title").text == f"{len(passed)} experiments pass"
    assert [row.attributes["data-text"] for row in fold.all("tr")[1:]] == passed
    assert "open" not in fold.attributes
    narrowed = (await page(client, "?outcome=passed")).by_id("experiments-passing")
    assert "open" in narrowed.attributes
    assert len(narrowed.all("tr")[1:]) == len(passed)


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


async def test_a_schedule_tells_its_next_and_missed_runs_and_whether_it_is_suspended(
    aiohttp_client: AiohttpClient,
) -> None:
    known = golden()
    assert known.content.experiments is not None
    experiment = known.content.experiments[0].experiment_id
    scheduled = msgspec.structs.replace(
        known.content,
        schedules=(
            Schedule(
                experiment_id=experiment,
                cron_syntax="TZ=Europe/Berlin 0 2 * * *",
                suspended=False,
                timezone=None,
                experiment_updated_at_ms=None,
                since=known.now - timedelta(days=9),
            ),
        ),
    )
    client = await aiohttp_client(golden_app(content=scheduled))
    (told,) = (await get(client, f"{API}/content"))["schedules"]
    document = await page(client)
    (row,) = [
        row
        for row in document.by_id("experiment-rows").all("tr")[1:]
        if row.one("th").text.startswith(told["experimentName"])
    ]
    times = [one.attributes["datetime"] for one in row.all("time")]
    assert told["nextFireAt"][:19] + "Z" in times
    assert told["missed"]["number"]
    assert f"{told['missed']['number']} run" in row.text
    assert "Europe/Berlin" in row.text


@pytest.mark.parametrize("started", [True, False])
async def test_a_schedule_that_was_only_saved_says_so_and_can_be_started(
    aiohttp_client: AiohttpClient, *, started: bool
) -> None:
    known = golden()
    one = msgspec.structs.replace(
        (known.content.experiments or ())[0], cron_syntax="0 2 * * *", recent_runs=()
    )
    scheduled = msgspec.structs.replace(
        known.content,
        experiments=(one,),
        schedules=(
            Schedule(
                experiment_id=one.experiment_id,
                cron_syntax="0 2 * * *",
                suspended=False,
                timezone=None,
                experiment_updated_at_ms=None,
                since=known.now - timedelta(days=9),
                started=started,
            ),
        ),
    )
    client = await aiohttp_client(golden_app(content=scheduled))
    (told,) = (await get(client, f"{API}/content"))["schedules"]
    rows = (await page(client)).by_id("experiment-rows").text

    assert told["neverStarted"] is not started
    assert (told["nextFireAt"] is None, told["missed"] is None) == (not started, not started)
    assert ("saved, not started in Litmus" in rows) is not started
    assert ("start schedule" in rows.lower()) is not started


async def test_an_action_that_holds_for_no_experiment_says_why_once(aiohttp_client: AiohttpClient) -> None:
    refused = Infra(infra_id="off", name="dead", environment_id="e", is_active=False)
    content = msgspec.structs.replace(
        many(0),
        experiments=tuple(builders.experiment(str(one), f"Kill {one}", infra=refused) for one in range(40)),
    )
    client = await aiohttp_client(golden_app(content=content))
    table = (await page(client)).by_id("experiment-rows")
    assert table.text.count("Infrastructure dead is not connected; its agent has to be first.") == 1
    assert not table.all("form")


async def test_a_reason_of_one_experiment_stands_in_its_row(aiohttp_client: AiohttpClient) -> None:
    refused = Infra(infra_id="off", name="dead", environment_id="e", is_active=False)
    content = msgspec.structs.replace(
        many(0), experiments=(builders.experiment("a", "A"), builders.experiment("b", "B", infra=refused))
    )
    client = await aiohttp_client(golden_app(content=content))
    second, first = experiment_rows(await page(client))
    assert first.one("form").attributes["action"] == f"{PATH}/experiments/a/run"
    assert not second.all("form")
    assert second.one("details", class_="why").one("summary").text == "No run: not connected"
    assert "its agent has to be first" in second.text


async def test_force_is_offered_for_a_stuck_run_alone(aiohttp_client: AiohttpClient) -> None:
    now_ms = int(golden().now.timestamp() * 1000)
    stuck, fresh = (
        RecentRun(
            experiment_run_id="r",
            phase="Queued",
            resiliency_score=None,
            updated_at_ms=now_ms - age,
            created_at_ms=now_ms - age,
        )
        for age in (2 * 3_600_000, 60_000)
    )
    content = msgspec.structs.replace(
        many(0),
        experiments=(
            builders.experiment("stuck", "S", recent_runs=(stuck,)),
            builders.experiment("fresh", "F", recent_runs=(fresh,)),
        ),
    )
    client = await aiohttp_client(golden_app(content=content))
    first, second = (await page(client)).by_id("experiment-rows").all("tr")[1:]
    assert [one.text for one in first.all("button")] == ["Stop", "Run anyway"]
    assert first.all("input", name="force", value="true")
    assert [one.text for one in second.all("button")] == ["Stop"]


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
