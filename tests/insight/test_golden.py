"""The golden history gives the figures that were reckoned by hand."""

import pytest

from sidecar.insight.digest import project_runs
from sidecar.insight.running import running_runs
from sidecar.insight.scores import latest_scores, score_now, summarise_window, window_figures
from sidecar.insight.trends import trend
from sidecar.insight.windows import WINDOWS, parse_window
from tests.support.golden import GoldenRun, golden
from tests.support.histories import ms

GOLDEN = golden()
DIGEST = project_runs(GOLDEN.runs, GOLDEN.experiments)


@pytest.mark.parametrize("row", GOLDEN.rows, ids=lambda row: row.run.phase)
def test_the_table_of_runs_agrees_with_itself(row: GoldenRun) -> None:
    assert row.run.created_at_ms == ms(row.created_at)
    assert int(row.sent) in {row.run.created_at_ms, row.run.created_at_ms // 1_000}


@pytest.mark.parametrize("row", GOLDEN.rows, ids=lambda row: row.run.phase)
def test_a_run_has_the_outcome_of_the_table_and_is_scored_as_it_says(row: GoldenRun) -> None:
    assert (row.run.outcome, row.run.is_scored) == (row.outcome, row.is_scored)


def test_every_named_window_is_in_the_table() -> None:
    assert GOLDEN.windows.keys() == WINDOWS.keys()


@pytest.mark.parametrize("name", WINDOWS)
def test_a_window_has_the_borders_of_the_table(name: str) -> None:
    window = parse_window(now=GOLDEN.now, window=name, tz=GOLDEN.zone)
    expected = GOLDEN.windows[name]
    assert (window.since, window.until, window.previous_since) == (
        expected.since,
        GOLDEN.now,
        expected.previous_since,
    )


@pytest.mark.parametrize("name", WINDOWS)
def test_a_window_has_the_figures_of_the_table(name: str) -> None:
    window = parse_window(now=GOLDEN.now, window=name, tz=GOLDEN.zone)
    figures = window_figures(*summarise_window(DIGEST, window))
    expected = GOLDEN.windows[name]
    assert figures.total == expected.total
    assert figures.outcomes == expected.outcomes
    assert figures.score.number == expected.scored
    assert figures.previous.number == expected.previous_scored
    assert [
        figures.score.mean,
        figures.score.median,
        figures.score.worst,
        figures.previous.mean,
        figures.change,
    ] == [
        None if number is None else pytest.approx(number, abs=5e-5)
        for number in (
            expected.mean,
            expected.median,
            expected.worst,
            expected.previous_mean,
            expected.change,
        )
    ]


@pytest.mark.parametrize("name", GOLDEN.trends)
def test_a_trend_has_the_buckets_of_the_table(name: str) -> None:
    buckets = trend([DIGEST], parse_window(now=GOLDEN.now, window=name, tz=GOLDEN.zone))
    expected = GOLDEN.trends[name]
    assert [(one.since, one.until, sum(one.outcomes.values()), one.scored) for one in buckets] == [
        (one.since, one.until, one.runs, one.scored) for one in expected
    ]
    assert [one.mean_score for one in buckets] == [
        None if one.mean is None else pytest.approx(one.mean, abs=5e-5) for one in expected
    ]


def test_the_score_now_is_that_of_the_table() -> None:
    now = score_now([latest_scores(DIGEST)])
    assert (now.score, now.number) == (GOLDEN.score_now, GOLDEN.scored_experiments)


def test_history_and_snapshot_together_show_each_unfinished_run_once() -> None:
    running = running_runs(GOLDEN.content, DIGEST, GOLDEN.now)
    assert [(one.experiment_id, one.phase, one.stuck) for one in running] == [
        ("pay", "Running", True),
        ("cart", "Queued", True),
        ("pay", "Pending", False),
    ]
