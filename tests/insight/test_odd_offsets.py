"""Schedules over changes of clocks that are not of whole hours, against robfig/cron itself."""

from datetime import datetime, timedelta
from pathlib import Path

import pytest

from sidecar.insight.cron_text import ScheduleText, parse_schedule
from sidecar.insight.fire_times import last_fires, next_fires

GOLDEN = [
    line.split("|")
    for line in (Path(__file__).parent / "golden" / "robfig_odd_changes.txt").read_text().splitlines()
    if not line.startswith("#")
]


def instant(text: str) -> datetime:
    return datetime.fromisoformat(text.strip())


def parsed(text: str, zone: str) -> ScheduleText:
    found = parse_schedule(text.strip(), zone.strip())
    assert found is not None
    return found


def ascending(text: ScheduleText, since: datetime, until: datetime) -> list[datetime]:
    found = []
    for fire in next_fires(text, since):
        if fire >= until:
            break
        found.append(fire)
    return found


def descending(text: ScheduleText, since: datetime, until: datetime) -> list[datetime]:
    found = []
    for fire in last_fires(text, until):
        if fire < since:
            break
        found.append(fire)
    return found


@pytest.mark.parametrize(
    ("text", "zone", "since", "until", "fires"), GOLDEN, ids=lambda part: part.strip()[:30]
)
def test_fires_are_those_of_the_scheduler_in_both_directions(
    text: str, zone: str, since: str, until: str, fires: str
) -> None:
    schedule, start, end = parsed(text, zone), instant(since), instant(until)
    expected = [instant(f"{start.year}-{fire}Z") for fire in fires.split()]

    assert ascending(schedule, start, end) == expected
    assert descending(schedule, start, end) == expected[::-1]


@pytest.mark.parametrize("zone", ["Australia/Lord_Howe"])
@pytest.mark.parametrize("text", ["0 0 * * *", "45 1 * * *", "0 22 * * *"])
def test_wherever_one_begins_to_look_the_fires_are_the_same(text: str, zone: str) -> None:
    schedule, end = parsed(text, zone), instant("2026-04-12T00:00:00Z")
    whole = ascending(schedule, instant("2026-04-02T00:00:00Z"), end)
    for hours in range(0, 240, 3):
        since = instant("2026-04-02T00:00:00Z") + timedelta(hours=hours)
        assert ascending(schedule, since, end) == [fire for fire in whole if fire >= since]
        assert descending(schedule, whole[0], since) == [fire for fire in whole if fire < since][::-1]


def test_a_midnight_after_the_change_is_lost() -> None:
    lost = instant("2026-04-05T13:30Z")
    schedule = parsed("0 0 * * *", "Australia/Lord_Howe")
    assert lost not in ascending(schedule, instant("2026-04-02T00:00Z"), instant("2026-04-08T00:00Z"))
