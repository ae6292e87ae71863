"""The experiments on the page of an entity: their rows, last runs, schedules, and what may be done."""

import re
from collections.abc import Sequence
from datetime import timedelta

import msgspec
import pytest
from pytest_aiohttp.plugin import AiohttpClient

from sidecar.domain.model import Infra, Schedule
from sidecar.domain.runs import RecentRun
from tests.http.asking import API, PATH, Client, experiment_rows, get, many, page
from tests.support import builders
from tests.support.golden import golden
from tests.support.golden_service import golden_app


@pytest.fixture
async def client(aiohttp_client: AiohttpClient) -> Client:
    return await aiohttp_client(golden_app())


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
