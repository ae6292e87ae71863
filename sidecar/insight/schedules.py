"""Schedules in time: next, last and missed fires.

Fire times are local: one that does not exist is skipped, a doubled one fires
twice. croniter matches fields on a plain local clock; here that clock runs
through one stretch of constant offset after the other, which gives just that.
"""

import itertools
from bisect import bisect_left
from collections.abc import Collection, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

import msgspec
from croniter import CroniterBadDateError, croniter

from sidecar.insight.civil import ceil_ms, ceil_second, first_change, from_ms, last_change, offset_at
from sidecar.insight.cron_text import Cron, ScheduleText, parse_schedule
from sidecar.insight.digest import ProjectRuns
from sidecar.insight.past_fires import PastFires
from sidecar.model import HistoryState, Schedule

TOLERANCE: Final = timedelta(minutes=10)
"""How far a run may be from its fire time, and how late it must be to be missed."""
MOST_FIRES: Final = 1_000
"""At most so many fire times are looked at for missed runs, the latest ones."""
LATEST_MISSED: Final = 10
"""How many missed fire times are named."""
_SECOND: Final = timedelta(seconds=1)
_SEARCH_YEARS: Final = 5
"""Argo's scheduler gives up there; so a 30 February never fires."""


class Missed(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Fire times without a run."""

    number: int
    """Since the text was first seen unsuspended, as far back as runs are kept."""
    at_least: bool
    """Only the latest :data:`MOST_FIRES` fire times were looked at; there may be more."""
    latest: tuple[datetime, ...]
    """At most :data:`LATEST_MISSED`, newest first, UTC; of ``@every`` when the next run was due."""


class ScheduleFigures(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What a schedule did and will do."""

    experiment_id: str
    cron_syntax: str
    """The text as written."""
    is_valid: bool
    """Whether Argo's scheduler accepts it; if not, it never fires."""
    zone: str | None
    """IANA name; ``None`` when the text is not valid."""
    zone_assumed: bool
    """Nothing names a zone: UTC is assumed."""
    suspended: bool
    next_fire_at: datetime | None
    """``None`` while suspended, when not valid, or when it never fires."""
    next_fire_estimated: bool
    """``@every`` counts from when the scheduler started: last run (or first seen) plus the delay."""
    last_fire_at: datetime | None
    """Latest fire time up to now; ``None`` for ``@every``, while suspended, or before first seen so."""
    last_run_at_ms: int | None
    """Creation of the experiment's last run, by the schedule or by hand."""
    missed: Missed | None
    """``None`` where that cannot be told: suspended, not valid, history incomplete."""

    @property
    def last_missed_at(self) -> datetime | None:
        """The latest fire time without a run; ``None``: there is none, or it cannot be told."""
        return self.missed.latest[0] if self.missed is not None and self.missed.latest else None

    @property
    def is_overdue(self) -> bool | None:
        """Whether no run came since the latest miss, by the schedule or by hand; ``None``: cannot be told."""
        if self.missed is None:
            return None
        missed_at = self.last_missed_at
        return missed_at is not None and (
            self.last_run_at_ms is None or from_ms(self.last_run_at_ms) < missed_at
        )


class SchedulesSummary(msgspec.Struct, frozen=True, kw_only=True):
    """What several schedules come to; suspended and invalid ones do nothing, so they miss nothing."""

    next_fire_at: datetime | None
    """Of the one that fires first; ``None``: none will."""
    missed: int | None
    """Fire times without a run; ``None`` while the history is incomplete."""
    overdue: int | None
    """Schedules without a run since their latest miss; ``None`` likewise."""
    last_missed_at: datetime | None
    """The latest miss of any; ``None``: none is known."""


def next_fires(text: ScheduleText, since: datetime) -> Iterator[datetime]:
    """Yield the fire times from ``since`` on, ascending, without end; none for ``@every``."""
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


def last_fires(text: ScheduleText, until: datetime) -> Iterator[datetime]:
    """Yield the fire times before ``until``, descending, without end; none for ``@every``."""
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


def fires_between(text: ScheduleText, since: datetime, until: datetime, limit: int) -> tuple[datetime, ...]:
    """Return the fire times in ``[since, until)``, ascending, the first ``limit`` of them."""
    fires = itertools.takewhile(lambda fire: fire < until, next_fires(text, since))
    return tuple(itertools.islice(fires, limit))


def schedule_figures(
    schedule: Schedule, runs: ProjectRuns, state: HistoryState, now: datetime, *, retention: timedelta | None
) -> ScheduleFigures:
    """Return what the schedule did since we first saw its text unsuspended, and will do.

    ``retention`` is how far back runs are kept, ``None`` for ever: of fire
    times before nobody can tell whether they had a run.
    """
    text = parse_schedule(schedule.cron_syntax, schedule.timezone)
    last_run = _last_run(schedule, runs)
    active = None if schedule.suspended else text
    judged = _judged(schedule, state, now, retention)
    return ScheduleFigures(
        experiment_id=schedule.experiment_id,
        cron_syntax=schedule.cron_syntax,
        is_valid=text is not None,
        zone=text.zone if text else None,
        zone_assumed=text is not None and text.zone_assumed,
        suspended=schedule.suspended,
        next_fire_at=_next_fire(active, schedule, last_run, now) if active else None,
        next_fire_estimated=active is not None and not isinstance(active.rule, Cron),
        last_fire_at=_last_fire(active, schedule, now) if active else None,
        last_run_at_ms=last_run,
        missed=_missed(active, schedule.experiment_id, runs, judged, now) if active and judged else None,
    )


def summarise_schedules(figures: Collection[ScheduleFigures], state: HistoryState) -> SchedulesSummary:
    """Return what the schedules of a project, or of a part of it, come to."""
    is_told = state.is_complete and state.synced_at is not None
    missed_at = [one.last_missed_at for one in figures if one.last_missed_at is not None]
    return SchedulesSummary(
        next_fire_at=min((one.next_fire_at for one in figures if one.next_fire_at is not None), default=None),
        missed=sum(one.missed.number for one in figures if one.missed is not None) if is_told else None,
        overdue=sum(bool(one.is_overdue) for one in figures) if is_told else None,
        last_missed_at=max(missed_at, default=None),
    )


def next_schedule_change(schedule: Schedule, now: datetime) -> datetime | None:
    """Return when the schedule's figures next change by time alone; ``None``: never.

    That is the next fire, or the end of the tolerance of one that was.
    """
    text = None if schedule.suspended else parse_schedule(schedule.cron_syntax, schedule.timezone)
    if text is None:
        return None
    pending = next(next_fires(text, now - TOLERANCE), None)
    if pending is None or pending > now:
        return pending
    due = next((fire for fire in next_fires(text, pending) if fire > now), None)
    late = pending + TOLERANCE + _SECOND
    return late if due is None else min(due, late)


def _next_fire(
    text: ScheduleText, schedule: Schedule, last_run_ms: int | None, now: datetime
) -> datetime | None:
    if isinstance(text.rule, Cron):
        return next((fire for fire in next_fires(text, now) if fire > now), None)
    since = schedule.since if last_run_ms is None else max(schedule.since, from_ms(last_run_ms))
    return since + timedelta(seconds=text.rule.seconds)


def _last_fire(text: ScheduleText, schedule: Schedule, now: datetime) -> datetime | None:
    fire = next(last_fires(text, now + timedelta(microseconds=1)), None)
    return fire if fire is not None and fire >= schedule.since else None


def _last_run(schedule: Schedule, runs: ProjectRuns) -> int | None:
    index = runs.index_of(schedule.experiment_id)
    return None if index is None else runs.experiments[index].last_run_at_ms


def _judged(
    schedule: Schedule, state: HistoryState, now: datetime, retention: timedelta | None
) -> tuple[datetime, datetime] | None:
    """Return between which fire times it can be told whether a run came; ``None``: of none."""
    if not state.is_complete or state.synced_at is None:
        return None
    # A run that came early by the tolerance must still be kept.
    since = schedule.since if retention is None else max(schedule.since, now - retention + TOLERANCE)
    # What was not read from Litmus yet cannot be called missing.
    return since, min(now, state.synced_at) - TOLERANCE


def _missed(
    text: ScheduleText,
    experiment_id: str,
    runs: ProjectRuns,
    judged: tuple[datetime, datetime],
    now: datetime,
) -> Missed:
    since, until = judged
    created = runs.created_of(experiment_id, ceil_ms(since - TOLERANCE), ceil_ms(now + TOLERANCE))
    if not isinstance(text.rule, Cron):
        return _missed_delays(timedelta(seconds=text.rule.seconds), since, created, until)
    fires = _PAST.between(text, since, until)
    missed = fires[:MOST_FIRES]
    if created:
        missed = [fire for fire in missed if not _has_run_near(created, fire)]
    return Missed(number=len(missed), at_least=len(fires) > MOST_FIRES, latest=tuple(missed[:LATEST_MISSED]))


def _has_run_near(created: Sequence[int], fire: datetime) -> bool:
    """Tell whether a run was created within the tolerance, before (clocks differ) or after."""
    position = bisect_left(created, ceil_ms(fire - TOLERANCE))
    return position < len(created) and created[position] <= ceil_ms(fire + TOLERANCE)


def _missed_delays(
    delay: timedelta, since: datetime, created: Sequence[int], judged_until: datetime
) -> Missed:
    """Each stretch without a run that is longer than delay and tolerance is one miss."""
    known = [run for run in map(from_ms, created) if run >= since]
    starts = [since, *known]
    ends = [*known, judged_until + TOLERANCE]
    gaps = zip(starts, ends, strict=True)
    missed = [start + delay for start, end in gaps if end - start > delay + TOLERANCE]
    missed.reverse()
    return Missed(number=len(missed), at_least=False, latest=tuple(missed[:LATEST_MISSED]))


_PAST: Final = PastFires(before=last_fires, following=next_fires, at_most=MOST_FIRES + 1)


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
