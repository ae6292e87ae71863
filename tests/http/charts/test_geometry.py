"""Charts keep within their frame, add up, stay XML whatever Litmus says, and tell their figures in words."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.domain.runs import Outcome
from sidecar.http.answers.times import rfc3339
from sidecar.http.pictures.charts import (
    LOOKS,
    badge_chart,
    heat_runs,
    level_of,
    outcome_bar,
    outcomes_chart,
    score_badge,
    score_chart,
    spark_chart,
    trend_chart,
)
from sidecar.http.pictures.charts.words import fitting, percent, share, whole, width_of
from sidecar.http.shapes.common import BucketShape, ScoreNowShape
from tests.http.charts.drawing import SVG, boxes_of, desc_of, drawn, on_page, parsed, texts_of, title_of
from tests.support.builders import NOW, recent_run

SUM_TOLERANCE = 0.02
HOSTILE = '<script>alert("1")</script> & \x00\x0b\ud800\ufffe\u202e\u0627\u0644 \x1b]0;x\x07'
hostile_texts = st.sampled_from((HOSTILE, "", "\u0634\u0628\u0643\u0629", "x" * 300)) | st.text(
    alphabet=st.characters(), max_size=40
)
counts = st.dictionaries(
    st.sampled_from([outcome.value for outcome in Outcome]), st.integers(0, 100_000), max_size=8
)
means = st.none() | st.floats(allow_nan=True, allow_infinity=True) | st.floats(0, 100)


def buckets_of(figures: list[tuple[float | None, dict[str, int]]]) -> list[BucketShape]:
    return [
        BucketShape(
            since=rfc3339(NOW + timedelta(days=number)),
            until=rfc3339(NOW + timedelta(days=number + 1)),
            mean_score=mean,
            scored=1,
            outcomes=outcomes,
        )
        for number, (mean, outcomes) in enumerate(figures)
    ]


trends = st.lists(st.tuples(means, counts), max_size=130).map(buckets_of)


@given(counts)
def test_the_parts_of_the_bar_add_up_to_its_length_and_follow_each_other(runs: dict[str, int]) -> None:
    chart = outcomes_chart(runs, prefix="x", title="Shop")
    if not any(runs.values()):
        assert chart.blocks == ()
        return
    assert sum(block.width for block in chart.blocks) == pytest.approx(480 - 16, abs=SUM_TOLERANCE)
    for before, after in pairwise(chart.blocks):
        assert before.x + before.width == pytest.approx(after.x, abs=SUM_TOLERANCE)


@given(counts)
def test_every_outcome_with_a_run_is_visible_and_in_the_legend(runs: dict[str, int]) -> None:
    chart = outcomes_chart(runs, prefix="x", title="Shop")
    present = sum(1 for number in runs.values() if number)
    assert len(chart.legend) == len(chart.blocks) == present
    assert all(block.width >= 10 for block in chart.blocks)


@given(counts, hostile_texts)
def test_the_small_bar_adds_up_says_every_figure_in_words_and_each_part_by_its_symbol(
    runs: dict[str, int], text: str
) -> None:
    chart = outcome_bar(runs, prefix="x", title=text)
    present = {Outcome(name): number for name, number in runs.items() if number}
    if chart is None:
        assert not present
        return
    root = parsed(drawn("bar", chart))
    assert sum(block.width for block in chart.blocks) == pytest.approx(chart.frame.width, abs=SUM_TOLERANCE)
    for outcome, number in present.items():
        assert f"{LOOKS[outcome].label}: {number}" in desc_of(root)
        (block,) = [one for one in chart.blocks if one.look is LOOKS[outcome]]
        assert block.text in {f"{block.look.symbol} {number}", block.look.symbol}
    assert len(chart.blocks) == len(present)


def test_a_small_trend_joins_over_buckets_without_a_score_and_tells_the_gap_apart() -> None:
    scores = [100.0, 50.0, None, None, 75.0, None, 25.0, 0.0]
    chart = spark_chart(buckets_of([(score, {}) for score in scores]), prefix="x", title="Shop")
    assert chart is not None
    ends = [[points.split()[0], points.split()[-1]] for points in chart.lines]
    (first, last), (alone, again) = (points.split() for points in chart.gaps)
    assert (ends[0][1], ends[1][0]) == (first, again)
    assert last == alone
    drawing = drawn("spark", chart)
    assert drawing.count("chart-line") == drawing.count("chart-gap") == 2
    assert "5 buckets of 8 with scored runs" in desc_of(parsed(drawing))


@pytest.mark.parametrize(("scores", "gaps"), [([None, 50.0, 60.0, None], 0), ([50.0, None, 60.0], 1)])
def test_a_small_trend_has_a_gap_only_between_scores(scores: list[float | None], gaps: int) -> None:
    chart = spark_chart(buckets_of([(score, {}) for score in scores]), prefix="x", title="Shop")
    assert chart is not None
    assert len(chart.gaps) == gaps


@given(trends, hostile_texts)
def test_nothing_of_a_trend_lies_outside_its_frame(trend: list[BucketShape], text: str) -> None:
    chart = trend_chart(trend, zone="Europe/Berlin", prefix="x", title=text, headline=text, note=text)
    root = parsed(drawn("trend", chart))
    for left, top, right, bottom in boxes_of(root):
        assert left >= 0
        assert top >= 0
        assert right <= chart.frame.width + SUM_TOLERANCE
        assert bottom <= chart.frame.height + SUM_TOLERANCE
    for words in (*chart.labels, chart.headline, chart.note):
        assert words is not None
        assert words.left >= 0
        assert words.right <= chart.frame.width + SUM_TOLERANCE
    for bucket in chart.buckets:
        assert bucket.point is None or chart.top <= bucket.point.y <= chart.foot


@given(counts, hostile_texts)
def test_nothing_of_the_outcomes_lies_outside_its_frame(runs: dict[str, int], text: str) -> None:
    chart = outcomes_chart(runs, prefix="x", title=text, headline=text, note=text)
    for left, top, right, bottom in boxes_of(parsed(drawn("outcomes", chart))):
        assert left >= 0
        assert top >= 0
        assert right <= chart.frame.width + SUM_TOLERANCE
        assert bottom <= chart.frame.height
    for item in chart.legend:
        assert item.words.right <= chart.frame.width


@given(trends)
def test_labels_of_a_trend_do_not_touch(trend: list[BucketShape]) -> None:
    labels = trend_chart(trend, zone="UTC", prefix="x", title="Shop").labels
    for before, after in pairwise(labels):
        assert before.right < after.left


@given(hostile_texts, hostile_texts, means)
def test_any_text_gives_well_formed_pictures_without_an_element_of_its_own(
    text: str, other: str, mean: float | None
) -> None:
    score = ScoreNowShape(score=mean, number=1)
    pictures: list[tuple[str, Any]] = [
        ("outcomes", outcomes_chart({"passed": 1}, prefix=text, title=text, headline=other, note=text)),
        ("score", score_chart(score, prefix=text, title=text, headline=other, note=text)),
        ("badge", badge_chart(text, other, prefix=text, level=level_of(mean))),
        ("badge", score_badge(score, prefix=text, title=text, note=other, stale=True, label=text)),
    ]
    for name, chart in pictures:
        root = parsed(drawn(name, chart))
        assert {element.tag.removeprefix(SVG) for element in root.iter()} <= {
            "svg", "title", "desc", "g", "rect", "path", "text", "polyline", "circle",
        }  # fmt: skip


def test_a_name_that_is_a_script_is_shown_as_text() -> None:
    root = parsed(drawn("score", score_chart(ScoreNowShape(score=1.0, number=1), prefix="x", title=HOSTILE)))
    assert title_of(root).startswith('<script>alert("1")</script> &')
    assert "\u202e" not in title_of(root)


def test_the_outcomes_say_their_figures() -> None:
    runs = {"passed": 7, "probe_failed": 1, "error": 0}
    root = parsed(drawn("outcomes", outcomes_chart(runs, prefix="x", title="Shop")))
    assert desc_of(root) == "8 runs. Passed: 7; Probe failed: 1."
    assert "Probe failed 1 (12.5 %)" in texts_of(root)
    assert {"✓", "!"} <= set(texts_of(root))


def test_no_run_is_said_in_words() -> None:
    root = parsed(drawn("outcomes", outcomes_chart({"passed": 0}, prefix="x", title="Shop")))
    assert desc_of(root) == "No runs known in the window."
    assert texts_of(root) == ["No runs known in the window"]


def test_a_bucket_without_a_scored_run_breaks_the_line_and_is_never_zero() -> None:
    trend = buckets_of(
        [(50.0, {"passed": 1}), (60.0, {"passed": 1}), (None, {"stopped": 1}), (0.0, {"error": 2})]
    )
    chart = trend_chart(trend, zone="UTC", prefix="x", title="Shop")
    assert [bucket.point and bucket.point.score for bucket in chart.buckets] == [50.0, 60.0, None, 0.0]
    assert len(chart.lines) == 1
    assert chart.frame.desc == (
        "2 Mar: 50 % of 1 scored, 1 run (Passed 1); 3 Mar: 60 % of 1 scored, 1 run (Passed 1); "
        "4 Mar: no scored run, 1 run (Stopped 1); 5 Mar: 0 % of 1 scored, 2 runs (Error 2)."
    )


def test_runs_without_a_score_are_said_in_words() -> None:
    chart = trend_chart(buckets_of([(None, {"stopped": 1})]), zone="UTC", prefix="x", title="Shop")
    assert chart.empty is not None
    assert chart.empty.text == "No scored run in the window"


@pytest.mark.parametrize(
    ("length", "label"),
    [(timedelta(hours=1), "01:00"), (timedelta(days=1), "1 Mar"), (timedelta(days=31), "Mar 26")],
)
def test_buckets_are_called_by_their_length_in_the_zone(length: timedelta, label: str) -> None:
    since = datetime(2026, 3, 1, 0, 0, tzinfo=UTC)
    bucket = BucketShape(
        since=rfc3339(since), until=rfc3339(since + length), mean_score=None, scored=0, outcomes={}
    )
    chart = trend_chart([bucket], zone="Europe/Berlin", prefix="x", title="Shop")
    assert [words.text for words in chart.labels] == [label]


def test_no_score_is_said_in_words_and_has_no_arc() -> None:
    chart = score_chart(ScoreNowShape(score=None, number=0), prefix="x", title="Shop")
    assert chart.number.text == "No score yet"
    assert chart.arc is None
    assert chart.frame.desc == "No score yet: no scored run is known."


def test_the_score_says_of_how_many_experiments_it_is() -> None:
    chart = score_chart(ScoreNowShape(score=87.25, number=6), prefix="x", title="Shop")
    assert chart.frame.desc == "87.25 %, mean of 6 experiments."
    assert chart.level.css_class == "level-high"


def test_the_score_of_a_stopped_run_is_a_placeholder_and_not_told() -> None:
    runs = heat_runs([recent_run("one", "Stopped", score=0.0)])
    assert [run.score for run in runs] == [None]


def test_a_badge_without_data_says_so() -> None:
    badge = score_badge(ScoreNowShape(score=None, number=0), prefix="x", title="Shop", note="n", stale=False)
    assert texts_of(parsed(drawn("badge", badge))) == ["resilience", "no data"]


def test_a_stale_badge_says_so_where_it_is_seen() -> None:
    badge = score_badge(ScoreNowShape(score=87.4, number=2), prefix="x", title="Shop", note="n", stale=True)
    assert badge.value.text == "87 % (stale)"
    assert badge.frame.desc == "87.4 %, mean of 2 experiments. n."


def test_a_macro_draws_in_a_page_what_stands_alone() -> None:
    chart = badge_chart("a", "b", prefix="x", level=level_of(None))
    page = on_page('{% import "charts/macros.html" as charts %}{{ charts.badge(chart) }}', chart=chart)
    assert page == drawn("badge", chart)


@pytest.mark.parametrize(
    ("score", "shown"),
    [(100.0, 100), (99.99, 99), (0.01, 1), (0.0, 0), (87.4, 87), (82.5, 83), (81.5, 82), (0.5, 1)],
)
def test_only_the_whole_is_called_so_without_decimals_and_halves_go_up(score: float, shown: int) -> None:
    assert whole(score) == shown


@pytest.mark.parametrize(
    ("score", "shown", "look"),
    [(79.6, "80 %", "level-high"), (79.4, "79 %", "level-middle"), (49.5, "50 %", "level-middle")],
)
def test_a_badge_has_the_colour_of_the_number_that_it_shows(score: float, shown: str, look: str) -> None:
    badge = score_badge(ScoreNowShape(score=score, number=1), prefix="x", title="S", note="n", stale=False)
    assert (badge.value.text, badge.level.css_class) == (shown, look)


@given(trends)
def test_the_axis_of_runs_says_so_and_keeps_apart_from_the_scores(trend: list[BucketShape]) -> None:
    chart = trend_chart(trend, zone="UTC", prefix="x", title="Shop")
    assert [one.words.text for one in chart.grid] == ["0", "25", "50", "75", "100"]
    axis = sorted([*(one.words for one in chart.grid), *chart.most], key=lambda words: words.y)
    assert all(words.left >= 0 and words.right < chart.left for words in axis)
    assert all(after.y - before.y >= after.size for before, after in pairwise(axis))
    assert [words.text for words in chart.most[1:]] in ([], ["run"], ["runs"])


def test_a_part_is_never_said_to_be_all_or_nothing() -> None:
    assert (share(1, 100_000), share(99_999, 100_000), share(5, 5)) == ("0.1 %", "99.9 %", "100 %")


@given(hostile_texts, st.floats(20, 500))
def test_a_text_is_cut_to_its_room(text: str, room: float) -> None:
    assert width_of(fitting(text, room, 11), 11) <= room


@given(st.floats(0, 100))
def test_a_score_is_worded_as_served(score: float) -> None:
    assert float(percent(score).removesuffix(" %")) == pytest.approx(round(score, 2), abs=0.01)
