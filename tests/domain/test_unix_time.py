"""Instants and Unix milliseconds say the same, exactly, and none lies beyond the calendar."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from sidecar.domain.unix_time import ceil_ms, from_ms, to_ms

MICROSECOND = timedelta(microseconds=1)
instants = st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30), timezones=st.just(UTC))  # noqa: DTZ001 - gets one


@given(instants)
def test_milliseconds_are_those_that_have_begun_or_the_next_ones(instant: datetime) -> None:
    assert from_ms(to_ms(instant)) <= instant <= from_ms(ceil_ms(instant))
    assert ceil_ms(instant) - to_ms(instant) == bool(instant.microsecond % 1000)


@given(instants)
def test_whole_milliseconds_come_back_as_they_were(instant: datetime) -> None:
    whole = instant.replace(microsecond=instant.microsecond // 1000 * 1000)
    assert from_ms(to_ms(whole)) == whole
    assert to_ms(whole) == ceil_ms(whole) == to_ms(whole - MICROSECOND) + 1


def test_a_moment_of_another_release_beyond_every_calendar_is_the_nearest_that_every_zone_can_show() -> None:
    moments = [from_ms(-(2**62)), from_ms(2**62)]
    assert [one.year for one in moments] == [1, 9999]
    assert all(one.astimezone(ZoneInfo(zone)) for one in moments for zone in ("Pacific/Apia", "Etc/GMT+12"))


def test_no_milliseconds_are_no_instant() -> None:
    assert from_ms(None) is None
