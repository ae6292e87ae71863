"""Scores: what counts, and that neither order nor grouping of the runs matters."""

import random
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from sidecar.domain.runs import OUTCOME_OF_PHASE, Run
from sidecar.insight.digest import ProjectRuns, narrow, project_runs
from sidecar.insight.scores import (
    Summary,
    last_run_score,
    latest_scores,
    merge,
    score_now,
    score_stats,
    summarise,
    summarise_window,
    window_figures,
)
from sidecar.insight.trends import trend
from sidecar.insight.windows import parse_window
from tests.support.builders import NOW
from tests.support.histories import known, ms, run

WINDOW = parse_window(now=NOW, window="30d", tz="Europe/Berlin")
RUNS = st.lists(
    st.builds(
        lambda minutes, phase, score, experiment: run(
            NOW - timedelta(minutes=minutes), phase, score, experiment_id=experiment
        ),
        st.integers(0, 100_000),
        st.sampled_from([*OUTCOME_OF_PHASE, "Skipped"]),
        st.none() | st.floats(0, 100),
        st.sampled_from(["a", "b", "c"]),
    ),
    max_size=40,
    unique_by=lambda one: (one.experiment_id, one.created_at_ms),
)


def everything(runs: ProjectRuns) -> Summary:
    return summarise(runs, 0, ms(NOW) + 1)


def now_of(*runs: Run, removed: bool = False) -> float | None:
    digest = project_runs(runs, [known(removed=removed)])
    return score_now([latest_scores(digest)]).score


def test_without_a_scored_run_a_score_is_null_and_never_zero() -> None:
    stats = score_stats(everything(project_runs([run(phase="Stopped", score=0.0)])))
    assert (stats.number, stats.mean, stats.median, stats.worst) == (0, None, None, None)


def test_an_error_with_score_zero_is_a_result() -> None:
    assert score_stats(everything(project_runs([run(phase="Error", score=0.0)]))).mean == 0.0


def test_the_score_now_passes_over_a_later_run_without_a_result() -> None:
    early, late = NOW - timedelta(days=200), NOW - timedelta(hours=1)
    assert now_of(run(early, score=70.0), run(late, "Running", 0.0)) == 70.0


def test_the_score_of_the_last_run_is_not_that_of_an_earlier_one() -> None:
    early, late = run(NOW - timedelta(hours=2), score=70.0), NOW - timedelta(hours=1)
    for phase, score in (("Running", None), ("Stopped", None), ("Error", 0.0)):
        digest = project_runs([early, run(late, phase, 0.0)])
        (experiment,) = digest.experiments
        assert last_run_score(digest) == experiment.last_run_score == score


def test_who_never_ran_has_no_score_of_a_last_run() -> None:
    digest = project_runs([], [known()])
    assert last_run_score(digest) is digest.experiments[0].last_run_score is None


def test_a_deleted_run_of_an_experiment_that_exists_still_counts_now() -> None:
    assert now_of(run(score=30.0, removed=True)) == 30.0


def test_a_deleted_experiment_leaves_the_score_now() -> None:
    assert now_of(run(score=30.0, removed=True), removed=True) is None


def test_change_is_unknown_without_a_scored_run_before() -> None:
    current, previous = summarise_window(project_runs([run()]), WINDOW)
    assert window_figures(current, previous).change is None


def test_nothing_merged_is_a_summary_of_no_runs() -> None:
    assert merge([]) == everything(project_runs([]))


@given(runs=RUNS, seed=st.integers())
def test_no_figure_depends_on_the_order_of_the_runs(runs: list[Run], seed: int) -> None:
    shuffled = random.Random(seed).sample(runs, len(runs))  # noqa: S311 - an order, not a secret
    one, other = project_runs(runs), project_runs(shuffled)
    assert one.experiments == other.experiments
    assert window_figures(*summarise_window(one, WINDOW)) == window_figures(*summarise_window(other, WINDOW))
    assert trend([one], WINDOW) == trend([other], WINDOW)


@given(runs=RUNS, border=st.integers(0, 40))
def test_merged_summaries_are_the_summary_of_all_runs(runs: list[Run], border: int) -> None:
    parts = [project_runs(runs[:border]), project_runs(runs[border:])]
    assert merge(map(everything, parts)) == everything(project_runs(runs))


@given(runs=RUNS, kept=st.sets(st.sampled_from(["a", "b", "c"])))
def test_a_narrowed_digest_is_that_of_the_narrowed_runs(runs: list[Run], kept: set[str]) -> None:
    whole, part = (
        narrow(project_runs(runs), kept),
        project_runs(one for one in runs if one.experiment_id in kept),
    )
    assert everything(whole) == everything(part)
    assert (whole.experiments, whole.unfinished) == (part.experiments, part.unfinished)


@given(runs=RUNS)
def test_buckets_hold_every_run_of_the_window_once(runs: list[Run]) -> None:
    digest = project_runs(runs)
    figures = window_figures(*summarise_window(digest, WINDOW))
    buckets = trend([digest], WINDOW)
    assert sum(sum(bucket.outcomes.values()) for bucket in buckets) == figures.total
    assert sum(bucket.scored for bucket in buckets) == figures.score.number
