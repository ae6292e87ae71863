"""Schedules in time: next and last fires, those that were missed, and those skipped on purpose."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Final

import msgspec

from sidecar.domain.model import Concurrency, Schedule
from sidecar.domain.runs import HistoryState
from sidecar.domain.unix_time import ceil_ms, from_ms
from sidecar.insight.cron_text import Cron, ScheduleText, names_two_zones, parse_schedule
from sidecar.insight.digest import ProjectRuns
from sidecar.insight.fire_outcomes import LONGEST_RUN, TOLERANCE, FireOutcome, RunSpans
from sidecar.insight.fire_times import last_fires, next_fires
from sidecar.insight.near_fire_times import NearFireTimes
from sidecar.insight.past_fire_times import PastFires

MOST_FIRES: Final = 1_000
"""At most so many fire times are looked at for missed runs, the latest ones."""
LATEST_MISSED: Final = 10
"""How many missed fire times are named."""
_SECOND: Final = timedelta(seconds=1)


class Missed(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Fire times without a run, of one kind: missed, or skipped on purpose."""

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
    names_two_zones: bool = False
    """Whether it is not valid because both the text and ``spec.timezone`` name a zone."""
    zone: str | None
    """IANA name; ``None`` when the text is not valid."""
    zone_assumed: bool
    """Nothing names a zone: UTC is assumed."""
    suspended: bool
    concurrency: Concurrency | None = None
    """``None``: not read yet."""
    starting_deadline_seconds: int | None = None
    """``None``: not given, or not read yet."""
    never_started: bool | None = None
    """Saved in Litmus, with no run and no start seen: nothing fires. ``None``: not looked at yet."""
    next_fire_at: datetime | None
    """``None`` while suspended or never started, when not valid, or when it never fires."""
    next_fire_estimated: bool
    """``@every`` counts from when the scheduler started: last run (or first seen) plus the delay."""
    last_fire_at: datetime | None
    """Latest fire time up to now; ``None`` for ``@every``, while it cannot fire, or before first seen so."""
    last_run_at_ms: int | None
    """Creation of the experiment's last run, by the schedule or by hand."""
    missed: Missed | None
    """``None`` where that cannot be told: suspended, never started, not valid, history incomplete."""
    skipped: Missed | None = None
    """Fire times passed over on purpose, during a run under ``Forbid``; ``None`` likewise."""

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


def schedule_figures(
    schedule: Schedule, runs: ProjectRuns, state: HistoryState, now: datetime, *, retention: timedelta | None
) -> ScheduleFigures:
    """Return what the schedule did since we first saw its text unsuspended, and will do.

    ``retention`` is how far back runs are kept, ``None`` for ever: of fire
    times before nobody can tell whether they had a run.
    """
    text = parse_schedule(schedule.cron_syntax, schedule.timezone)
    last_run = _last_run(schedule, runs)
    active = text if schedule.can_fire else None
    judged = _judged(schedule, state, now, retention)
    missed, skipped = None, None
    if active is not None and judged is not None:
        missed, skipped = _without_run(active, schedule, runs, judged, now)
    return ScheduleFigures(
        experiment_id=schedule.experiment_id,
        cron_syntax=schedule.cron_syntax,
        is_valid=text is not None,
        names_two_zones=names_two_zones(schedule.cron_syntax, schedule.timezone),
        zone=text.zone if text else None,
        zone_assumed=text is not None and text.zone_assumed,
        suspended=schedule.suspended,
        concurrency=schedule.concurrency,
        starting_deadline_seconds=schedule.starting_deadline_seconds,
        never_started=None if schedule.started is None else not schedule.started,
        next_fire_at=_next_fire(active, schedule, last_run, now) if active else None,
        next_fire_estimated=active is not None and not isinstance(active.rule, Cron),
        last_fire_at=_last_fire(active, schedule, now) if active else None,
        last_run_at_ms=last_run,
        missed=missed,
        skipped=skipped,
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
    text = parse_schedule(schedule.cron_syntax, schedule.timezone) if schedule.can_fire else None
    if text is None:
        return None
    near = _NEAR.around(text, now)
    if near.last is None or near.last < now - TOLERANCE:
        return near.next
    pending = next(next_fires(text, now - TOLERANCE), near.last)
    late = pending + TOLERANCE + _SECOND
    return late if near.next is None else min(near.next, late)


def _next_fire(
    text: ScheduleText, schedule: Schedule, last_run_ms: int | None, now: datetime
) -> datetime | None:
    if isinstance(text.rule, Cron):
        return _NEAR.around(text, now).next
    since = schedule.since if last_run_ms is None else max(schedule.since, from_ms(last_run_ms))
    return since + timedelta(seconds=text.rule.seconds)


def _last_fire(text: ScheduleText, schedule: Schedule, now: datetime) -> datetime | None:
    fire = _NEAR.around(text, now).last
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


def _without_run(
    text: ScheduleText,
    schedule: Schedule,
    runs: ProjectRuns,
    judged: tuple[datetime, datetime],
    now: datetime,
) -> tuple[Missed, Missed]:
    """Return the fire times that were missed, and those that were skipped."""
    since, until = judged
    begin, end = ceil_ms(since - LONGEST_RUN), ceil_ms(now + TOLERANCE)
    spans = runs.spans_of(schedule.experiment_id, begin, end)
    known = RunSpans(spans if schedule.skips_overlaps else [(created, created) for created, _ in spans])
    if not isinstance(text.rule, Cron):
        return _delays_without_run(timedelta(seconds=text.rule.seconds), since, known, until)
    fires = _PAST.between(text, since, until)
    missed, skipped = [], []
    for fire in fires[:MOST_FIRES]:
        match known.outcome_of(fire):
            case FireOutcome.MISSED:
                missed.append(fire)
            case FireOutcome.SKIPPED:
                skipped.append(fire)
            case FireOutcome.RAN:
                pass
    at_least = len(fires) > MOST_FIRES
    return _as_missed(missed, at_least=at_least), _as_missed(skipped, at_least=at_least)


def _delays_without_run(
    delay: timedelta, since: datetime, known: RunSpans, judged_until: datetime
) -> tuple[Missed, Missed]:
    """Each stretch without a run that is longer than delay and tolerance is one miss.

    Where a run went on for longer than the delay, the scheduler passed it over
    and the next delay counts from the run's end.
    """
    missed, skipped = [], []
    last = judged_until + TOLERANCE
    for start, ended, following in known.gaps(since, last):
        if following - start <= delay + TOLERANCE:
            continue
        free = max(start, min(ended, last))
        if free - start >= delay:
            skipped.append(start + delay)
        if following - free > delay + TOLERANCE:
            missed.append(free + delay)
    return _as_missed(missed[::-1]), _as_missed(skipped[::-1])


def _as_missed(fires: Sequence[datetime], *, at_least: bool = False) -> Missed:
    return Missed(number=len(fires), at_least=at_least, latest=tuple(fires[:LATEST_MISSED]))


_PAST: Final = PastFires(before=last_fires, following=next_fires, at_most=MOST_FIRES + 1)
_NEAR: Final = NearFireTimes(before=last_fires, following=next_fires)
