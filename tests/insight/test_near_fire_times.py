"""Fire times next to an instant are those that there are, whatever was asked before."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from sidecar.insight.cron_text import ScheduleText, parse_schedule
from sidecar.insight.fire_times import last_fires, next_fires
from sidecar.insight.near_fire_times import NearFires, NearFireTimes
from tests.support.builders import NOW

TEXTS = ("*/30 * * * *", "30 2 * * *", "0 0 30 2 *", "45 1 29 * *", "@every 1h")
ASKED = st.tuples(st.sampled_from(TEXTS), st.integers(-600, 600), st.integers(-1, 1))


def parsed(text: str) -> ScheduleText:
    found = parse_schedule(text, "Europe/Berlin")
    assert found is not None
    return found


@given(asked=st.lists(ASKED, max_size=8))
def test_they_are_those_that_are_found_anew(asked: list[tuple[str, int, int]]) -> None:
    near = NearFireTimes(before=last_fires, following=next_fires)
    for text, quarters, microseconds in asked:
        now = NOW.replace(minute=0, second=0) + timedelta(minutes=15 * quarters, microseconds=microseconds)
        up_to = next(last_fires(parsed(text), now + timedelta.resolution), None)
        after = next((fire for fire in next_fires(parsed(text), now) if fire > now), None)
        assert near.around(parsed(text), now) == NearFires(last=up_to, next=after)


def test_what_is_known_is_not_looked_for_again() -> None:
    found: list[datetime] = []

    def following(text: ScheduleText, since: datetime) -> Iterator[datetime]:
        found.append(since)
        return next_fires(text, since)

    near = NearFireTimes(before=last_fires, following=following)
    text, begun = parsed("0 * * * *"), NOW.replace(minute=0, second=0)
    for minutes in range(60):
        near.around(text, begun + timedelta(minutes=minutes))
    assert found == [begun]
    near.around(text, begun + timedelta(hours=1))
    assert found == [begun, begun + timedelta(hours=1)]
