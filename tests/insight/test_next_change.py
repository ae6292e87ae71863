"""When figures change by time alone."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.insight.digest import ProjectRuns, project_runs
from sidecar.insight.next_change import earliest, next_window_change
from sidecar.insight.scores import Summary, summarise_window
from sidecar.insight.windows import WINDOWS, parse_window
from tests.support.builders import NOW
from tests.support.histories import run

MILLISECOND = timedelta(milliseconds=1)


def change(*ages: timedelta, window: str = "24h") -> datetime | None:
    digest = project_runs([run(NOW - age) for age in ages])
    return next_window_change(parse_window(now=NOW, window=window), digest, NOW)


def test_a_run_leaves_the_window_when_it_is_older() -> None:
    assert change(timedelta(hours=23, minutes=50)) == NOW + timedelta(minutes=10) + MILLISECOND


def test_a_run_leaves_the_window_before_too() -> None:
    assert change(timedelta(hours=47, minutes=55)) == NOW + timedelta(minutes=5) + MILLISECOND


def test_a_run_created_ahead_of_our_clock_enters_the_window_later() -> None:
    assert change(-timedelta(minutes=2)) == NOW + timedelta(minutes=2) + MILLISECOND


def test_without_such_a_run_the_next_bucket_changes_the_figures() -> None:
    assert change() == NOW + timedelta(hours=1)
    assert change(window="12mo") == datetime(2026, 4, 1, tzinfo=UTC)


def test_a_window_with_a_fixed_end_changes_by_data_alone() -> None:
    window = parse_window(now=NOW, since="2026-01-01T00:00:00Z", until="2026-02-01T00:00:00Z")
    assert next_window_change(window, project_runs([run()]), NOW) is None


@pytest.mark.parametrize("candidates", [[], [None], [NOW], [NOW - timedelta(days=1)]])
def test_what_lies_behind_changes_nothing_any_more(candidates: list[datetime | None]) -> None:
    assert earliest(NOW, candidates) is None


def figures_at(digest: ProjectRuns, now: datetime, name: str) -> tuple[Summary, Summary]:
    if name == "since":
        return summarise_window(digest, parse_window(now=now, since="2026-03-01T00:00:00Z"))
    return summarise_window(digest, parse_window(now=now, window=name))


@given(
    ages=st.lists(st.integers(-600, 60 * 24 * 61), max_size=12),
    name=st.sampled_from([*WINDOWS, "since"]),
    wait=st.floats(0, 1),
)
def test_until_that_instant_the_figures_stay(ages: list[int], name: str, wait: float) -> None:
    digest = project_runs([run(NOW - timedelta(minutes=age)) for age in ages])
    window = (
        parse_window(now=NOW, since="2026-03-01T00:00:00Z")
        if name == "since"
        else parse_window(now=NOW, window=name)
    )
    until = next_window_change(window, digest, NOW)
    assert until is not None
    later = NOW + wait * (until - NOW - 2 * MILLISECOND)
    assert figures_at(digest, max(later, NOW), name) == figures_at(digest, NOW, name)
