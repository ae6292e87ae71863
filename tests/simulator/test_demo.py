"""The demonstration shows every odd case there is."""

import asyncio
from collections import Counter

import aiohttp
import pytest
from ruamel.yaml import YAML

from sidecar.simulator import DemoWorlds, demo_catalog, demo_worlds, open_demo, serve_simulator
from sidecar.simulator.documents import SECRET_MARKER, VIEWER
from tests.simulator.conftest import Clock
from tests.support.service import CEILING_SECONDS


@pytest.fixture(scope="module")
def worlds() -> DemoWorlds:
    return demo_worlds(Clock())


def test_one_project_has_forty_experiments_and_one_has_none(worlds: DemoWorlds) -> None:
    world = worlds.default.world
    sizes = Counter(item.project_id for item in world.experiments.values())
    assert [sizes[project_id] for project_id in world.projects] == [40, 5, 0]


def test_there_are_months_of_history(worlds: DemoWorlds) -> None:
    runs = worlds.default.world.runs
    span_ms = max(run.created_at_ms for run in runs) - min(run.created_at_ms for run in runs)
    assert len(runs) > 400
    assert span_ms > 150 * 86_400_000


def test_no_run_was_created_or_changed_in_the_future(worlds: DemoWorlds) -> None:
    for world in (worlds.default.world, worlds.staging.world):
        now_ms = world.now_ms
        assert [run for run in world.runs if max(run.created_at_ms, run.updated_at_ms) > now_ms] == []


def test_every_phase_is_in_view(worlds: DemoWorlds) -> None:
    phases = {run.phase for run in worlds.default.world.runs}
    assert phases >= {
        "Queued",
        "Pending",
        "Running",
        "Completed",
        "Completed_With_Probe_Failure",
        "Error",
        "Stopped",
    }


def test_every_kind_of_experiment_is_in_view(worlds: DemoWorlds) -> None:
    world = worlds.default.world
    experiments = world.experiments.values()
    crons = {item.cron_syntax for item in experiments}
    assert crons >= {"@every 1h", "TZ=Europe/Berlin 0 2 * * *", "@daily"}
    assert any(item.is_suspended for item in experiments if item.cron_syntax)
    assert any(not item.recent for item in experiments)
    assert any(item.infra_id not in world.infras for item in experiments)
    assert any(not infra.is_active for infra in world.infras.values())
    assert any("<script>" in item.name for item in experiments)
    assert any(len(item.name) > 200 for item in experiments)


def test_a_schedule_is_in_view_that_was_saved_and_never_started(worlds: DemoWorlds) -> None:
    schedules = [item for item in worlds.staging.world.experiments.values() if item.cron_syntax]
    assert [item.cron_started for item in schedules] == [True, False]
    assert not schedules[1].recent


def test_a_run_is_in_view_that_only_litmus_takes_for_stopped(worlds: DemoWorlds) -> None:
    runs = worlds.default.world.runs
    assert [run.run_id for run in runs if run.phase == "Stopped" and run.goes_on_in_cluster] == [""]


def test_the_tokens_user_is_only_a_viewer_somewhere(worlds: DemoWorlds) -> None:
    world = worlds.default.world
    user = world.user_named("backstage")
    assert user
    roles = [project.member(user.user_id) for project in world.projects.values()]
    assert VIEWER in {member.role for member in roles if member}


def test_ids_do_not_depend_on_the_time(worlds: DemoWorlds) -> None:
    later = demo_worlds(Clock(now=1_900_000_000.0))
    assert list(later.default.world.experiments) == list(worlds.default.world.experiments)
    assert list(later.staging.world.projects) == list(worlds.staging.world.projects)


def test_the_catalog_knows_projects_of_both_instances(worlds: DemoWorlds) -> None:
    entities = list(YAML(typ="safe").load_all(demo_catalog()))
    assert {entity["kind"] for entity in entities} == {
        "Group",
        "Domain",
        "System",
        "Component",
        "API",
        "Resource",
    }
    instances = {None: worlds.default.world, "staging": worlds.staging.world}
    bound = [entity["metadata"]["annotations"] for entity in entities if "annotations" in entity["metadata"]]
    for annotations in bound:
        world = instances[annotations.get("litmuschaos.io/instance")]
        assert annotations["litmuschaos.io/project-id"] in world.projects
    assert any("litmuschaos.io/experiment-tags" in annotations for annotations in bound)
    assert max(Counter(item["litmuschaos.io/project-id"] for item in bound).values()) >= 2


async def test_the_demo_serves_both_instances_with_their_tokens() -> None:
    async with open_demo() as demo, aiohttp.ClientSession() as session:
        for simulator, token in ((demo.default, demo.default_token), (demo.staging, demo.staging_token)):
            headers = {"Authorization": f"Bearer {token}"}
            async with session.get(f"{simulator.url}/auth/list_projects", headers=headers) as response:
                listed = await response.json()
            assert listed["data"]["totalNumberOfProjects"] == len(simulator.world.projects)
            assert token not in repr(demo)


async def test_every_page_of_the_default_world_can_be_asked_for() -> None:
    async with open_demo() as demo, aiohttp.ClientSession() as session:
        for project_id in demo.default.world.projects:
            query = """query ($p: ID!) {
              listExperiment(projectID: $p, request: {pagination: {page: 0, limit: 50}}) {
                experiments { name infra { name } recentExperimentRunDetails { phase } } }
              listExperimentRun(projectID: $p, request: {pagination: {page: 0, limit: 50}}) {
                experimentRuns { phase resiliencyScore } }
              listChaosHub(projectID: $p) { name }
            }"""
            body = {"query": query, "variables": {"p": project_id}}
            headers = {"Authorization": f"Bearer {demo.default_token}"}
            async with session.post(f"{demo.default.url}/api/query", json=body, headers=headers) as response:
                answer = await response.json()
                assert "errors" not in answer
                assert SECRET_MARKER not in await response.text()


async def test_the_simulator_command_announces_and_serves_until_cancelled() -> None:
    lines: list[str] = []
    complete = asyncio.Event()

    def announce(line: str) -> None:
        lines.append(line)
        if line.startswith("staging"):
            complete.set()

    serving = asyncio.create_task(serve_simulator("127.0.0.1", 0, announce))
    async with asyncio.timeout(CEILING_SECONDS):
        await complete.wait()
    serving.cancel()
    await asyncio.wait([serving])
    assert serving.cancelled()
    assert [line.split(":")[0] for line in lines[1:]] == ["default", "staging"]
