"""What runs now, told by history and snapshot together."""

from datetime import timedelta

import pytest

from sidecar.domain.model import Experiment
from sidecar.domain.runs import RecentRun, Run
from sidecar.insight.digest import project_runs
from sidecar.insight.running import RunningRun, running_runs
from tests.support.builders import NOW, content, experiment, recent_run
from tests.support.histories import ms, run

STARTED = NOW - timedelta(minutes=30)


def now_running(*runs: Run, experiments: tuple[Experiment, ...] = ()) -> tuple[RunningRun, ...]:
    return running_runs(content(experiments=experiments), project_runs(runs), NOW)


def recent(phase: str = "Running", *, run_id: str = "", minutes: int = 30) -> RecentRun:
    instant = ms(NOW - timedelta(minutes=minutes))
    return recent_run(run_id, phase, 0.0, created_at_ms=instant, updated_at_ms=instant)


def test_a_run_is_told_with_where_it_runs_and_by_whom() -> None:
    found = now_running(run(STARTED, "Running", 0.0), experiments=(experiment(recent_runs=()),))
    assert [(one.started_at, one.infra_name, one.environment_name, one.started_by) for one in found] == [
        (STARTED, "cluster-a", "Staging", "alice")
    ]


def test_a_run_of_a_schedule_was_started_by_nobody() -> None:
    assert now_running(run(STARTED, "Running", 0.0, updated_by=""))[0].started_by is None


def test_a_run_whose_infrastructure_is_gone_runs_nowhere_known() -> None:
    found = now_running(run(STARTED, "Running", 0.0), experiments=(experiment(infra=None, recent_runs=()),))
    assert (found[0].infra_id, found[0].environment_id) == (None, None)


@pytest.mark.parametrize("phase", ["Completed", "Stopped", "Error", "Something new"])
def test_a_run_with_another_phase_does_not_run(phase: str) -> None:
    assert now_running(run(STARTED, phase, 0.0)) == ()


def test_a_run_that_was_deleted_does_not_run() -> None:
    assert now_running(run(STARTED, "Running", 0.0, removed=True)) == ()


def test_a_run_that_only_the_snapshot_knows_counts() -> None:
    assert [one.phase for one in now_running(experiments=(experiment(recent_runs=[recent()]),))] == [
        "Running"
    ]


def test_a_run_that_both_know_counts_once() -> None:
    twice = now_running(
        run(STARTED, "Queued", None, run_id=""), experiments=(experiment(recent_runs=[recent(run_id="r")]),)
    )
    assert [(one.phase, one.experiment_run_id) for one in twice] == [("Queued", "r")]


def test_the_newer_word_on_a_run_holds() -> None:
    instant = ms(STARTED)
    newer = recent_run("", "Running", 0.0, created_at_ms=instant, updated_at_ms=instant + 60_000)
    found = now_running(
        run(STARTED, "Queued", None, run_id=""), experiments=(experiment(recent_runs=[newer]),)
    )
    assert [one.phase for one in found] == ["Running"]


def test_a_run_that_the_snapshot_saw_finish_does_not_run() -> None:
    finished = experiment(recent_runs=[recent("Completed")])
    assert now_running(run(STARTED, "Running", 0.0), experiments=(finished,)) == ()


def test_a_run_that_the_history_saw_finish_does_not_run() -> None:
    assert now_running(run(STARTED, "Completed"), experiments=(experiment(recent_runs=[recent()]),)) == ()


def test_two_queued_runs_without_an_id_are_two_runs() -> None:
    two = [recent("Queued"), recent("Queued", minutes=20)]
    assert len(now_running(experiments=(experiment(recent_runs=two),))) == 2


@pytest.mark.parametrize(("minutes", "stuck"), [(59, False), (60, True), (61, True)])
def test_a_run_is_stuck_when_nothing_changed_for_an_hour(minutes: int, *, stuck: bool) -> None:
    changed = NOW - timedelta(minutes=minutes)
    found = now_running(run(NOW - timedelta(hours=9), "Pending", 0.0, updated_at=changed))
    assert [(one.stuck, one.stuck_at) for one in found] == [(stuck, changed + timedelta(hours=1))]
