"""Fires and missed runs of schedules."""

import itertools
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.domain.model import Concurrency, Schedule
from sidecar.domain.runs import HistoryState, Run
from sidecar.insight.cron_text import Cron, ScheduleText, parse_schedule
from sidecar.insight.digest import project_runs
from sidecar.insight.fire_times import last_fires, next_fires
from sidecar.insight.schedules import (
    MOST_FIRES,
    Missed,
    next_schedule_change,
    schedule_figures,
)
from tests.insight.test_trends import INSTANTS, ODD_ZONES
from tests.support.builders import NOW
from tests.support.histories import COMPLETE, run, schedule


def parsed(text: str, zone: str | None = None) -> ScheduleText:
    found = parse_schedule(text, zone)
    assert found is not None
    return found


def fires(text: str, zone: str, since: str, until: str) -> list[str]:
    start, end = datetime.fromisoformat(since), datetime.fromisoformat(until)
    found = itertools.takewhile(lambda fire: fire < end, next_fires(parsed(text, zone), start))
    return [f"{fire:%m-%dT%H:%M}" for fire in itertools.islice(found, 100)]


def missed(
    one: Schedule,
    *runs: Run,
    state: HistoryState = COMPLETE,
    now: datetime = NOW,
    retention: timedelta | None = None,
) -> Missed | None:
    return schedule_figures(one, project_runs(runs), state, now, retention=retention).missed


@pytest.mark.parametrize(
    ("text", "zone", "since", "until", "expected"),
    [
        # 29 March: 02:00 to 03:00 does not exist.
        ("30 2 * * *", "Europe/Berlin", "2026-03-28", "2026-03-31", ["03-28T01:30", "03-30T00:30"]),
        # 25 October: 02:00 to 03:00 comes twice.
        ("30 2 * * *", "Europe/Berlin", "2026-10-25", "2026-10-26", ["10-25T00:30", "10-25T01:30"]),
        # 4 November 2018: no midnight.
        ("0 0 * * *", "America/Sao_Paulo", "2018-11-03", "2018-11-06", ["11-03T03:00", "11-05T02:00"]),
        # 5 April: 01:30 to 02:00 comes twice.
        ("45 1 * * *", "Australia/Lord_Howe", "2026-04-04", "2026-04-05", ["04-04T14:45", "04-04T15:15"]),
        # Samoa had no 30 December 2011.
        ("0 12 30 12 *", "Pacific/Apia", "2011-12-01", "2012-02-01", []),
        ("0 0 13 * 5", "UTC", "2026-04-10", "2026-04-17", ["04-10T00:00", "04-13T00:00"]),
        ("0 0 29 2 *", "UTC", "2026-01-01", "2030-01-01", ["02-29T00:00"]),
    ],
)
def test_fires_follow_the_local_clock(
    text: str, zone: str, since: str, until: str, expected: list[str]
) -> None:
    assert fires(text, zone, f"{since}T00:00Z", f"{until}T00:00Z") == expected


def test_between_includes_its_beginning_and_not_its_end() -> None:
    assert fires("0 * * * *", "UTC", "2026-03-01T00:00Z", "2026-03-01T02:00Z") == [
        "03-01T00:00",
        "03-01T01:00",
    ]


def test_a_date_that_no_year_has_never_fires() -> None:
    assert list(next_fires(parsed("0 0 30 2 *"), NOW)) == []
    assert list(last_fires(parsed("0 0 30 2 *"), NOW)) == []


def field(low: int, high: int) -> st.SearchStrategy[str]:
    """Texts of one field: a star, numbers, ranges and steps, joined by commas."""
    number = st.integers(low, high)
    span = st.tuples(number, number).map(lambda two: f"{min(two)}-{max(two)}")
    base = st.just("*") | number.map(str) | span
    stepped = st.builds(lambda some, step: f"{some}/{step}", base, st.integers(1, 40))
    return st.lists(base | stepped, min_size=1, max_size=3).map(",".join)


TEXTS = st.tuples(field(0, 59), field(0, 23), field(1, 31), field(1, 12), field(0, 6)).map(" ".join)


@given(text=TEXTS, now=INSTANTS, zone=st.sampled_from(ODD_ZONES))
def test_every_fire_is_on_the_local_clock_where_the_fields_say(text: str, now: datetime, zone: str) -> None:
    found = parsed(text, zone)
    assert isinstance(found.rule, Cron)
    assert found.rule.expression is not None
    minutes, hours, days, months, weekdays = found.rule.expression.split(" ")
    for fire in itertools.islice(next_fires(found, now), 3):
        local = fire.astimezone(ZoneInfo(zone))
        assert fire >= now
        assert local.second == 0
        assert names(minutes, local.minute)
        assert names(hours, local.hour)
        assert names(months, local.month)
        on_day, on_weekday = names(days, local.day), names(weekdays, local.isoweekday() % 7)
        assert (on_day and on_weekday) or ("*" not in {days, weekdays} and (on_day or on_weekday))


def names(field_text: str, value: int) -> bool:
    """Tell whether a plain field has the number."""
    return field_text == "*" or str(value) in field_text.split(",")


CRON_TEXTS = ("*/30 * * * *", "30 2 * * *", "0 0 * * *", "15 1-3 * * 0,6", "0 0 1 */2 *", "45 1 29 * *")


@given(text=st.sampled_from(CRON_TEXTS), now=INSTANTS, zone=st.sampled_from(ODD_ZONES))
def test_looking_back_finds_what_looking_ahead_found(text: str, now: datetime, zone: str) -> None:
    found = parsed(text, zone)
    ahead = list(itertools.islice(next_fires(found, now), 6))
    back = list(itertools.islice(last_fires(found, ahead[-1] + timedelta(microseconds=1)), 6))
    assert back[::-1] == ahead


def test_a_fire_time_without_a_run_near_it_is_missed() -> None:
    one = schedule("0 * * * *", since=NOW - timedelta(hours=3, minutes=30))
    runs = [run(NOW - timedelta(hours=3)), run(NOW - timedelta(hours=1))]
    assert missed(one, *runs) == Missed(number=1, at_least=False, latest=(NOW - timedelta(hours=2),))


@pytest.mark.parametrize(("minutes", "number"), [(-11, 1), (-10, 0), (0, 0), (10, 0), (11, 1)])
def test_a_run_counts_within_ten_minutes_of_the_fire_time(minutes: int, number: int) -> None:
    one = schedule("0 11 * * *", since=NOW - timedelta(hours=3))
    found = missed(one, run(NOW - timedelta(minutes=60 - minutes)))
    assert found is not None
    assert found.number == number


@pytest.mark.parametrize(("minutes", "number"), [(9, 0), (10, 0), (11, 1)])
def test_a_fire_time_is_missed_only_when_older_than_ten_minutes(minutes: int, number: int) -> None:
    now = datetime(2026, 3, 2, 11, minutes, tzinfo=UTC)
    found = missed(schedule("0 11 * * *", since=NOW - timedelta(hours=3)), now=now)
    assert found is not None
    assert found.number == number


def test_fire_times_before_the_text_was_first_seen_are_not_missed() -> None:
    found = missed(schedule("0 * * * *", since=NOW - timedelta(minutes=59)))
    assert found == Missed(number=0, at_least=False, latest=())


@pytest.mark.parametrize("text", ["0 2 * * *", "@every 24h"])
def test_runs_that_retention_forgot_are_not_missed(text: str) -> None:
    one = schedule(text, since=NOW - timedelta(days=60))
    kept = [run(NOW - timedelta(days=day) - timedelta(hours=10)) for day in range(30)]
    assert missed(one, *kept, retention=timedelta(days=30)) == Missed(number=0, at_least=False, latest=())


@pytest.mark.parametrize(("minutes", "number"), [(9, 1), (10, 1), (11, 0)])
def test_a_fire_time_is_judged_as_long_as_a_run_that_came_early_would_be_kept(
    minutes: int, number: int
) -> None:
    fire = NOW - timedelta(hours=1)
    one = schedule("0 11 * * *", since=NOW - timedelta(days=9))
    found = missed(one, retention=NOW - fire + timedelta(minutes=20 - minutes))
    assert found is not None
    assert found.number == number


def test_a_run_of_another_experiment_does_not_stand_in() -> None:
    one = schedule("0 11 * * *", since=NOW - timedelta(hours=3))
    found = missed(one, run(NOW - timedelta(hours=1), experiment_id="experiment-2"))
    assert found is not None
    assert found.number == 1


def test_a_deleted_run_proves_that_the_schedule_ran() -> None:
    one = schedule("0 11 * * *", since=NOW - timedelta(hours=3))
    found = missed(one, run(NOW - timedelta(hours=1), removed=True))
    assert found is not None
    assert found.number == 0


def test_nothing_is_missed_while_suspended() -> None:
    assert missed(schedule(suspended=True)) is None


def test_nothing_is_missed_while_history_is_incomplete() -> None:
    assert missed(schedule(), state=HistoryState(is_complete=False, synced_at=NOW)) is None


def test_nothing_is_missed_after_the_last_reading_of_litmus() -> None:
    state = HistoryState(is_complete=True, synced_at=NOW - timedelta(hours=5))
    found = missed(schedule("0 * * * *", since=NOW - timedelta(hours=6, minutes=30)), state=state)
    assert found == Missed(number=1, at_least=False, latest=(NOW - timedelta(hours=6),))


def test_missed_runs_of_a_very_busy_schedule_are_a_lower_bound() -> None:
    found = missed(schedule("* * * * *", since=NOW - timedelta(days=300)))
    assert found is not None
    assert (found.number, found.at_least) == (MOST_FIRES, True)


@pytest.mark.parametrize(("minutes", "number"), [(69, 0), (70, 0), (71, 1)])
def test_a_delay_is_missed_when_no_run_came_for_it_and_ten_minutes(minutes: int, number: int) -> None:
    one = schedule("@every 1h", since=NOW - timedelta(minutes=90))
    found = missed(one, run(NOW - timedelta(minutes=90)), run(NOW - timedelta(minutes=minutes)))
    assert found is not None
    assert found.number == number


def test_the_next_fire_of_a_delay_is_an_estimate_from_the_last_run() -> None:
    last = NOW - timedelta(minutes=20)
    found = schedule_figures(schedule("@every 1h"), project_runs([run(last)]), COMPLETE, NOW, retention=None)
    assert (found.next_fire_at, found.next_fire_estimated) == (last + timedelta(hours=1), True)


def test_a_suspended_schedule_keeps_its_text_and_has_no_next_fire() -> None:
    found = schedule_figures(schedule(suspended=True), project_runs([]), COMPLETE, NOW, retention=None)
    assert (found.cron_syntax, found.next_fire_at, found.last_fire_at) == ("0 * * * *", None, None)


def test_a_text_that_argo_refuses_is_said_to_be_so() -> None:
    found = schedule_figures(schedule("0 0 * * 7"), project_runs([]), COMPLETE, NOW, retention=None)
    assert (found.is_valid, found.next_fire_at, found.missed) == (False, None, None)


def test_next_and_last_fire_lie_on_both_sides_of_now() -> None:
    found = schedule_figures(schedule("30 * * * *"), project_runs([]), COMPLETE, NOW, retention=None)
    assert (found.last_fire_at, found.next_fire_at) == (
        NOW - timedelta(minutes=30),
        NOW + timedelta(minutes=30),
    )


def test_a_fire_this_very_moment_is_the_last_one_and_not_the_next() -> None:
    found = schedule_figures(schedule("0 * * * *"), project_runs([]), COMPLETE, NOW, retention=None)
    assert (found.last_fire_at, found.next_fire_at) == (NOW, NOW + timedelta(hours=1))


def test_figures_change_when_the_schedule_fires_and_when_its_tolerance_ends() -> None:
    one = schedule("0 * * * *")
    assert next_schedule_change(one, NOW + timedelta(minutes=30)) == NOW + timedelta(hours=1)
    assert next_schedule_change(one, NOW + timedelta(minutes=5)) == NOW + timedelta(minutes=10, seconds=1)


@pytest.mark.parametrize(
    ("text", "lasts", "apart", "skipped"),
    [
        # Each run keeps the scheduler from the fire times that fall into it.
        ("0 * * * *", 75, 120, 1),
        ("0/5 * * * *", 32, 35, 6),
        ("0/30 * * * *", 45, 60, 1),
    ],
)
@pytest.mark.parametrize("policy", [Concurrency.FORBID, None])
def test_fire_times_during_a_run_are_skipped_and_not_missed(
    text: str, lasts: int, apart: int, skipped: int, policy: Concurrency | None
) -> None:
    since = NOW - timedelta(hours=14)
    starts = [since + timedelta(minutes=apart * number) for number in range(14 * 60 // apart)]
    runs = [run(start, updated_at=start + timedelta(minutes=lasts)) for start in starts]
    one = schedule(text, since=since, concurrency=policy)
    until = starts[-1] + timedelta(minutes=apart)
    found = schedule_figures(one, project_runs(runs), COMPLETE, until, retention=None)

    assert found.missed == Missed(number=0, at_least=False, latest=())
    assert found.skipped is not None
    # Those of the last ten minutes are not judged yet.
    assert found.skipped.number in {skipped * len(runs) - late for late in range(3)}


@pytest.mark.parametrize("policy", [Concurrency.ALLOW, Concurrency.REPLACE])
def test_a_scheduler_that_may_start_a_second_run_skips_nothing(policy: Concurrency) -> None:
    start = NOW - timedelta(hours=3)
    long = run(start, updated_at=NOW - timedelta(minutes=30))
    one = schedule("0 * * * *", since=start, concurrency=policy)
    found = schedule_figures(one, project_runs([long]), COMPLETE, NOW, retention=None)

    assert found.missed is not None
    assert found.missed.number == 2
    assert found.skipped == Missed(number=0, at_least=False, latest=())


@pytest.mark.parametrize(("run_id", "missed", "skipped"), [("run-1", 0, 2), ("", 2, 0)])
def test_a_run_that_goes_on_skips_but_not_one_the_cluster_never_had(
    run_id: str, missed: int, skipped: int
) -> None:
    start = NOW - timedelta(hours=3)
    phase = "Running" if run_id else "Queued"
    found = schedule_figures(
        schedule("0 * * * *", since=start),
        project_runs([run(start, phase, None, run_id=run_id)]),
        COMPLETE,
        NOW,
        retention=None,
    )
    assert found.missed is not None
    assert found.skipped is not None
    assert (found.missed.number, found.skipped.number) == (missed, skipped)


def test_a_delay_that_passes_during_a_run_is_skipped_and_counts_on_from_its_end() -> None:
    start = NOW - timedelta(hours=6)
    runs = [
        run(start, updated_at=start + timedelta(hours=2, minutes=30)),
        run(start + timedelta(hours=3)),
    ]
    found = schedule_figures(
        schedule("@every 1h", since=start), project_runs(runs), COMPLETE, NOW, retention=None
    )
    assert found.skipped == Missed(number=1, at_least=False, latest=(start + timedelta(hours=1),))
    # After the second run nothing came for three hours.
    assert found.missed == Missed(number=1, at_least=False, latest=(start + timedelta(hours=4),))


def test_a_schedule_that_was_never_started_has_no_next_run_and_misses_none() -> None:
    one = schedule("0 * * * *", started=False)
    found = schedule_figures(one, project_runs([]), COMPLETE, NOW, retention=None)

    assert found.never_started is True
    assert (found.next_fire_at, found.last_fire_at, found.missed, found.skipped) == (None, None, None, None)
    assert next_schedule_change(one, NOW) is None


@pytest.mark.parametrize(("started", "never_started"), [(True, False), (None, None)])
def test_a_schedule_that_was_started_or_never_looked_at_is_followed(
    *, started: bool | None, never_started: bool | None
) -> None:
    found = schedule_figures(
        schedule("0 * * * *", started=started), project_runs([]), COMPLETE, NOW, retention=None
    )
    assert found.never_started is never_started
    assert found.next_fire_at == NOW + timedelta(hours=1)
    assert found.missed is not None


def test_a_text_with_a_zone_beside_one_of_the_manifest_never_fires() -> None:
    one = schedule("TZ=Asia/Seoul 0 3 * * *", timezone="Europe/Paris")
    found = schedule_figures(one, project_runs([]), COMPLETE, NOW, retention=None)

    assert (found.is_valid, found.names_two_zones) == (False, True)
    assert (found.next_fire_at, found.missed) == (None, None)
