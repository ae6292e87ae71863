"""What a request's parameters make of time."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.domain.errors import BadRequestError
from sidecar.insight.civil_time import Unit
from sidecar.insight.windows import DEFAULT_WINDOW, WINDOWS, Window, parse_window, window_end_change
from tests.support.builders import NOW


@pytest.mark.parametrize(
    ("parameters", "blamed"),
    [
        ({"window": "2d"}, "window"),
        ({"window": " "}, "window"),
        ({"window": "24h", "since": "2026-01-01T00:00:00Z"}, "window"),
        ({"until": "2026-01-01T00:00:00Z"}, "since"),
        ({"since": "2026-01-01"}, "since"),
        ({"since": "2026-01-01T00:00:00"}, "since"),
        ({"since": "0001-01-01T00:00:00+14:00"}, "since"),
        ({"since": "1969-12-31T23:59:59Z"}, "since"),
        ({"since": "2009-01-01T00:00:00Z"}, "since"),
        ({"since": "2099-01-01T00:00:00Z"}, "since"),
        ({"since": "2026-01-01T00:00:00Z", "until": "yesterday"}, "until"),
        ({"since": "2026-01-01T00:00:00Z", "until": "2026-01-01T00:00:00Z"}, "until"),
        ({"tz": "Europe"}, "tz"),
        ({"tz": "Mars/Olympus"}, "tz"),
        ({"tz": "../../etc/passwd"}, "tz"),
        ({"tz": "localtime"}, "tz"),
        ({"tz": "a" * 5_000}, "tz"),
        ({"tz": "\0"}, "tz"),
    ],
)
def test_a_wrong_parameter_is_named(parameters: dict[str, str], blamed: str) -> None:
    with pytest.raises(BadRequestError) as caught:
        parse_window(now=NOW, **parameters)
    assert caught.value.parameter == blamed


def test_without_parameters_it_is_the_default_window_in_utc() -> None:
    window = parse_window(now=NOW)
    assert (window.name, window.zone, window.until - window.since) == (
        DEFAULT_WINDOW,
        "UTC",
        timedelta(days=30),
    )


def test_own_borders_may_carry_any_offset_and_are_kept_in_utc() -> None:
    window = parse_window(now=NOW, since="2026-02-01T00:00:00+02:00", until="2026-02-11T00:00:00Z")
    assert (window.since, window.until, window.ends_now) == (
        datetime(2026, 1, 31, 22, tzinfo=UTC),
        datetime(2026, 2, 11, tzinfo=UTC),
        False,
    )


def test_the_window_before_own_borders_is_as_long_and_ends_where_it_begins() -> None:
    window = parse_window(now=NOW, since="2026-02-11T00:00:00Z", until="2026-02-21T00:00:00Z")
    assert window.previous_since == datetime(2026, 2, 1, tzinfo=UTC)


def test_twelve_months_begin_with_a_local_month_eleven_before_the_present_one() -> None:
    window = parse_window(now=NOW, window="12mo", tz="America/New_York")
    assert (window.since, window.previous_since) == (
        datetime(2025, 4, 1, 4, tzinfo=UTC),
        datetime(2024, 4, 1, 4, tzinfo=UTC),
    )


def test_a_leap_day_does_not_break_twelve_months() -> None:
    window = parse_window(now=datetime(2028, 2, 29, 12, tzinfo=UTC), window="12mo")
    assert window.since == datetime(2027, 3, 1, tzinfo=UTC)


def test_a_border_between_two_milliseconds_takes_the_later_one() -> None:
    window = parse_window(now=NOW + timedelta(microseconds=1), window="24h")
    assert window.until_ms == round(NOW.timestamp()) * 1_000 + 1


@pytest.mark.parametrize(
    ("name", "unit"),
    [
        ("24h", Unit.HOUR),
        ("7d", Unit.DAY),
        ("30d", Unit.DAY),
        ("90d", Unit.WEEK),
        ("12mo", Unit.MONTH),
    ],
)
def test_buckets_suit_the_window(name: str, unit: Unit) -> None:
    assert parse_window(now=NOW, window=name).unit is unit


def test_a_window_with_a_fixed_end_never_moves() -> None:
    window = parse_window(now=NOW, since="2026-01-01T00:00:00Z", until="2026-02-01T00:00:00Z")
    assert window_end_change(window) is None


def test_a_window_that_ends_now_moves_on_with_its_next_bucket() -> None:
    assert window_end_change(parse_window(now=NOW, window="7d")) == datetime(2026, 3, 3, tzinfo=UTC)


@given(
    now=st.datetimes(datetime(1975, 1, 1), datetime(2100, 1, 1)),  # noqa: DTZ001 - made UTC below
    name=st.sampled_from(list(WINDOWS)),
    zone=st.sampled_from(
        ["UTC", "Europe/Berlin", "Australia/Lord_Howe", "Pacific/Apia", "Africa/Casablanca"]
    ),
)
def test_a_window_lies_behind_the_one_before_it_and_before_now(now: datetime, name: str, zone: str) -> None:
    window: Window = parse_window(now=now.replace(tzinfo=UTC), window=name, tz=zone)
    assert window.previous_since < window.since < window.until
