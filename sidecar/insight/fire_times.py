"""Fire times of a schedule, forwards and backwards, as Argo's scheduler finds them.

They are local: one that does not exist is skipped, a doubled one fires twice.
croniter matches fields on a plain local clock; here that clock runs through
one stretch of constant offset after the other, which gives just that. Where
clocks change by other than whole hours the scheduler itself stumbles: see
``odd_offsets``.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from croniter import CroniterBadDateError, croniter

from sidecar.insight.civil_time import ceil_second, first_change, last_change, offset_at
from sidecar.insight.cron_text import Cron, ScheduleText
from sidecar.insight.odd_offsets import odd_stretches, stepped

_SECOND: Final = timedelta(seconds=1)
_SEARCH_YEARS: Final = 5
"""Argo's scheduler gives up there; so a 30 February never fires."""


def next_fires(text: ScheduleText, since: datetime) -> Iterator[datetime]:
    """Yield the fire times from ``since`` on, ascending, without end; none for ``@every``."""
    zone = ZoneInfo(text.zone)
    begun = since  # All before it were yielded.
    for fire in _plain_next(text, since):
        for start, end in odd_stretches(zone, begun, fire):
            yield from (odd for odd in _odd(text, start, end) if odd >= begun)
            begun = end
        if fire >= begun:
            yield fire
            begun = fire + _SECOND


def last_fires(text: ScheduleText, until: datetime) -> Iterator[datetime]:
    """Yield the fire times before ``until``, descending, without end; none for ``@every``."""
    zone = ZoneInfo(text.zone)
    ended = until  # All from it on were yielded.
    for fire in _plain_last(text, until):
        for start, end in reversed(odd_stretches(zone, fire, ended - timedelta.resolution)):
            yield from (odd for odd in reversed(_odd(text, start, end)) if odd < ended)
            ended = start
        if fire < ended:
            yield fire
            ended = fire


def _odd(text: ScheduleText, start: datetime, end: datetime) -> tuple[datetime, ...]:
    """Return the fire times within ``[start, end)`` as the scheduler steps on from the one before."""
    before = next(_plain_last(text, start), None)
    if before is None or not isinstance(text.rule, Cron) or text.rule.expression is None:
        return ()
    return stepped(text.rule.expression, ZoneInfo(text.zone), before, start, end)


def _plain_next(text: ScheduleText, since: datetime) -> Iterator[datetime]:
    """Yield the fire times from ``since`` on as if every change were of whole hours."""
    if not isinstance(text.rule, Cron) or text.rule.expression is None:
        return
    zone = ZoneInfo(text.zone)
    start = ceil_second(since)
    # The first search includes its start.
    search = start - _SECOND
    while True:
        offset = offset_at(zone, start)
        clock = _clock(text.rule.expression, search + offset)
        while (local := _next(clock)) is not None:
            candidate = local - offset
            change = first_change(zone, start, candidate)
            if change is not None:
                start, search = change, change - _SECOND
                break
            yield candidate
            start = candidate
        else:
            return


def _plain_last(text: ScheduleText, until: datetime) -> Iterator[datetime]:
    """Yield the fire times before ``until`` as if every change were of whole hours."""
    if not isinstance(text.rule, Cron) or text.rule.expression is None:
        return
    zone = ZoneInfo(text.zone)
    end = ceil_second(until)
    while True:
        offset = offset_at(zone, end - _SECOND)
        clock = _clock(text.rule.expression, end + offset)
        while (local := _previous(clock)) is not None:
            candidate = local - offset
            change = last_change(zone, candidate, end - _SECOND)
            if change is not None:
                end = change
                break
            yield candidate
            end = candidate
            if offset_at(zone, end - _SECOND) != offset:
                break  # it fired in the very second of the change
        else:
            return


def _clock(expression: str, local: datetime) -> croniter:
    return croniter(
        expression,
        local.replace(tzinfo=None),
        max_years_between_matches=_SEARCH_YEARS,
    )


def _next(clock: croniter) -> datetime | None:
    try:
        local = clock.get_next(datetime)
    except CroniterBadDateError:
        return None
    return local.replace(tzinfo=UTC)


def _previous(clock: croniter) -> datetime | None:
    try:
        local = clock.get_prev(datetime)
    except CroniterBadDateError:
        return None
    return local.replace(tzinfo=UTC)
