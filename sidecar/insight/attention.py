"""Coverage and decay: what is not tested, not any more, or not as good as it was.

An experiment that was deleted in Litmus needs no attention. While the history
is incomplete, nothing is said of runs that may only not have been read yet.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

import msgspec

from sidecar.domain.runs import HistoryState
from sidecar.domain.unix_time import from_ms
from sidecar.domain.words import counted
from sidecar.insight.digest import ExperimentRuns, ProjectRuns
from sidecar.insight.running import RunningRun
from sidecar.insight.schedules import ScheduleFigures


class AttentionKind(StrEnum):
    """Why an experiment needs attention, the most urgent first."""

    FAILING = "failing"
    SCORE_DROPPED = "scoreDropped"
    MISSED_RUNS = "missedRuns"
    STUCK = "stuck"
    NOT_RUN = "notRun"
    NEVER_RUN = "neverRun"


class Severity(StrEnum):
    """How urgent it is."""

    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


SEVERITY_OF: Final = {
    AttentionKind.FAILING: Severity.HIGH,
    AttentionKind.SCORE_DROPPED: Severity.HIGH,
    AttentionKind.MISSED_RUNS: Severity.MEDIUM,
    AttentionKind.STUCK: Severity.MEDIUM,
    AttentionKind.NOT_RUN: Severity.LOW,
    AttentionKind.NEVER_RUN: Severity.LOW,
}
_ORDER: Final = {kind: place for place, kind in enumerate(AttentionKind)}


class Thresholds(msgspec.Struct, frozen=True, kw_only=True):
    """From when on something needs attention (``litmusSidecar.attention``)."""

    not_run_days: int = 30
    score_drop: float = 10
    """Points; more than that is a drop."""
    failures_in_row: int = 3
    """That many are a row."""


class AttentionItem(msgspec.Struct, frozen=True, kw_only=True):
    """One thing about one experiment that somebody should look at."""

    kind: AttentionKind
    severity: Severity
    experiment_id: str
    experiment_name: str
    since: datetime | None
    """Since when it is so, UTC; ``None`` where that is not known."""
    sentence: str
    """For people; times in it are absolute, in UTC."""
    summary: str
    """What is so, in a few words beside the experiment's name and :attr:`points_lost`."""
    points_lost: float | None = None
    """By which the latest score is below the mean of those before; ``None``: it is not, or none is known."""
    last_seen_at: datetime | None
    """When it last showed, UTC: of failures in a row the last run; ``None`` where that is not known."""


def attention(
    runs: ProjectRuns,
    state: HistoryState,
    thresholds: Thresholds,
    now: datetime,
    *,
    running: Sequence[RunningRun] = (),
    schedules: Sequence[ScheduleFigures] = (),
) -> tuple[AttentionItem, ...]:
    """Return what needs attention, most urgent first, then what has been so for longest."""
    present = {one.experiment_id: one for one in runs.experiments if not one.removed}
    unstarted = {one.experiment_id for one in schedules if one.never_started}
    found = [
        *_of_experiments(present.values(), state, thresholds, now, unstarted),
        *_missed(present, schedules),
        *(_stuck(run) for run in running if run.stuck),
    ]
    return tuple(sorted(found, key=urgency))


def urgency(one: AttentionItem) -> tuple[int, float, str, str]:
    """Order of attention lists, also of those put together from several projects: what is new comes first."""
    age_key = 0.0 if one.since is None else -one.since.timestamp()
    return _ORDER[one.kind], age_key, one.experiment_name, one.experiment_id


def _of_experiments(
    experiments: Iterable[ExperimentRuns],
    state: HistoryState,
    thresholds: Thresholds,
    now: datetime,
    unstarted: Collection[str],
) -> Iterator[AttentionItem]:
    for one in experiments:
        if one.failing_since_ms is not None and one.failures_in_row >= thresholds.failures_in_row:
            since = from_ms(one.failing_since_ms)
            sentence = f"{one.name} failed {one.failures_in_row} times in a row since {_text(since)}."
            yield _item(
                AttentionKind.FAILING, one, since, sentence, f"failed {one.failures_in_row} times in a row"
            )
        latest, baseline = one.latest_score, one.baseline_score
        if latest is not None and baseline is not None and baseline - latest > thresholds.score_drop:
            since = from_ms(one.latest_scored_at_ms or 0)
            sentence = (
                f"The score of {one.name} dropped to {latest:g} % on {_text(since)}; "
                f"the runs before it had {baseline:.4g} % on average."
            )
            yield _item(AttentionKind.SCORE_DROPPED, one, since, sentence, f"to {latest:g} %")
        if not state.is_complete:
            continue
        if one.last_run_at_ms is None:
            why = " Its schedule was saved, not started in Litmus." if one.experiment_id in unstarted else ""
            sentence = f"{one.name} never ran.{why}"
            summary = "schedule saved, not started" if why else "never run"
            yield _item(AttentionKind.NEVER_RUN, one, one.first_seen_at, sentence, summary)
            continue
        last_run = from_ms(one.last_run_at_ms)
        if now - last_run > timedelta(days=thresholds.not_run_days):
            days = thresholds.not_run_days
            sentence = (
                f"{one.name} has not run for more than {days} days; its last run was {_text(last_run)}."
            )
            yield _item(AttentionKind.NOT_RUN, one, last_run, sentence, f"no run for more than {days} days")


def _missed(
    present: dict[str, ExperimentRuns], schedules: Sequence[ScheduleFigures]
) -> Iterator[AttentionItem]:
    for schedule in schedules:
        one, missed = present.get(schedule.experiment_id), schedule.missed
        if one is None or missed is None or not missed.latest:
            continue
        bound = "at least " if missed.at_least else ""
        sentence = (
            f"The schedule of {one.name} did not run {bound}{counted(missed.number, 'time')}, "
            f"last due {_text(missed.latest[0])}."
        )
        summary = f"missed {bound}{counted(missed.number, 'run')}"
        yield _item(AttentionKind.MISSED_RUNS, one, missed.latest[0], sentence, summary)


def _stuck(run: RunningRun) -> AttentionItem:
    since = _text(run.changed_at)
    return AttentionItem(
        kind=AttentionKind.STUCK,
        severity=SEVERITY_OF[AttentionKind.STUCK],
        experiment_id=run.experiment_id,
        experiment_name=run.experiment_name,
        since=run.changed_at,
        sentence=f"A run of {run.experiment_name} is {run.phase} and unchanged since {since}.",
        summary="run stuck",
        last_seen_at=run.changed_at,
    )


def _item(
    kind: AttentionKind, one: ExperimentRuns, since: datetime | None, sentence: str, summary: str
) -> AttentionItem:
    is_of_score = kind in {AttentionKind.FAILING, AttentionKind.SCORE_DROPPED}
    last_run_ms = one.last_run_at_ms if kind is AttentionKind.FAILING else None
    return AttentionItem(
        kind=kind,
        severity=SEVERITY_OF[kind],
        experiment_id=one.experiment_id,
        experiment_name=one.name,
        since=since,
        sentence=sentence,
        summary=summary,
        points_lost=_points_lost(one) if is_of_score else None,
        last_seen_at=since if last_run_ms is None else from_ms(last_run_ms),
    )


def _points_lost(one: ExperimentRuns) -> float | None:
    if one.latest_score is None or one.baseline_score is None:
        return None
    lost = round(one.baseline_score - one.latest_score, 2)
    return lost if lost > 0 else None


def _text(instant: datetime) -> str:
    return f"{instant:%Y-%m-%d %H:%M} UTC"
