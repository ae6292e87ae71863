"""How a world moves."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from sidecar.simulator import World
from sidecar.simulator.documents import Experiment, Infra, Run
from sidecar.simulator.schedules import fires_between
from tests.simulator.conftest import NOW, Clock


def small_world(clock: Clock) -> tuple[World, Infra, Experiment]:
    world = World(name="moving", clock=clock)
    project = world.add_project("p")
    infra = world.add_infra(project, world.add_environment(project, "e"), "i")
    return world, infra, world.add_experiment(project, infra, "x", faults=("a", "b"))


def phases_of_a_run(seconds: int, *, connected: bool = True) -> list[str]:
    clock = Clock()
    world, infra, experiment = small_world(clock)
    run = world.start_run(experiment)
    if not connected:
        world.disconnect(infra)
    seen = [run.phase]
    for _ in range(seconds):
        clock.now += 1
        world.tick()
        if run.phase != seen[-1]:
            seen.append(run.phase)
    return seen


def test_a_run_goes_from_queued_to_its_end_in_two_minutes() -> None:
    phases = phases_of_a_run(120)
    assert phases[:3] == ["Queued", "Pending", "Running"]
    assert phases[3] in {"Completed", "Completed_With_Probe_Failure", "Error"}


def test_a_run_without_an_agent_stays_queued() -> None:
    assert phases_of_a_run(200, connected=False) == ["Queued"]


def test_the_same_world_lives_the_same_story() -> None:
    assert phases_of_a_run(150) == phases_of_a_run(150)


def test_a_held_run_stays_in_its_phase() -> None:
    clock = Clock()
    world, _, experiment = small_world(clock)
    run = world.start_run(experiment)
    run.is_held = True
    world.tick(NOW)
    world.tick(NOW + 600)
    assert run.phase == "Queued"


def test_starters_start_something_now_and_then() -> None:
    clock = Clock()
    world, _, experiment = small_world(clock)
    world.finish_run(world.start_run(experiment))
    world.motion.starters = ("bob",)
    for _ in range(600):
        clock.now += 1
        world.tick()
    assert len(world.runs) > 2
    assert {run.username for run in world.runs[1:]} == {"bob"}


@pytest.mark.parametrize(
    ("suspended", "connected", "runs"), [(False, True, 1), (True, True, 0), (False, False, 0)]
)
def test_a_schedule_fires_unless_suspended_or_disconnected(
    *, suspended: bool, connected: bool, runs: int
) -> None:
    clock = Clock()
    world, infra, experiment = small_world(clock)
    project = world.projects[experiment.project_id]
    world.add_experiment(project, infra, "cron", cron="* * * * *", suspended=suspended)
    world.tick()
    if not connected:
        world.disconnect(infra)
    clock.now += 60
    world.tick()
    assert len(world.runs) == runs


def test_a_schedule_that_was_only_saved_never_fires_until_it_is_started() -> None:
    clock = Clock()
    world, infra, experiment = small_world(clock)
    project = world.projects[experiment.project_id]
    cron = world.add_experiment(project, infra, "cron", cron="* * * * *", started=False)
    world.tick()
    clock.now += 60
    world.tick()
    assert world.runs == []
    world.start_schedule(cron)
    clock.now += 60
    world.tick()
    assert len(world.runs) == 1


def test_a_fire_time_during_a_run_is_skipped() -> None:
    clock = Clock()
    world, infra, experiment = small_world(clock)
    cron = world.add_experiment(world.projects[experiment.project_id], infra, "cron", cron="* * * * *")
    world.tick()
    world.start_cron_run(cron).is_held = True
    clock.now += 60
    world.tick()
    assert len(world.runs) == 1


def executed_after(stop_at: str) -> Run:
    """A run that Litmus was told to stop in that phase, a quarter of an hour later."""
    clock = Clock()
    world, _, experiment = small_world(clock)
    run = world.start_run(experiment)
    if stop_at != "Queued":
        world.report(run, stop_at)
    world.stop_run(run)
    for _ in range(900):
        clock.now += 1
        world.tick()
    return run


def test_a_queued_run_that_was_stopped_is_executed_all_the_same() -> None:
    run = executed_after("Queued")
    assert (run.phase, run.run_id) == ("Stopped", "")
    assert run.cluster_phase in {"Completed", "Completed_With_Probe_Failure", "Error"}
    assert run.cluster_id
    assert run.discarded_events == 3


@pytest.mark.parametrize("phase", ["Pending", "Running"])
def test_the_agent_stops_a_run_whose_id_it_is_told(phase: str) -> None:
    run = executed_after(phase)
    assert (run.phase, run.cluster_phase, run.discarded_events) == ("Stopped", "Stopped", 0)


def test_an_agent_that_is_not_connected_is_not_told_to_stop() -> None:
    world, infra, experiment = small_world(Clock())
    run = world.start_run(experiment)
    world.report(run, "Running")
    world.disconnect(infra)
    world.stop_run(run)
    assert (run.phase, run.goes_on_in_cluster) == ("Stopped", True)


def test_an_event_of_a_run_that_is_finished_for_litmus_is_discarded() -> None:
    world, _, experiment = small_world(Clock())
    run = world.start_run(experiment)
    assert world.report(run, "Running") is None
    world.stop_run(run)
    assert "discarded due the duplicate event" in (world.report(run, "Completed", score=100) or "")
    assert (run.phase, run.score) == ("Stopped", 0)


def test_a_scheduled_run_is_by_nobody_and_has_an_id_at_once() -> None:
    clock = Clock()
    world, infra, experiment = small_world(clock)
    cron = world.add_experiment(world.projects[experiment.project_id], infra, "cron", cron="@daily")
    run = world.start_cron_run(cron)
    assert (run.username, run.notify_id, bool(run.run_id)) == ("", None, True)


@pytest.mark.parametrize(
    ("schedule", "zone", "moment", "fires"),
    [
        ("0 2 * * *", None, "2026-01-05T02:00:00+00:00", True),
        ("0 2 * * *", None, "2026-01-05T03:00:00+00:00", False),
        ("TZ=Europe/Berlin 0 2 * * *", None, "2026-01-05T01:00:00+00:00", True),
        ("0 2 * * *", "Asia/Tokyo", "2026-01-04T17:00:00+00:00", True),
        ("*/15 9-17 * * 1-5", None, "2026-01-05T09:45:00+00:00", True),
        ("*/15 9-17 * * 1-5", None, "2026-01-04T09:45:00+00:00", False),
        ("0 0 * * 7", None, "2026-01-04T00:00:00+00:00", True),
        ("0 0 13 * 5", None, "2026-01-09T00:00:00+00:00", True),
        ("@daily", None, "2026-01-05T00:00:00+00:00", True),
        ("@every 1h", None, "2026-01-05T07:00:00+00:00", True),
        ("@every 1h", None, "2026-01-05T07:30:00+00:00", False),
        ("every day", None, "2026-01-05T00:00:00+00:00", False),
        ("a b c d e", None, "2026-01-05T00:00:00+00:00", False),
        ("TZ=Nowhere/Atlantis 0 2 * * *", None, "2026-01-05T02:00:00+00:00", True),
    ],
)
def test_a_schedule_fires_at_its_times(*, schedule: str, zone: str | None, moment: str, fires: bool) -> None:
    at = datetime.fromisoformat(moment).astimezone(ZoneInfo("UTC")).timestamp()
    assert fires_between(schedule, zone, at - 30, at) is fires


@pytest.mark.parametrize(("started", "busy", "runs"), [(True, False, 1), (False, False, 0), (True, True, 1)])
def test_a_schedule_fires_once_started_and_not_during_a_run(*, started: bool, busy: bool, runs: int) -> None:
    clock = Clock()
    world, infra, _ = small_world(clock)
    (project,) = world.projects.values()
    cron = world.add_experiment(project, infra, "cron", cron="* * * * *", started=started)
    if busy:
        world.start_cron_run(cron).is_held = True
    world.tick(NOW)
    world.tick(NOW + 61)
    assert len(world.runs_of(cron)) == runs
