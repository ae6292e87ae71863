"""Kept fire times are those that there are, whatever was asked before."""

import itertools
from collections.abc import Iterator
from datetime import datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from sidecar.insight.cron_text import ScheduleText, parse_schedule
from sidecar.insight.fire_times import last_fires, next_fires
from sidecar.insight.past_fire_times import PastFires
from tests.support.builders import NOW

AT_MOST = 5
TEXTS = ("*/30 * * * *", "30 2 * * *", "0 0 30 2 *", "45 1 29 * *")
SPANS = st.tuples(st.sampled_from(TEXTS), st.integers(0, 300), st.integers(0, 60))


def parsed(text: str) -> ScheduleText:
    found = parse_schedule(text, "Europe/Berlin")
    assert found is not None
    return found


class Counting:
    """Finds fire times, and counts how many were looked for."""

    def __init__(self) -> None:
        self.found = 0

    def before(self, text: ScheduleText, until: datetime) -> Iterator[datetime]:
        for fire in last_fires(text, until):
            self.found += 1
            yield fire


@given(asked=st.lists(SPANS, max_size=8))
def test_they_are_those_that_are_found_anew(asked: list[tuple[str, int, int]]) -> None:
    past = PastFires(before=last_fires, following=next_fires, at_most=AT_MOST)
    for text, hours, back in asked:
        until = NOW - timedelta(hours=back)
        since = until - timedelta(hours=hours)
        anew = itertools.takewhile(since.__le__, last_fires(parsed(text), until))
        assert list(past.between(parsed(text), since, until)) == list(itertools.islice(anew, AT_MOST))


def test_what_is_known_is_not_looked_for_again() -> None:
    counting = Counting()
    past = PastFires(before=counting.before, following=next_fires, at_most=100)
    text, since = parsed("30 2 * * *"), NOW - timedelta(days=30)
    past.between(text, since, NOW)
    once = counting.found
    for minutes in range(60):
        past.between(text, since + timedelta(minutes=minutes), NOW + timedelta(minutes=minutes))
    assert counting.found == once
    past.between(text, since, NOW + timedelta(days=1))
    assert counting.found <= once + 2
