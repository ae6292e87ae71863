"""What needs attention, and what does not."""

from datetime import timedelta

import pytest

from sidecar.domain.runs import HistoryState, Run
from sidecar.insight.attention import (
    AttentionItem,
    AttentionKind,
    Severity,
    Thresholds,
    attention,
)
from sidecar.insight.digest import ProjectRuns, project_runs
from sidecar.insight.running import running_runs
from sidecar.insight.schedules import schedule_figures
from tests.support.builders import NOW, content
from tests.support.histories import COMPLETE, known, run, schedule

THRESHOLDS = Thresholds(not_run_days=30, score_drop=10, failures_in_row=3)
INCOMPLETE = HistoryState(is_complete=False, synced_at=NOW)


def in_order(*phases_and_scores: tuple[str, float | None]) -> list[Run]:
    """Runs an hour apart, the last one an hour ago."""
    number = len(phases_and_scores)
    return [
        run(NOW - timedelta(hours=number - place), phase, score)
        for place, (phase, score) in enumerate(phases_and_scores)
    ]


def found(runs: ProjectRuns, state: HistoryState = COMPLETE) -> tuple[AttentionItem, ...]:
    return attention(runs, state, THRESHOLDS, NOW)


def kinds(runs: list[Run], state: HistoryState = COMPLETE, *, removed: bool = False) -> list[AttentionKind]:
    return [one.kind for one in found(project_runs(runs, [known(removed=removed)]), state)]


@pytest.mark.parametrize(
    ("phases", "is_failing"),
    [
        (("Error", "Timeout", "Completed_With_Probe_Failure"), True),
        (("Error", "Error"), False),
        (("Error", "Error", "Completed", "Error"), False),
        (("Error", "Stopped", "Error", "Running", "Error", "Queued"), True),
        (("Completed", "Error", "Error", "Error"), True),
        (("Stopped", "Stopped", "Stopped"), False),
    ],
)
def test_failures_in_a_row_pass_over_stopped_and_unfinished_runs(
    phases: tuple[str, ...], *, is_failing: bool
) -> None:
    assert (AttentionKind.FAILING in kinds(in_order(*((phase, None) for phase in phases)))) is is_failing


def test_a_row_of_failures_is_told_with_its_beginning() -> None:
    items = found(project_runs(in_order(*[("Error", None)] * 3), [known()]))
    assert [(one.severity, one.since, one.sentence) for one in items] == [
        (
            Severity.HIGH,
            NOW - timedelta(hours=3),
            "name of experiment-1 failed 3 times in a row since 2026-03-02 09:00 UTC.",
        )
    ]


def test_what_needs_attention_says_in_short_what_it_is_how_much_it_lost_and_when_it_last_showed() -> None:
    runs = in_order(("Completed", 100.0), ("Completed", 80.0), *[("Error", 10.0)] * 3)
    assert [
        (one.kind, one.summary, one.points_lost, one.last_seen_at)
        for one in found(project_runs(runs, [known()]))
    ] == [
        (AttentionKind.FAILING, "failed 3 times in a row", 40.0, NOW - timedelta(hours=1)),
        (AttentionKind.SCORE_DROPPED, "to 10 %", 40.0, NOW - timedelta(hours=1)),
    ]


def test_a_failure_of_which_no_score_is_known_lost_no_known_points() -> None:
    (one,) = found(project_runs(in_order(*[("Error", None)] * 3), [known()]))
    assert (one.points_lost, one.last_seen_at) == (None, NOW - timedelta(hours=1))


@pytest.mark.parametrize(
    ("scores", "has_dropped"),
    [((100, 90), False), ((100, 89), True), ((100, 100, 50, 50), True), ((50, 100), False), ((50,), False)],
)
def test_a_score_has_dropped_when_the_latest_is_far_below_those_before(
    scores: tuple[float, ...], *, has_dropped: bool
) -> None:
    runs = in_order(*(("Completed", score) for score in scores))
    assert (AttentionKind.SCORE_DROPPED in kinds(runs)) is has_dropped


def test_the_placeholder_of_a_stopped_run_is_no_drop() -> None:
    assert kinds(in_order(("Completed", 100.0), ("Stopped", 0.0))) == []


@pytest.mark.parametrize(("days", "expected"), [(30, []), (31, [AttentionKind.NOT_RUN])])
def test_an_experiment_that_did_not_run_for_too_long_needs_attention(
    days: int, expected: list[AttentionKind]
) -> None:
    assert kinds([run(NOW - timedelta(days=days))]) == expected


def test_an_experiment_that_never_ran_needs_attention() -> None:
    assert kinds([]) == [AttentionKind.NEVER_RUN]


@pytest.mark.parametrize("runs", [[], [run(NOW - timedelta(days=90))]])
def test_nothing_is_said_of_missing_runs_while_history_is_incomplete(runs: list[Run]) -> None:
    assert kinds(runs, INCOMPLETE) == []


def test_a_deleted_experiment_needs_no_attention() -> None:
    assert kinds(in_order(*[("Error", 0.0)] * 3), removed=True) == []


def test_missed_and_stuck_runs_need_attention_behind_failures_and_before_what_never_ran() -> None:
    stuck = run(NOW - timedelta(hours=5), "Queued", None, experiment_id="experiment-2")
    digest = project_runs(
        [*in_order(*[("Error", None)] * 3), stuck],
        [known(), known("experiment-2"), known("experiment-3")],
    )
    every = schedule("30 * * * *", experiment_id="experiment-3", since=NOW - timedelta(minutes=100))
    items = attention(
        digest,
        COMPLETE,
        THRESHOLDS,
        NOW,
        running=running_runs(content(experiments=()), digest, NOW),
        schedules=[schedule_figures(every, digest, COMPLETE, NOW, retention=None)],
    )
    assert [(one.kind, one.experiment_id) for one in items] == [
        (AttentionKind.FAILING, "experiment-1"),
        (AttentionKind.MISSED_RUNS, "experiment-3"),
        (AttentionKind.STUCK, "experiment-2"),
        (AttentionKind.NEVER_RUN, "experiment-3"),
    ]
    assert items[1].sentence == (
        "The schedule of name of experiment-3 did not run 2 times, last due 2026-03-02 11:30 UTC."
    )


def test_what_never_ran_because_its_schedule_was_only_saved_says_so() -> None:
    digest = project_runs([], [known()])
    saved = schedule_figures(schedule(started=False), digest, COMPLETE, NOW, retention=None)
    (item,) = attention(digest, COMPLETE, THRESHOLDS, NOW, schedules=[saved])
    assert item.kind is AttentionKind.NEVER_RUN
    assert item.sentence == ("name of experiment-1 never ran. Its schedule was saved, not started in Litmus.")


def test_an_experiment_is_overdue_the_moment_after_the_last_day() -> None:
    last_run = NOW - timedelta(days=29)
    overdue = last_run + timedelta(days=30, milliseconds=1)
    runs = project_runs([run(last_run)])
    assert attention(runs, COMPLETE, THRESHOLDS, overdue - timedelta(milliseconds=1)) == ()
    (item,) = attention(runs, COMPLETE, THRESHOLDS, overdue)
    assert item.kind is AttentionKind.NOT_RUN
