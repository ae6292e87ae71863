"""The JSON views tell the golden figures, and say what is wrong with a question."""

import csv
import io
from typing import Any

import pytest
from pytest_aiohttp.plugin import AiohttpClient

from sidecar.domain.runs import Outcome, Run
from tests.http.asking import Client, get
from tests.replica.documents import EXPERIMENTS, RUN_STATS, body
from tests.support.golden import GoldenWindow, golden
from tests.support.golden_service import ENTITY, PROJECT, golden_app

ENTITY_PATH = "/api/v1/entities/component/default/shop"


@pytest.fixture
async def client(aiohttp_client: AiohttpClient) -> Client:
    return await aiohttp_client(golden_app())


async def ask(client: Client, query: str) -> dict[str, Any]:
    sent = body(query, {"projectID": PROJECT.project_id, "request": {}})
    async with client.post("/api/query", data=sent, headers={"Content-Type": "application/json"}) as response:
        answer: dict[str, Any] = await response.json()
        return answer


async def refused(client: Client, path: str) -> dict[str, Any]:
    async with client.get(path) as response:
        assert response.content_type == "application/problem+json"
        problem: dict[str, Any] = await response.json()
        assert problem["status"] == response.status
        return problem


def rounded(figure: float | None) -> float | None:
    return None if figure is None else round(figure, 2)


@pytest.mark.parametrize("name", list(golden().windows))
async def test_the_overview_tells_the_golden_figures_of_each_window(client: Client, name: str) -> None:
    window: GoldenWindow = golden().windows[name]
    overview = await get(client, f"{ENTITY_PATH}/overview?window={name}&tz={golden().zone}")
    assert overview["totalRuns"] == window.total
    assert overview["runsByOutcome"] == {outcome.value: window.outcomes[outcome] for outcome in Outcome}
    assert overview["score"] == {
        "mean": rounded(window.mean),
        "median": rounded(window.median),
        "worst": rounded(window.worst),
        "number": window.scored,
        "change": rounded(window.change),
        "previous": rounded(window.previous_mean),
    }
    assert overview["scoreNow"] == {"score": golden().score_now, "number": golden().scored_experiments}


@pytest.mark.parametrize("name", list(golden().trends))
async def test_the_trend_has_the_golden_buckets(client: Client, name: str) -> None:
    overview = await get(client, f"{ENTITY_PATH}/overview?window={name}&tz={golden().zone}")
    served = [
        (bucket["since"][:19], sum(bucket["outcomes"].values()), bucket["scored"], bucket["meanScore"])
        for bucket in overview["trend"]
        if sum(bucket["outcomes"].values())
    ]
    expected = [
        (one.since.isoformat()[:19], one.runs, one.scored, rounded(one.mean))
        for one in golden().trends[name]
        if one.runs
    ]
    assert served == expected


async def test_graphql_agrees_with_json_through_its_phases(client: Client) -> None:
    query = body(EXPERIMENTS, {"projectID": PROJECT.project_id, "request": {}})
    async with client.post(
        "/api/query", data=query, headers={"Content-Type": "application/json"}
    ) as response:
        served = (await response.json())["data"]["listExperiment"]["experiments"]
    content = await get(client, f"{ENTITY_PATH}/content")
    types = {one["environmentID"]: one["type"] for one in content["environments"]}
    for experiment in content["experiments"]:
        # What the plugin knows nothing of.
        assert set(experiment.pop("allowedActions")) == {"run", "stop", "schedule", "startSchedule"}
        environment = types.get(experiment["infra"]["environmentID"])
        assert experiment.pop("inProduction") == (environment != "NON_PROD")
    assert content["experiments"] == [
        {
            **row,
            "infra": {name: "" if value is None else value for name, value in row["infra"].items()},
            "recentExperimentRunDetails": [
                {**run, "updatedBy": {"userID": "", "username": run["updatedBy"]["username"], "email": ""}}
                for run in row["recentExperimentRunDetails"]
            ],
        }
        for row in served
    ]
    phases = {row.run.experiment_run_id: row.plugin_phase for row in golden().rows}
    for experiment in content["experiments"]:
        for run in experiment["recentExperimentRunDetails"]:
            if run["experimentRunID"]:
                assert run["phase"] == phases[run["experimentRunID"]]


async def test_the_list_of_runs_is_the_golden_history_newest_first(client: Client) -> None:
    runs = (await get(client, f"{ENTITY_PATH}/runs?limit=200"))["runs"]
    created = [run["createdAt"] for run in runs]
    assert created == sorted(created, reverse=True)
    assert len(runs) == len(golden().rows)
    by_id = {run["experimentRunID"]: run for run in runs if run["experimentRunID"]}
    for row in golden().rows:
        if row.run.experiment_run_id:
            served = by_id[row.run.experiment_run_id]
            assert served["outcome"] == row.outcome.value
            assert served["resiliencyScore"] == (row.run.resiliency_score if row.is_scored else None)
            assert served["phase"] == row.run.phase
            assert served["removed"] == row.run.removed


async def test_pages_of_runs_hold_every_run_once_even_those_of_one_instant(client: Client) -> None:
    seen: list[tuple[str, str, str]] = []
    path = f"{ENTITY_PATH}/runs?limit=3"
    while True:
        answer = await get(client, path)
        seen += [(run["createdAt"], run["experimentID"], run["experimentRunID"]) for run in answer["runs"]]
        if answer["nextCursor"] is None:
            break
        path = f"{ENTITY_PATH}/runs?limit=3&cursor={answer['nextCursor']}"
    assert len(seen) == len(set(seen)) == len(golden().rows)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("outcome=waiting", {""}),
        ("outcome=timeout,stopped", {"r08", "r09", "r26"}),
        ("outcome=other", {"r24"}),
        ("phase=Succeeded", {"r10"}),
        ("phase=Skipped&outcome=other", {"r24"}),
        ("phase=Completed&outcome=error", set()),
        ("experiment=old", {"r02", "r11"}),
        ("experiment=nobody", set()),
        ("since=2026-03-31T10:00:00Z&until=2026-03-31T10:00:00.001Z", {"r03"}),
        ("until=2025-05-01T00:00:00%2B02:00", {"r23"}),
    ],
)
async def test_runs_are_filtered(client: Client, query: str, expected: set[str]) -> None:
    runs = (await get(client, f"{ENTITY_PATH}/runs?limit=200&{query}"))["runs"]
    assert {run["experimentRunID"] for run in runs} == expected


async def test_csv_has_every_run_and_no_formula(aiohttp_client: AiohttpClient) -> None:
    evil = Run(
        experiment_id="evil",
        experiment_name='=HYPERLINK("http://evil.example","click")',
        experiment_run_id="evil-1",
        phase="Completed",
        resiliency_score=50.0,
        created_at_ms=1_000,
        updated_at_ms=1_000,
        updated_by='a "quoted", name\nwith a line',
    )
    client = await aiohttp_client(golden_app(more_runs=[evil]))
    async with client.get(f"{ENTITY_PATH}/runs?format=csv") as response:
        assert response.status == 200
        assert response.content_type == "text/csv"
        assert 'filename="shop-runs.csv"' in response.headers["Content-Disposition"]
        rows = list(csv.DictReader(io.StringIO(await response.text(), newline="")))
    assert len(rows) == len(golden().rows) + 1
    last = rows[-1]
    assert last["experimentName"].startswith("'=HYPERLINK")
    assert last["startedBy"] == evil.updated_by
    assert {row["resiliencyScore"] for row in rows if row["outcome"] == "stopped"} == {""}


async def test_a_narrowed_entity_has_only_its_part_and_says_so(client: Client) -> None:
    path = "/api/v1/entities/component/default/pay"
    overview = await get(client, f"{path}/overview?window=24h")
    assert overview["narrowedTo"] == {"experimentTags": ["team-b"], "infraIDs": []}
    assert overview["experimentRunStats"] is None
    assert overview["basicStats"]["totalExperiments"] == 2
    content = await get(client, f"{path}/content")
    assert {row["experimentID"] for row in content["experiments"]} == {"pay", "idle"}
    runs = (await get(client, f"{path}/runs?limit=200"))["runs"]
    assert {run["experimentID"] for run in runs} == {"pay"}


async def test_gitops_is_null_when_unknown_and_counts_are_null_before_the_first_success(
    client: Client,
) -> None:
    basic = (await get(client, f"{ENTITY_PATH}/overview"))["basicStats"]
    assert basic == {
        "gitOps": None,
        "totalInfrastructure": 2,
        "totalExperiments": 3,
        "totalChaosHubs": None,
    }


async def test_what_runs_now_is_told_with_place_and_person(client: Client) -> None:
    now = await get(client, "/api/v1/now")
    assert [(one["run"]["experimentID"], one["run"]["phase"]) for one in now["runs"]] == [
        ("pay", "Running"),
        ("cart", "Queued"),
        ("pay", "Pending"),
    ]
    first = now["runs"][0]
    assert first["run"]["startedBy"] == "alice"
    assert first["run"]["environmentName"] == "Staging"
    assert first["run"]["stuck"] is True
    assert set(first["entities"]) == {"component:default/pay", "component:default/shop"}
    assert "/experiments/pay/runs/r05" in first["run"]["link"]


async def test_attention_lists_what_a_person_should_look_at(client: Client) -> None:
    found = (await get(client, "/api/v1/attention"))["attention"]
    kinds = [(one["kind"], one["experimentID"]) for one in found]
    assert ("neverRun", "idle") in kinds
    assert ("stuck", "pay") in kinds
    assert all(one["sentence"] for one in found)
    assert all(one["experimentID"] != "old" for one in found)


@pytest.mark.parametrize(
    ("group", "names"),
    [
        ("owner", {"group:default/team-a", "group:default/team-b"}),
        ("system", {"system:default/market", None}),
        ("domain", {"domain:default/commerce", None}),
    ],
)
async def test_the_portfolio_rolls_up_by_group(client: Client, group: str, names: set[str | None]) -> None:
    portfolio = await get(client, f"/api/v1/portfolio?group={group}&window=12mo&tz={golden().zone}")
    assert {one["group"] for one in portfolio["groups"]} == names
    whole = next(one for one in portfolio["groups"] if ENTITY.ref in one["entities"])
    assert whole["scoreNow"]["score"] == golden().score_now
    assert whole["totalRuns"] == golden().windows["12mo"].total
    assert sum(bucket["scored"] for bucket in whole["trend"]) == whole["score"]["number"]
    scores = [one["scoreNow"]["score"] for one in portfolio["groups"]]
    assert scores == sorted(scores, key=lambda score: (score is None, score))


async def test_an_experiment_is_named_for_the_entities_that_cover_it_alone(client: Client) -> None:
    found = (await get(client, "/api/v1/attention"))["attention"]
    named = {one["experimentID"]: set(one["entities"]) for one in found}
    whole, part = "component:default/shop", "component:default/pay"
    assert named == {"cart": {whole}, "idle": {whole, part}, "pay": {whole, part}}


async def test_owner_filters_what_spans_entities(client: Client) -> None:
    own = await get(client, "/api/v1/portfolio?owner=group:default/team-b")
    assert [one["group"] for one in own["groups"]] == ["group:default/team-b"]
    nobody = await get(client, "/api/v1/now?owner=group:default/nobody")
    assert nobody["runs"] == []
    assert nobody["asOf"] is None


@pytest.mark.parametrize(
    ("path", "parameter"),
    [
        (f"{ENTITY_PATH}/overview?window=fortnight", "window"),
        (f"{ENTITY_PATH}/overview?window=7d&window=7d", "window"),
        (f"{ENTITY_PATH}/overview?tz=Mars/Olympus", "tz"),
        (f"{ENTITY_PATH}/overview?tz=../../etc/passwd", "tz"),
        (f"{ENTITY_PATH}/overview?since=yesterday", "since"),
        (f"{ENTITY_PATH}/overview?since=2026-01-02T00:00:00Z&until=2026-01-01T00:00:00Z", "until"),
        (f"{ENTITY_PATH}/overview?until=2026-01-01T00:00:00Z", "since"),
        (f"{ENTITY_PATH}/overview?since=2026-01-01T00:00:00", "since"),
        (f"{ENTITY_PATH}/runs?limit=0", "limit"),
        (f"{ENTITY_PATH}/runs?limit=201", "limit"),
        (f"{ENTITY_PATH}/runs?cursor=bm90IGEgY3Vyc29y", "cursor"),
        (f"{ENTITY_PATH}/runs?cursor=WzEsIDJd", "cursor"),
        # Beyond what a database counts, and what none stores.
        (f"{ENTITY_PATH}/runs?cursor=WzkyMjMzNzIwMzY4NTQ3NzU4MDgsImEiLCJiIl0=", "cursor"),
        (f"{ENTITY_PATH}/runs?cursor=WzEsImFcdTAwMDAiLCJiIl0=", "cursor"),
        (f"{ENTITY_PATH}/runs?experiment=a%00", "experiment"),
        (f"{ENTITY_PATH}/runs?phase=%00", "phase"),
        (f"{ENTITY_PATH}/runs?outcome=splendid", "outcome"),
        (f"{ENTITY_PATH}/runs?phase=", "phase"),
        (f"{ENTITY_PATH}/runs?format=xml", "format"),
        (f"{ENTITY_PATH}/runs?since=now", "since"),
        ("/api/v1/portfolio?group=colour", "group"),
        ("/api/v1/portfolio?window=1y", "window"),
        ("/api/v1/portfolio?cursor=LTE=", "cursor"),
        ("/api/v1/attention?limit=x", "limit"),
        ("/api/v1/now?owner=me", "owner"),
    ],
)
async def test_a_bad_parameter_is_400_and_named(client: Client, path: str, parameter: str) -> None:
    problem = await refused(client, path)
    assert problem["status"] == 400
    assert problem["parameter"] == parameter


@pytest.mark.parametrize("view", ["overview", "content", "runs"])
async def test_an_unknown_entity_is_404(client: Client, view: str) -> None:
    problem = await refused(client, f"/api/v1/entities/component/default/nobody/{view}")
    assert problem["status"] == 404
    assert problem["code"] == "not_found"


async def test_entity_names_ignore_case_as_in_backstage(client: Client) -> None:
    overview = await get(client, "/api/v1/entities/Component/Default/SHOP/overview")
    assert overview["entityRef"] == "component:default/shop"


async def test_an_answer_is_made_once_and_then_given_from_memory(client: Client) -> None:
    async with client.get(f"{ENTITY_PATH}/overview") as first:
        tag = first.headers["ETag"]
    async with client.get(f"{ENTITY_PATH}/overview", headers={"If-None-Match": tag}) as again:
        assert again.status == 304
        assert again.headers["Last-Modified"]
    async with client.get(f"{ENTITY_PATH}/overview?window=7d") as other:
        assert other.headers["ETag"] != tag


async def test_litmus_own_counters_are_null_when_never_read(client: Client) -> None:
    query = body(RUN_STATS, {"projectID": PROJECT.project_id})
    async with client.post(
        "/api/query", data=query, headers={"Content-Type": "application/json"}
    ) as response:
        assert (await response.json())["errors"][0]["extensions"]["code"] == "no_data"
    assert (await get(client, f"{ENTITY_PATH}/overview"))["experimentRunStats"] is None
