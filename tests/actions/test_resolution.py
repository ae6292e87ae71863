"""What became of an action, by what was synchronised since."""

from datetime import timedelta
from typing import Any

from sidecar.actions.resolution import resolutions
from sidecar.actions.stopping import with_runs
from sidecar.domain.action import Action, ActionKind, ActionOutcome, RunStop
from sidecar.domain.model import Content, Schedule, Section, Snapshot
from sidecar.domain.runs import RecentRun
from tests.support.builders import (
    NOW,
    NOW_MS,
    content,
    experiment,
    failed,
    fresh,
    project,
    recent_run,
    snapshot,
)

LATER = NOW + timedelta(minutes=10)
SOON = NOW + timedelta(seconds=5)


def action(name: str = "a", **changes: Any) -> Action:
    """A run that was asked for at ``NOW`` and whose answer was lost a second later."""
    given: dict[str, Any] = {
        "id": name,
        "kind": ActionKind.RUN,
        "project": project(),
        "experiment_id": "experiment-1",
        "principal": "user:default/alice",
        "request_id": "request-1",
        "created_at": NOW,
        "answered_at": NOW + timedelta(seconds=1),
        "error_code": "upstream_answer_lost",
    }
    return Action(**(given | changes))


def run(name: str = "run-1", seconds_after: int = 1, phase: str = "Queued", **changes: Any) -> RecentRun:
    return recent_run(name, phase, created_at_ms=NOW_MS + 1000 * seconds_after, **changes)


def seen(*runs: RecentRun, at: Any = SOON, schedules: tuple[Schedule, ...] = ()) -> Snapshot:
    """What a synchronisation at that time found."""
    found = Content(experiments=(experiment(recent_runs=runs),), schedules=schedules)
    return snapshot(found, freshness=dict.fromkeys(Section, fresh(at)))


def schedule(*, suspended: bool) -> Schedule:
    return Schedule(
        experiment_id="experiment-1",
        cron_syntax="0 2 * * *",
        suspended=suspended,
        timezone=None,
        experiment_updated_at_ms=NOW_MS,
        since=NOW,
    )


def outcomes(*actions: Action, within: Snapshot, now: Any = LATER, user: str | None = "alice") -> list[Any]:
    return [(one.id, one.outcome, one.run_id) for one in resolutions(actions, within, now, user)]


def test_new_run_is_what_the_lost_answer_started() -> None:
    assert outcomes(action(), within=seen(run())) == [("a", ActionOutcome.ACCEPTED, "run-1")]


def test_resolved_action_forgets_its_error() -> None:
    (resolved,) = resolutions([action()], seen(run()), LATER)
    assert (resolved.error_code, resolved.error_message) == (None, None)


def test_run_without_an_id_resolves_and_gets_its_id_later() -> None:
    (first,) = resolutions([action()], seen(run("")), LATER)
    assert (first.outcome, first.run_id, first.is_resolved) == (ActionOutcome.ACCEPTED, None, False)
    assert outcomes(first, within=seen(run("run-7", phase="Running"))) == [
        ("a", ActionOutcome.ACCEPTED, "run-7")
    ]


def test_run_known_before_is_not_the_actions() -> None:
    asked = action(newest_run_ms=NOW_MS + 1000)
    assert outcomes(asked, within=seen(run())) == []


def test_run_of_somebody_else_is_not_the_actions() -> None:
    assert outcomes(action(), within=seen(run(updated_by="bob"))) == []


def test_run_from_long_before_is_not_the_actions() -> None:
    assert outcomes(action(), within=seen(run(seconds_after=-600))) == []


def test_clock_of_litmus_may_be_behind() -> None:
    assert outcomes(action(), within=seen(run(seconds_after=-60))) != []


def test_each_run_answers_for_one_action_oldest_first() -> None:
    first, second = action("a"), action("b", created_at=NOW + timedelta(seconds=2))
    within = seen(run("run-2", 3), run("run-1", 1))
    assert outcomes(first, second, within=within) == [
        ("a", ActionOutcome.ACCEPTED, "run-1"),
        ("b", ActionOutcome.ACCEPTED, "run-2"),
    ]
    assert outcomes(first, second, within=seen(run())) == [("a", ActionOutcome.ACCEPTED, "run-1")]


def test_what_was_read_before_the_request_tells_nothing() -> None:
    assert outcomes(action(), within=seen(run(), at=NOW - timedelta(seconds=1))) == []


def test_reading_that_failed_tells_nothing() -> None:
    never = snapshot(content(), freshness={Section.EXPERIMENTS: failed(SOON)})
    assert outcomes(action(), within=never) == []


def test_absence_is_believed_only_after_a_while() -> None:
    assert outcomes(action(), within=seen(at=NOW + timedelta(seconds=60))) == []
    assert outcomes(action(), within=seen(at=LATER)) == [("a", ActionOutcome.FAILED, None)]


def test_accepted_run_that_does_not_show_stays_accepted() -> None:
    assert outcomes(action(outcome=ActionOutcome.ACCEPTED), within=seen(at=LATER)) == []


def test_action_in_flight_is_left_alone() -> None:
    flying = action(answered_at=None)
    assert outcomes(flying, within=seen(run()), now=SOON) == []


def test_action_of_a_process_that_died_is_resolved() -> None:
    orphan = action(answered_at=None, error_code=None)
    (resolved,) = resolutions([orphan], seen(run()), LATER)
    assert resolved.outcome is ActionOutcome.ACCEPTED
    assert resolved.answered_at is not None


def stop(*runs: RunStop) -> Action:
    return with_runs(action(kind=ActionKind.STOP), runs)


def to_stop(name: str | None, outcome: ActionOutcome = ActionOutcome.UNKNOWN) -> RunStop:
    return RunStop(run_id=name, created_at_ms=NOW_MS, outcome=outcome)


def test_stop_is_known_by_the_stopped_run() -> None:
    within = seen(run(phase="Stopped"))
    assert outcomes(stop(to_stop("run-1")), within=within) == [("a", ActionOutcome.ACCEPTED, "run-1")]


def test_stop_without_a_trace_stays_unknown() -> None:
    assert outcomes(stop(to_stop("run-1")), within=seen(run(phase="Running"), at=LATER)) == []


def test_a_run_that_ended_otherwise_does_not_tell_that_it_was_stopped() -> None:
    assert outcomes(stop(to_stop("run-1")), within=seen(run(phase="Completed"), at=LATER)) == []


def test_stop_of_several_is_known_when_each_is_stopped() -> None:
    both = stop(to_stop("run-1"), to_stop("run-2"))
    first, second = run("run-1", phase="Stopped"), run("run-2", phase="Stopped")

    assert outcomes(both, within=seen(first)) == [("a", ActionOutcome.UNKNOWN, None)]
    assert outcomes(both, within=seen(first, second)) == [("a", ActionOutcome.ACCEPTED, None)]


def test_a_run_without_an_id_is_never_taken_for_stopped() -> None:
    waiting = stop(to_stop(None, ActionOutcome.STOPPING))
    assert outcomes(waiting, within=seen(run("", 0, phase="Stopped"), at=LATER)) == []


def test_switch_is_known_by_the_schedule() -> None:
    switch = action(kind=ActionKind.SCHEDULE, suspended=True)
    on, off = schedule(suspended=False), schedule(suspended=True)
    assert outcomes(switch, within=seen(schedules=(off,))) == [("a", ActionOutcome.ACCEPTED, None)]
    assert outcomes(switch, within=seen(schedules=(on,))) == []
    assert outcomes(switch, within=seen(schedules=(on,), at=LATER)) == [("a", ActionOutcome.FAILED, None)]
