"""Prometheus is told the figures that JSON tells, those of the golden table."""

from datetime import datetime, timedelta
from functools import partial

import msgspec
import pytest
from pytest_aiohttp.plugin import AiohttpClient

from sidecar.domain.catalog import Entity
from sidecar.domain.model import Schedule
from sidecar.domain.runs import UNFINISHED, Outcome
from sidecar.insight.rollup import Grouping
from tests.http.asking import Client, get
from tests.support.exposition import Samples, by_label, domain, parsed
from tests.support.golden import golden
from tests.support.golden_service import ENTITY, PART, PROJECT, golden_app
from tests.support.service import eventually

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
    await eventually(partial(rendered, client))
    return client


async def rendered(client: Client) -> bool:
    return "backstage_litmus_experiments_known" in await text_of(client)


async def text_of(client: Client, accept: str = "text/plain") -> str:
    async with client.get("/metrics", headers={"Accept": accept}) as response:
        assert response.status == 200
        return await response.text()


@pytest.fixture
async def samples(client: Client) -> Samples:
    return parsed(await text_of(client))


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


@pytest.mark.parametrize("by", list(Grouping))
async def test_scores_of_groups_are_those_of_the_portfolio(
    aiohttp_client: AiohttpClient, by: Grouping
) -> None:
    """Also where entities of one owner share a project: its experiments count once."""
    owner, system, domain = ENTITY.owner, ENTITY.system, "domain:default/other"
    twin = Entity(ref="component:default/twin", project=PROJECT, owner=owner, system=system, domain=domain)
    part = msgspec.structs.replace(PART, ref="component:default/part", owner=owner, system=None)
    whole = Entity(ref="system:default/market", project=PROJECT, owner=owner)
    client = await aiohttp_client(golden_app(entities=(ENTITY, PART, twin, part, whole)))
    await eventually(partial(rendered, client))
    scores = by_label(parsed(await text_of(client)), f"backstage_litmus_{by.value}_score", by.value)
    groups = (await get(client, f"/api/v1/portfolio?group={by.value}"))["groups"]
    assert scores == {group["group"] or "": group["scoreNow"]["score"] for group in groups}
    assert len(scores) > 1


@pytest.mark.parametrize("entity", [ENTITY, PART], ids=["whole", "part"])
async def test_figures_of_an_entity_are_those_of_its_pages(
    client: Client, samples: Samples, entity: Entity
) -> None:
    def told(name: str) -> float | None:
        return by_label(samples, f"backstage_litmus_entity_{name}", "entity").get(entity.ref)

    path = f"/api/v1/entities/{entity.ref.replace(':', '/')}"
    overview, content = (
        await get(client, f"{path}/overview?{EVERYTHING}"),
        await get(client, f"{path}/content"),
    )
    finished = {outcome.value for outcome in Outcome} - UNFINISHED
    runs = by_label(samples, "backstage_litmus_entity_runs_total", "outcome", entity=entity.ref)
    assert runs == {name: count for name, count in overview["runsByOutcome"].items() if name in finished}
    stuck = sum(row["stuck"] for row in content["runningRuns"])
    assert (told("stuck_runs"), told("running_runs")) == (stuck, len(content["runningRuns"]) - stuck)
    schedules = content["schedules"]
    fires = [seconds(row["nextFireAt"]) for row in schedules if row["nextFireAt"] is not None]
    assert told("next_run_timestamp_seconds") == min(fires, default=None)
    missed = [row["missed"] for row in schedules if row["missed"] is not None]
    assert told("missed_runs") == sum(one["number"] for one in missed)
    latest = [seconds(one["latest"][0]) for one in missed if one["latest"]]
    assert told("last_missed_timestamp_seconds") == max(latest, default=None)
    (newest, *_) = (await get(client, f"{path}/runs?{EVERYTHING}"))["runs"]
    assert told("last_run_timestamp_seconds") == seconds(newest["createdAt"])
    outcomes = by_label(samples, "backstage_litmus_entity_last_run_outcome", "outcome", entity=entity.ref)
    assert outcomes == {newest["outcome"]: 1}
    assert told("last_run_score") == newest["resiliencyScore"] == (10 if entity is ENTITY else None)


async def test_a_project_has_the_figures_of_an_entity_that_is_the_whole_of_it(samples: Samples) -> None:
    def told(scope: str, of: dict[str, str]) -> dict[str, dict[frozenset[tuple[str, str]], float]]:
        prefix, named = f"backstage_litmus_{scope}_", frozenset(of.items())
        return {
            name.removeprefix(prefix): {
                labels - named: value for labels, value in values.items() if named <= labels
            }
            for name, values in samples.items()
            if name.startswith(prefix)
        }

    whole, project = told("entity", {"entity": ENTITY.ref}), told("project", {})
    del whole["info"]
    assert whole
    assert {name: project[name] for name in whole} == whole


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


async def test_experiments_have_the_score_of_their_last_run_unless_that_is_not_scored(
    samples: Samples,
) -> None:
    scores = by_label(samples, "backstage_litmus_experiment_last_run_score", "experiment_id")
    assert scores == {"cart": 80}


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
