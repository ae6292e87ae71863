"""Buckets on local calendars."""

import itertools
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from sidecar.insight.civil_time import Unit, edges, first_instant
from sidecar.insight.digest import project_runs
from sidecar.insight.trends import bucket_edges, trend
from sidecar.insight.windows import WINDOWS, parse_window
from tests.support.histories import run

ODD_ZONES = (
    "UTC",
    "Europe/Berlin",
    "America/Sao_Paulo",
    "America/Havana",
    "Africa/Casablanca",
    "Asia/Kathmandu",
    "Atlantic/Azores",
    "Australia/Lord_Howe",
    "Pacific/Apia",
)
INSTANTS = st.datetimes(
    datetime(1990, 1, 1),  # noqa: DTZ001 - hypothesis wants them naive
    datetime(2037, 1, 1),  # noqa: DTZ001 - as above
    timezones=st.just(UTC),
)


def between(zone: str, unit: Unit, since: str, until: str) -> list[str]:
    start, end = datetime.fromisoformat(since), datetime.fromisoformat(until)
    return [f"{edge:%m-%dT%H:%M}" for edge in edges(ZoneInfo(zone), unit, start, end)]


def test_the_day_the_clocks_go_forward_has_23_hours() -> None:
    assert between("Europe/Berlin", Unit.DAY, "2026-03-28T12:00Z", "2026-03-30T12:00Z") == [
        "03-28T23:00",
        "03-29T22:00",
    ]


def test_a_doubled_hour_is_two_buckets() -> None:
    assert between("Europe/Berlin", Unit.HOUR, "2026-10-24T23:30Z", "2026-10-25T02:30Z") == [
        "10-25T00:00",
        "10-25T01:00",
        "10-25T02:00",
    ]


def test_half_an_hour_of_summer_time_makes_one_long_hour() -> None:
    # Lord Howe, 4 April: 02:00 becomes 01:30 at 15:00 UTC, so 02:00 comes again at 15:30.
    assert between("Australia/Lord_Howe", Unit.HOUR, "2026-04-04T13:30Z", "2026-04-04T17:00Z") == [
        "04-04T14:00",
        "04-04T15:30",
        "04-04T16:30",
    ]


def test_a_day_without_midnight_begins_when_the_clocks_went_forward() -> None:
    assert first_instant(ZoneInfo("America/Sao_Paulo"), datetime(2018, 11, 4)) == datetime(  # noqa: DTZ001 - local
        2018, 11, 4, 3, tzinfo=UTC
    )


def test_a_day_that_was_skipped_whole_has_no_bucket() -> None:
    # Samoa had no 30 December 2011.
    assert between("Pacific/Apia", Unit.DAY, "2011-12-29T12:00Z", "2012-01-01T00:00Z") == [
        "12-30T10:00",
        "12-31T10:00",
    ]


def test_weeks_begin_on_monday() -> None:
    assert between("UTC", Unit.WEEK, "2026-03-02T00:00Z", "2026-03-17T00:00Z") == [
        "03-09T00:00",
        "03-16T00:00",
    ]


def test_a_bucket_without_a_scored_run_has_no_mean() -> None:
    now = datetime(2026, 3, 2, 12, tzinfo=UTC)
    digest = project_runs([run(now - timedelta(minutes=5), "Stopped", 0.0)])
    assert trend([digest], parse_window(now=now, window="24h"))[-2].mean_score is None


def test_a_trend_of_several_projects_counts_all_their_runs() -> None:
    now = datetime(2026, 3, 2, 12, tzinfo=UTC)
    digests = [project_runs([run(now - timedelta(minutes=5), score=score)]) for score in (40.0, 80.0)]
    last = trend(digests, parse_window(now=now, window="24h"))[-1]
    assert (last.scored, last.mean_score) == (2, 60.0)


@given(now=INSTANTS, name=st.sampled_from(list(WINDOWS)), zone=st.sampled_from(ODD_ZONES))
def test_buckets_partition_the_window(now: datetime, name: str, zone: str) -> None:
    window = parse_window(now=now, window=name, tz=zone)
    borders = bucket_edges(window)
    assert (borders[0], borders[-1]) == (window.since, window.until)
    assert all(earlier < later for earlier, later in itertools.pairwise(borders))


@given(now=INSTANTS, zone=st.sampled_from(ODD_ZONES))
def test_inner_borders_of_days_are_where_the_local_date_changes(now: datetime, zone: str) -> None:
    window = parse_window(now=now, window="7d", tz=zone)
    for edge in bucket_edges(window)[1:-1]:
        before = (edge - timedelta(seconds=1)).astimezone(ZoneInfo(zone))
        assert before.date() < edge.astimezone(ZoneInfo(zone)).date()


@given(now=INSTANTS, name=st.sampled_from(["7d", "30d"]), zone=st.sampled_from(ODD_ZONES))
def test_no_bucket_of_days_spans_two_local_dates(now: datetime, name: str, zone: str) -> None:
    window = parse_window(now=now, window=name, tz=zone)
    for start, end in itertools.pairwise(bucket_edges(window)):
        first, last = (
            start.astimezone(ZoneInfo(zone)),
            (end - timedelta(microseconds=1)).astimezone(ZoneInfo(zone)),
        )
        assert first.date() == last.date()
