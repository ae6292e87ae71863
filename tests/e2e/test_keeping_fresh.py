"""Outages, ages, first synchronisations, and what it all costs Litmus."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from sidecar.simulator import ScriptedFault, World, open_simulator
from sidecar.simulator.documents import OWNER
from tests.e2e.conftest import Small
from tests.replica.documents import BASIC_STATS, EXPERIMENTS, QUERIES, RUN_STATS
from tests.support.backstage import StoppableClock
from tests.support.service import (
    QUICK_SYNC,
    Service,
    catalog_text,
    config_for,
    eventually,
    open_service,
)


def stale(answer: dict[str, Any]) -> bool:
    return bool(answer["extensions"]["litmusSidecar"]["stale"])


async def test_a_dead_litmus_makes_answers_older_not_absent_and_comes_back_within_an_interval(
    small: Small,
) -> None:
    config = config_for({"default": (small.simulator, small.token)}, small.catalog, sync={**QUICK_SYNC})
    async with open_service(config) as service:
        await service.ready()
        project = small.project.project_id
        await eventually(lambda: is_fresh(service, project))
        before = await service.query(EXPERIMENTS, project)

        await small.simulator.stop()
        await eventually(lambda: is_stale(service, project))
        during = await service.query(EXPERIMENTS, project)
        assert during["data"] == before["data"]
        await eventually(lambda: is_degraded(service))

        await small.simulator.start()
        await eventually(lambda: is_fresh(service, project))
        await eventually(lambda: is_ok(service))


async def is_stale(service: Service, project: str) -> bool:
    return stale(await service.query(EXPERIMENTS, project))


async def names_revocation(service: Service) -> bool:
    return "token_revoked" in await (await service.get("/readyz")).text()


async def is_fresh(service: Service, project: str) -> bool:
    return not stale(await service.query(EXPERIMENTS, project))


async def is_degraded(service: Service) -> bool:
    ready = await service.get("/readyz")
    assert ready.status == 200
    return bool((await ready.json())["status"] == "degraded")


async def is_ok(service: Service) -> bool:
    return bool((await (await service.get("/readyz")).json())["status"] == "ok")


async def test_data_past_max_stale_is_an_error_that_tells_age_and_reason(small: Small) -> None:
    config = config_for(
        {"default": (small.simulator, small.token)},
        small.catalog,
        sync={**QUICK_SYNC, "maxStale": {"seconds": 1}},
    )
    async with open_service(config) as service:
        await service.ready()
        await small.simulator.stop()
        await eventually(lambda: is_too_old(service, small.project.project_id))
        entities = await (await service.get("/api/v1/entities")).json()
        assert entities["entities"][0]["stale"] is True


async def is_too_old(service: Service, project: str) -> bool:
    answer = await service.query(RUN_STATS, project)
    return answer["data"] is None and answer["errors"][0]["message"].startswith("Data too old")


async def test_a_steady_project_costs_one_request_per_interval_and_warm_reads_cost_none(small: Small) -> None:
    """As docs/explanation/synchronisation.md says: 1 POST for the fast lane.

    None for a read or for an unchanged history.
    """
    for run in list(small.world.runs):
        small.world.finish_run(run)
    config = config_for({"default": (small.simulator, small.token)}, small.catalog)
    async with open_service(config) as service:
        await service.ready()
        await eventually(lambda: at_rest(service, small))
        small.simulator.clear()
        for _ in range(20):
            for query in QUERIES:
                await service.query(query, small.project.project_id)
        assert [one.root_fields for one in small.simulator.requests] == []
        (project,) = entity_projects(service)
        for count in range(1, 4):
            await service.services.sync.hurry(project)
            await eventually(lambda enough=count: fast_posts(small) >= enough)  # type: ignore[misc]
        await eventually(lambda: at_rest(service, small))
        assert fast_posts(small) == 3
        assert len(small.simulator.requests) == 3


async def at_rest(service: Service, small: Small) -> bool:
    """Whether the history was read whole, and Litmus was not asked for a while."""
    states = await service.services.history.states()
    asked = len(small.simulator.requests)
    await asyncio.sleep(0.5)
    return all(state.is_complete for state in states.values()) and len(small.simulator.requests) == asked


def fast_posts(small: Small) -> int:
    return small.simulator.asked("listExperiment")


def entity_projects(service: Service) -> set[Any]:
    return {entity.project for entity in service.services.catalogue.current.entities}


async def test_a_thousand_readers_wait_for_one_first_synchronisation(small: Small) -> None:
    small.simulator.faults.add(ScriptedFault(root_field="listExperiment", delay_seconds=0.5, times=None))
    config = config_for({"default": (small.simulator, small.token)}, small.catalog)
    async with open_service(config) as service:
        answers = await asyncio.gather(
            *(service.query(RUN_STATS, small.project.project_id) for _ in range(1_000))
        )
        assert all("errors" not in answer for answer in answers)
        assert small.simulator.asked("getExperimentRunStats") == 1


async def test_a_failed_first_synchronisation_is_told_to_the_next_thousand_without_asking_again(
    small: Small,
) -> None:
    small.simulator.faults.add(ScriptedFault(path="/api/query", status=503, body="down", times=None))
    config = config_for({"default": (small.simulator, small.token)}, small.catalog)
    clock = StoppableClock()
    async with open_service(config, clock=clock) as service:
        first = await service.query(RUN_STATS, small.project.project_id)
        assert first["data"] is None
        assert first["errors"][0]["extensions"]["code"] == "no_data"
        await service.ready()
        # However long the thousand take, no other retry becomes due.
        clock.stop()
        answers = await asyncio.gather(
            *(service.query(RUN_STATS, small.project.project_id) for _ in range(1_000))
        )
        assert {answer["errors"][0]["message"] for answer in answers} == {first["errors"][0]["message"]}
        # The first synchronisation, and its retry if that was due before.
        assert small.simulator.asked("getExperimentRunStats") <= 2


async def test_a_reader_who_leaves_cancels_nobody_else(small: Small) -> None:
    small.simulator.faults.add(ScriptedFault(root_field="listExperiment", delay_seconds=1.0, times=None))
    config = config_for({"default": (small.simulator, small.token)}, small.catalog)
    async with open_service(config) as service:
        impatient = [
            asyncio.create_task(service.query(RUN_STATS, small.project.project_id)) for _ in range(5)
        ]
        patient = asyncio.create_task(service.query(RUN_STATS, small.project.project_id))
        await eventually(lambda: small.simulator.asked("listExperiment") == 1)
        for task in impatient:
            task.cancel()
        answer = await patient
        assert "errors" not in answer
        assert small.simulator.asked("listExperiment") == 1


async def test_a_wait_ends_at_its_deadline_with_a_sentence(small: Small) -> None:
    small.simulator.faults.add(ScriptedFault(never_answer=True, times=None))
    config = config_for({"default": (small.simulator, small.token)}, small.catalog)
    async with open_service(config, wait_seconds=0.2) as service:
        answer = await service.query(BASIC_STATS, small.project.project_id)
        assert answer["errors"][0]["extensions"]["code"] == "not_ready"


async def test_draining_ends_waits(small: Small) -> None:
    small.simulator.faults.add(ScriptedFault(never_answer=True, times=None))
    config = config_for({"default": (small.simulator, small.token)}, small.catalog)
    async with open_service(config) as service:
        waiting = asyncio.create_task(service.query(BASIC_STATS, small.project.project_id))
        await eventually(lambda: len(small.simulator.requests) > 0)
        service.services.phase.draining.set()
        service.services.sync.drain()
        assert (await waiting)["errors"][0]["extensions"]["code"] == "draining"
        ready = await service.get("/readyz")
        assert ready.status == 503
        assert (await ready.json())["status"] == "draining"


async def test_one_projects_failure_touches_no_other(tmp_path: Path) -> None:
    world = World(name="two")
    user = world.add_user("backstage")
    alice = world.add_user("alice")
    good = world.add_project("good", owner=alice, members={user.user_id: OWNER})
    bad = world.add_project("bad", owner=alice)
    catalog = tmp_path / "catalog.yaml"
    catalog.write_text(catalog_text({"good": good.project_id, "bad": bad.project_id}))
    async with open_simulator(world) as simulator:
        config = config_for({"default": (simulator, world.issue_token(user))}, catalog)
        async with open_service(config) as service:
            await service.ready()
            assert "errors" not in await service.query(BASIC_STATS, good.project_id)
            refused = await service.query(RUN_STATS, bad.project_id)
            assert "no sufficient role" in refused["errors"][0]["message"]
            detail = await (await service.get("/readyz")).json()
            assert detail["projects"][f"default/{good.project_id}"]["errors"] == {}
            assert "experiments" in detail["projects"][f"default/{bad.project_id}"]["errors"]


async def test_a_revoked_token_keeps_the_data_and_names_the_reason(small: Small) -> None:
    config = config_for({"default": (small.simulator, small.token)}, small.catalog, sync={**QUICK_SYNC})
    async with open_service(config) as service:
        await service.ready()
        small.world.revoke_token(small.token)
        await eventually(lambda: names_revocation(service))
        await eventually(lambda: is_stale(service, small.project.project_id))
        assert small.token not in await (await service.get("/readyz")).text()


async def test_a_new_entity_on_disk_is_served_and_a_removed_one_loses_access(small: Small) -> None:
    world = small.world
    user = world.user_named("backstage")
    assert user is not None
    second = world.add_project("second", owner=world.add_user("dora"), members={user.user_id: OWNER})
    config = config_for({"default": (small.simulator, small.token)}, small.catalog)
    async with open_service(config) as service:
        await service.ready()
        small.catalog.write_text(catalog_text({"new": second.project_id}))
        await eventually(lambda: answers(service, second.project_id))
        refused = await service.query(RUN_STATS, small.project.project_id)
        assert refused["errors"][0]["extensions"]["code"] == "project_unknown"


async def answers(service: Service, project: str) -> bool:
    return "errors" not in await service.query(RUN_STATS, project)


async def test_runs_are_followed_faster_while_they_change(small: Small) -> None:
    config = config_for(
        {"default": (small.simulator, small.token)},
        small.catalog,
        sync={"activeInterval": {"milliseconds": 100}},
    )
    async with open_service(config) as service:
        await service.ready()
        for run in list(small.world.runs):
            small.world.finish_run(run, phase="Completed", score=100.0)
        # The fast interval is an hour: only the active one can bring this.
        await eventually(lambda: all_completed(service, small.project.project_id))


async def all_completed(service: Service, project: str) -> bool:
    rows = (await service.query(EXPERIMENTS, project))["data"]["listExperiment"]["experiments"]
    return all(row["recentExperimentRunDetails"][0]["phase"] == "Completed" for row in rows)


async def test_a_project_of_several_pages_is_served_whole(small: Small) -> None:
    infra = next(iter(small.world.infras.values()))
    for number in range(250):
        small.world.add_experiment(small.project, infra, f"more-{number}")
    config = config_for({"default": (small.simulator, small.token)}, small.catalog)
    async with open_service(config) as service:
        await service.ready()
        answer = await service.query(EXPERIMENTS, small.project.project_id)
        rows = answer["data"]["listExperiment"]["experiments"]
        assert len(rows) == len({row["experimentID"] for row in rows}) == 253


async def test_a_project_id_in_two_instances_is_refused_with_that_reason(
    small: Small, tmp_path: Path
) -> None:
    catalog = tmp_path / "both.yaml"
    twin = json.loads(catalog_text({"twin": small.project.project_id}))
    twin["metadata"]["annotations"]["litmuschaos.io/instance"] = "second"
    catalog.write_text(f"{catalog_text({'cart': small.project.project_id})}\n---\n{json.dumps(twin)}")
    config = config_for(
        {"first": (small.simulator, small.token), "second": (small.simulator, small.token)}, catalog
    )
    async with open_service(config) as service:
        await service.ready()
        answer = await service.query(RUN_STATS, small.project.project_id)
        assert answer["errors"][0]["extensions"]["code"] == "project_ambiguous"
        assert "first, second" in answer["errors"][0]["message"]


@pytest.mark.parametrize("garbage", [b"<html></html>", b"{", b'{"data": 5}', b"", b"\xff" * 10])
async def test_garbage_from_litmus_is_a_failed_section_not_a_crash(small: Small, garbage: bytes) -> None:
    small.simulator.faults.add(ScriptedFault(path="/api/query", body=garbage, times=None))
    config = config_for({"default": (small.simulator, small.token)}, small.catalog)
    async with open_service(config) as service:
        await service.ready()
        answer = await service.query(RUN_STATS, small.project.project_id)
        assert answer["errors"][0]["extensions"]["code"] == "no_data"
        assert service.services.supervisor.dead is None
