"""The unmodified plugin's requests, on the demonstration's worlds, over HTTP."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from sidecar.domain.catalog import Entity
from tests.e2e.conftest import Shown
from tests.replica.documents import (
    BASIC_STATS,
    ENVIRONMENTS,
    EXPERIMENTS,
    HUBS,
    QUERIES,
    RUN,
    RUN_STATS,
)
from tests.support.service import Service

pytestmark = pytest.mark.asyncio(loop_scope="session")

CART = "component:default/cart"
EXAMPLES = Path(__file__).parents[2] / "../shared/litmus/examples"
PLUGIN_PHASES = {
    "Completed",
    "Completed_With_Error",
    "Completed_With_Probe_Failure",
    "Error",
    "Running",
    "Stopped",
    "Timeout",
    "Queued",
    "NA",
}


@pytest.fixture
def demo(shown: Shown) -> Service:
    """The sidecar on the demonstration."""
    return shown.service


def entities(service: Service) -> Sequence[Entity]:
    return service.services.catalogue.current.entities


def projects(service: Service) -> set[str]:
    return {entity.project.project_id for entity in entities(service)}


async def all_experiments(service: Service) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for project in projects(service):
        answer = await service.query(EXPERIMENTS, project)
        rows += answer["data"]["listExperiment"]["experiments"]
    return rows


async def test_every_query_of_the_plugin_is_answered_for_every_project(demo: Service) -> None:
    assert len(projects(demo)) >= 4
    for project in projects(demo):
        for query in QUERIES:
            answer = await demo.query(query, project)
            assert "errors" not in answer
            assert set(answer["extensions"]["litmusSidecar"]) == {"asOf", "stale"}


async def test_the_plugins_own_bytes_are_answered_in_the_recorded_shape(demo: Service) -> None:
    """The recorded requests of the real plugin, where they are at hand."""
    if not EXAMPLES.is_dir():
        pytest.skip("the recorded examples are not at hand")
    project = next(entity.project.project_id for entity in entities(demo) if entity.ref == CART)
    for name in (
        "getExperimentRunStats",
        "getBasicStats",
        "listChaosHub",
        "listEnvironments",
        "listExperiment",
    ):
        example = json.loads((EXAMPLES / f"{name}.json").read_text())
        request = example["request"]
        body = request["body_text"].replace(request["body"]["variables"]["projectID"], project)
        response = await demo.post(body)
        answer = await response.json()
        assert response.status == 200
        assert "errors" not in answer
        expected = example["response"]["body"]["data"]
        assert paths_in(answer["data"]) == paths_in(expected)


def paths_in(value: Any, path: str = "") -> set[str]:
    """Return every key with the keys above it; the rows of a list count as one."""
    if isinstance(value, list):
        return {found for row in value for found in paths_in(row, path)}
    if isinstance(value, dict):
        own = {f"{path}.{key}" for key in value}
        return own | {found for key, inner in value.items() for found in paths_in(inner, f"{path}.{key}")}
    return set()


async def test_figures_have_the_types_the_card_reads(demo: Service) -> None:
    for project in projects(demo):
        basic = (await demo.query(BASIC_STATS, project))["data"]
        assert isinstance(basic["getGitOpsDetails"]["enabled"], bool)
        assert isinstance(basic["getInfraStats"]["totalActiveInfrastructure"], int)
        assert isinstance(basic["getExperimentStats"]["totalExperiments"], int)
        assert basic["getChaosHubStats"]["totalChaosHubs"] >= 1
        stats = (await demo.query(RUN_STATS, project))["data"]["getExperimentRunStats"]
        assert all(isinstance(figure, int) for figure in stats.values())


async def test_hub_counts_are_numbers_and_environments_have_lists(demo: Service) -> None:
    for project in projects(demo):
        hubs = (await demo.query(HUBS, project))["data"]["listChaosHub"]
        assert all(isinstance(hub["totalFaults"], int) for hub in hubs)
        environments = (await demo.query(ENVIRONMENTS, project))["data"]["listEnvironments"]["environments"]
        assert all(isinstance(row["infraIDs"], list) for row in environments)


async def test_no_row_can_take_the_plugins_page_down(demo: Service) -> None:
    rows = await all_experiments(demo)
    assert rows
    for row in rows:
        assert isinstance(row["infra"]["name"], str)
        assert isinstance(row["infra"]["isActive"], bool)
        assert not row["cronSyntax"].startswith(("@every", "TZ=", "CRON_TZ="))
        runs = row["recentExperimentRunDetails"]
        assert 1 <= len(runs) <= 10
        for run in runs:
            assert run["phase"] in PLUGIN_PHASES
            assert isinstance(run["updatedBy"]["username"], str)
            assert run["updatedAt"].isdigit() or run["phase"] == "NA"


async def test_all_forty_experiments_are_listed_not_fifteen(demo: Service) -> None:
    counts = [
        len((await demo.query(EXPERIMENTS, project))["data"]["listExperiment"]["experiments"])
        for project in projects(demo)
    ]
    assert 40 in counts


async def test_the_demo_has_each_odd_row_healed(demo: Service) -> None:
    rows = await all_experiments(demo)
    latest = [row["recentExperimentRunDetails"][0]["phase"] for row in rows]
    assert "NA" in latest, "never run"
    assert any(row["infra"]["name"] == "-" for row in rows), "infrastructure gone"
    assert any(row["cronSyntax"] for row in rows), "schedule kept"
    assert any("<script>" in row["name"] for row in rows), "names as they are"


async def test_the_viewer_project_works_with_gitops_false(demo: Service) -> None:
    unknown = [
        snapshot.project.project_id
        for project in {entity.project for entity in demo.services.catalogue.current.entities}
        if (snapshot := demo.services.snapshots.get(project))
        and snapshot.content.gitops
        and snapshot.content.gitops.enabled is None
    ]
    assert unknown
    for project in unknown:
        data = (await demo.query(BASIC_STATS, project))["data"]
        assert data["getGitOpsDetails"] == {"enabled": False}


async def test_the_play_button_of_an_unknown_experiment_gets_a_sentence(demo: Service) -> None:
    answer = await demo.query(RUN, next(iter(projects(demo))), experimentID="anything")
    assert answer["data"] is None
    assert answer["errors"][0]["message"].startswith("Experiment is not one of this project")
    assert answer["errors"][0]["extensions"]["code"] == "experiment_unknown"


async def test_aliases_fragments_and_other_formatting_give_the_same_figures(demo: Service) -> None:
    project = next(iter(projects(demo)))
    plain = (await demo.query(BASIC_STATS, project))["data"]
    other = """
      query Q($p:ID!){__typename a:getExperimentStats(projectID:$p){...F}
      b: getChaosHubStats(projectID: $p) { ...on GetChaosHubStatsResponse { n: totalChaosHubs __typename } }}
      fragment F on GetExperimentStatsResponse { totalExperiments }
    """
    data = (await demo.query(other, project, p=project))["data"]
    assert data["a"] == plain["getExperimentStats"]
    assert data["b"]["n"] == plain["getChaosHubStats"]["totalChaosHubs"]
    assert data["__typename"] == "Query"
