"""Prometheus is told the figures that JSON tells, those of the golden table."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from aiohttp.test_utils import TestClient
from pytest_aiohttp.plugin import AiohttpClient

from sidecar.model import UNFINISHED, Outcome, Schedule
from tests.support.exposition import Samples, by_label, domain, parsed
from tests.support.golden import golden
from tests.support.golden_service import ENTITY, PART, golden_app
from tests.support.service import eventually

Client = TestClient[Any, Any]
OPENMETRICS = "application/openmetrics-text; version=1.0.0"
WHOLE = "/api/v1/entities/component/default/shop"
EVERYTHING = "since=2020-01-01T00:00:00Z&until=2030-01-01T00:00:00Z"


def schedule(experiment_id: str, text: str, *, suspended: bool = False) -> Schedule:
    return Schedule(
        experiment_id=experiment_id,
        cron_syntax=text,
        suspended=suspended,
        timezone="Europe/Berlin",
        experiment_updated_at_ms=None,
        since=golden().now - timedelta(days=2),
    )


SCHEDULES = (
    schedule("cart", "0 6 * * *"),
    schedule("pay", "@every 1h"),
    schedule("idle", "0 * * * *", suspended=True),
)


@pytest.fixture
async def client(aiohttp_client: AiohttpClient) -> Client:
    client = await aiohttp_client(golden_app(schedules=SCHEDULES))

    async def rendered() -> bool:
        return "backstage_litmus_experiments_known" in await text_of(client)

    await eventually(rendered)
    return client


async def text_of(client: Client, accept: str = "text/plain") -> str:
    async with client.get("/metrics", headers={"Accept": accept}) as response:
        assert response.status == 200
        return await response.text()


@pytest.fixture
async def samples(client: Client) -> Samples:
    return parsed(await text_of(client))


async def get(client: Client, path: str) -> dict[str, Any]:
    async with client.get(path) as response:
        assert response.status == 200, await response.text()
        answer: dict[str, Any] = await response.json()
        return answer


def seconds(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


async def test_both_formats_tell_the_same_of_the_domain(client: Client, samples: Samples) -> None:
    text = await text_of(client, OPENMETRICS)
    assert text.endswith("\n# EOF\n")
    assert text.count("# EOF") == 1
    assert domain(parsed(text, openmetrics=True)) == domain(samples)


async def test_the_score_now_is_that_of_the_table_and_of_json(client: Client, samples: Samples) -> None:
    overview = await get(client, f"{WHOLE}/overview")
    scores = by_label(samples, "backstage_litmus_project_score", "project")
    assert scores == {"golden": golden().score_now} == {"golden": overview["scoreNow"]["score"]}


async def test_each_entity_has_the_score_of_its_part(client: Client, samples: Samples) -> None:
    part = await get(client, "/api/v1/entities/component/default/pay/overview")
    assert part["narrowedTo"] is not None
    assert by_label(samples, "backstage_litmus_entity_score", "entity") == {
        ENTITY.ref: golden().score_now,
        PART.ref: part["scoreNow"]["score"],
    }
    assert by_label(samples, "backstage_litmus_entity_info", "entity", narrowed="true") == {PART.ref: 1}


async def test_groups_of_the_portfolio_are_the_joined_scores(client: Client, samples: Samples) -> None:
    portfolio = await get(client, "/api/v1/portfolio?group=owner")
    scores = {
        labels["owner"]: value
        for labels, value in (
            (dict(own), by_label(samples, "backstage_litmus_entity_score", "entity")[dict(own)["entity"]])
            for own in samples["backstage_litmus_entity_info"]
        )
    }
    assert scores == {group["group"]: group["scoreNow"]["score"] for group in portfolio["groups"]}


async def test_runs_by_outcome_are_those_of_json(client: Client, samples: Samples) -> None:
    overview = await get(client, f"{WHOLE}/overview?{EVERYTHING}")
    finished = {outcome.value for outcome in Outcome} - UNFINISHED
    told = {name: count for name, count in overview["runsByOutcome"].items() if name in finished}
    assert by_label(samples, "backstage_litmus_project_runs_total", "outcome") == told
    assert sum(told.values()) == len([row for row in golden().rows if row.outcome not in UNFINISHED])


async def test_runs_of_an_experiment_are_those_of_the_table(samples: Samples) -> None:
    expected = dict.fromkeys(set(Outcome) - UNFINISHED, 0)
    for row in golden().rows:
        if row.run.experiment_id == "cart" and row.outcome in expected:
            expected[row.outcome] += 1
    runs = by_label(samples, "backstage_litmus_experiment_runs_total", "outcome", experiment_id="cart")
    assert runs == expected


async def test_the_last_run_is_that_of_the_portfolio(client: Client, samples: Samples) -> None:
    (group,) = (await get(client, f"/api/v1/portfolio?group=domain&{EVERYTHING}"))["groups"][:1]
    assert group["group"] == ENTITY.domain
    last = by_label(samples, "backstage_litmus_project_last_run_timestamp_seconds", "project")
    assert last == {"golden": seconds(group["lastRunAt"])}


async def test_the_last_run_of_an_experiment_is_that_of_the_table(samples: Samples) -> None:
    latest = max(
        (row for row in golden().rows if row.run.experiment_id == "cart"), key=lambda row: row.created_at
    )
    at = by_label(samples, "backstage_litmus_experiment_last_run_timestamp_seconds", "experiment_id")
    assert at["cart"] == latest.created_at.timestamp()
    outcomes = by_label(
        samples, "backstage_litmus_experiment_last_run_outcome", "outcome", experiment_id="cart"
    )
    assert outcomes == {latest.outcome: 1}


async def test_experiments_have_their_latest_score_and_what_never_ran_or_is_deleted_has_none(
    samples: Samples,
) -> None:
    scores = by_label(samples, "backstage_litmus_experiment_score", "experiment_id")
    assert scores == {"cart": 80, "pay": 100}


async def test_next_and_missed_runs_are_those_of_the_content(client: Client, samples: Samples) -> None:
    rows = (await get(client, f"{WHOLE}/content"))["schedules"]
    following = by_label(samples, "backstage_litmus_schedule_next_run_timestamp_seconds", "experiment_id")
    missed = by_label(samples, "backstage_litmus_schedule_missed_runs", "experiment_id")
    assert following == {
        row["experimentID"]: seconds(row["nextFireAt"]) for row in rows if row["nextFireAt"] is not None
    }
    assert missed == {
        row["experimentID"]: row["missed"]["number"] for row in rows if row["missed"] is not None
    }
    assert following.keys() == missed.keys() == {"cart", "pay"}
    assert any(missed.values())


async def test_what_runs_and_what_is_stuck_is_that_of_the_content(client: Client, samples: Samples) -> None:
    rows = (await get(client, f"{WHOLE}/content"))["runningRuns"]
    stuck = sum(row["stuck"] for row in rows)
    assert by_label(samples, "backstage_litmus_project_stuck_runs", "project") == {"golden": stuck}
    assert by_label(samples, "backstage_litmus_project_running_runs", "project") == {
        "golden": len(rows) - stuck
    }
    assert stuck == 2


async def test_infrastructures_and_experiments_are_those_of_the_card(
    client: Client, samples: Samples
) -> None:
    card = (await get(client, f"{WHOLE}/overview"))["basicStats"]
    states = by_label(samples, "backstage_litmus_project_infrastructures", "state")
    assert states == {"active": card["totalInfrastructure"], "inactive": 0, "unconfirmed": 0}
    experiments = by_label(samples, "backstage_litmus_project_experiments", "project")
    assert experiments == {"golden": card["totalExperiments"]}
    assert samples["backstage_litmus_experiments_known"] == {frozenset(): card["totalExperiments"]}


async def test_what_is_unknown_is_absent(samples: Samples) -> None:
    assert "backstage_litmus_project_hubs" not in samples
    assert "backstage_litmus_project_gitops_enabled" not in samples
