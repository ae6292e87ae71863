"""Shapes that several answers share."""

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta

import msgspec

from sidecar.domain.catalog import Entity
from sidecar.domain.freshness import as_of, is_stale
from sidecar.domain.model import LANE_OF_SECTION, Lane, Section, Snapshot
from sidecar.domain.runs import UNFINISHED, HistoryState, Outcome, Run
from sidecar.domain.unix_time import from_ms
from sidecar.http.answers.times import rfc3339
from sidecar.insight.links import LitmusLinks
from sidecar.insight.narrowing import narrowing_of
from sidecar.insight.running import RunningRun
from sidecar.insight.scores import ScoreNow, ScoreStats, WindowFigures
from sidecar.insight.trends import Bucket
from sidecar.insight.windows import Window


class ErrorShape(msgspec.Struct, frozen=True, kw_only=True):
    """Why the last attempt to read something failed."""

    code: str
    message: str


class SectionShape(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """How fresh one part of a project is."""

    as_of: str | None
    """Last success; ``null`` before the first."""
    error: ErrorShape | None
    """``null`` when the last attempt succeeded; else the data shown is the last good one."""
    planned_interval_seconds: float
    """After how long it is read again; older than twice that is stale."""


class WindowShape(msgspec.Struct, frozen=True, kw_only=True):
    """The time that figures are about, half-open."""

    name: str | None
    """One of :data:`insight.windows.WINDOWS`; ``null`` for one given by its borders."""
    since: str
    until: str
    tz: str


class ScoreShape(msgspec.Struct, frozen=True, kw_only=True):
    """Scores of the scored runs of a window: passed, probe_failed or error, with a score."""

    mean: float | None
    """``null`` without a scored run, never 0; so are ``median`` and ``worst``."""
    median: float | None
    worst: float | None
    number: int
    change: float | None
    """Points of the mean against the window before; ``null`` if either has no scored run."""
    previous: float | None
    """Mean of the window before."""


class ScoreNowShape(msgspec.Struct, frozen=True, kw_only=True):
    """Mean over experiments of each one's latest scored run."""

    score: float | None
    number: int
    """Of how many experiments."""


class BucketShape(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One stretch of a trend."""

    since: str
    until: str
    mean_score: float | None
    scored: int
    outcomes: dict[str, int]


class FaultsShape(msgspec.Struct, frozen=True, kw_only=True):
    """How a run's faults ended."""

    passed: int
    failed: int
    awaited: int
    stopped: int
    na: int
    total: int


class RunShape(msgspec.Struct, frozen=True, kw_only=True, rename="camel", gc=False):
    """One run of the history."""

    experiment_id: str = msgspec.field(name="experimentID")
    experiment_name: str
    experiment_run_id: str = msgspec.field(name="experimentRunID")
    """``""`` until the agent's first event."""
    phase: str
    """As Litmus wrote it."""
    outcome: str
    resiliency_score: float | None
    """``null`` unless the run is scored: Litmus's 0 of a stopped or unfinished run is a placeholder."""
    created_at: str
    updated_at: str
    run_sequence: int | None
    started_by: str | None
    """``null`` for a schedule, or where Litmus does not say."""
    faults: FaultsShape | None
    """``null`` until finished."""
    removed: bool
    """Deleted in Litmus since."""
    link: str


class RunningRunShape(msgspec.Struct, frozen=True, kw_only=True, rename="camel", gc=False):
    """A run that is running or waiting."""

    experiment_id: str = msgspec.field(name="experimentID")
    experiment_name: str
    experiment_run_id: str = msgspec.field(name="experimentRunID")
    phase: str
    outcome: str
    started_at: str
    changed_at: str
    started_by: str | None
    infra_id: str | None = msgspec.field(name="infraID")
    infra_name: str | None
    environment_id: str | None = msgspec.field(name="environmentID")
    environment_name: str | None
    stuck: bool
    """Unchanged for an hour: Litmus leaves some runs queued for good."""
    link: str


class HistoryShape(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """How far the kept history reaches."""

    is_complete: bool
    """Whether everything that Litmus had was read; before, figures may miss older runs."""
    synced_at: str | None
    first_synced_at: str | None


class NarrowingShape(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What part of the project belongs to the entity."""

    experiment_tags: tuple[str, ...]
    infra_ids: tuple[str, ...] = msgspec.field(name="infraIDs")


def window_shape(window: Window) -> WindowShape:
    """Return the window as served."""
    return WindowShape(
        name=window.name, since=rfc3339(window.since), until=rfc3339(window.until), tz=window.zone
    )


def score_shape(figures: WindowFigures) -> ScoreShape:
    """Return a window's score as served."""
    score: ScoreStats = figures.score
    return ScoreShape(
        mean=rounded(score.mean),
        median=rounded(score.median),
        worst=rounded(score.worst),
        number=score.number,
        change=rounded(figures.change),
        previous=rounded(figures.previous.mean),
    )


def score_now_shape(score: ScoreNow) -> ScoreNowShape:
    """Return the score now as served."""
    return ScoreNowShape(score=rounded(score.score), number=score.number)


def outcomes_shape(outcomes: Mapping[Outcome, int]) -> dict[str, int]:
    """Return runs by outcome, every outcome named."""
    return {outcome.value: outcomes.get(outcome, 0) for outcome in Outcome}


def bucket_shape(bucket: Bucket) -> BucketShape:
    """Return one bucket of a trend as served."""
    return BucketShape(
        since=rfc3339(bucket.since),
        until=rfc3339(bucket.until),
        mean_score=rounded(bucket.mean_score),
        scored=bucket.scored,
        outcomes=outcomes_shape(bucket.outcomes),
    )


def run_shape(run: Run, links: LitmusLinks) -> RunShape:
    """Return a run as served."""
    faults = run.faults
    return RunShape(
        experiment_id=run.experiment_id,
        experiment_name=run.experiment_name,
        experiment_run_id=run.experiment_run_id,
        phase=run.phase,
        outcome=run.outcome.value,
        resiliency_score=run.resiliency_score if run.is_scored else None,
        created_at=rfc3339(from_ms(run.created_at_ms)),
        updated_at=rfc3339(from_ms(run.updated_at_ms)),
        run_sequence=run.run_sequence,
        started_by=run.updated_by or None,
        faults=msgspec.convert(faults, FaultsShape, from_attributes=True)
        if faults is not None and run.outcome not in UNFINISHED
        else None,
        removed=run.removed,
        link=links.run(run.experiment_id, run.experiment_run_id),
    )


def running_run_shape(run: RunningRun, links: LitmusLinks) -> RunningRunShape:
    """Return a run in progress as served."""
    return RunningRunShape(
        experiment_id=run.experiment_id,
        experiment_name=run.experiment_name,
        experiment_run_id=run.experiment_run_id,
        phase=run.phase,
        outcome=run.outcome.value,
        started_at=rfc3339(run.started_at),
        changed_at=rfc3339(run.changed_at),
        started_by=run.started_by,
        infra_id=run.infra_id,
        infra_name=run.infra_name,
        environment_id=run.environment_id,
        environment_name=run.environment_name,
        stuck=run.stuck,
        link=links.run(run.experiment_id, run.experiment_run_id),
    )


def history_shape(state: HistoryState) -> HistoryShape:
    """Return how far the history reaches."""
    return HistoryShape(
        is_complete=state.is_complete,
        synced_at=rfc3339(state.synced_at),
        first_synced_at=rfc3339(state.first_synced_at),
    )


def narrowing_shape(entity: Entity) -> NarrowingShape | None:
    """Return what the entity is narrowed to; ``None``: it is its whole project."""
    narrowing = narrowing_of(entity)
    if narrowing is None:
        return None
    return NarrowingShape(experiment_tags=narrowing.experiment_tags, infra_ids=narrowing.infra_ids)


def section_shapes(
    snapshot: Snapshot | None, sections: Collection[Section], age: "Age"
) -> dict[str, SectionShape]:
    """Return how fresh each of the sections is."""
    shapes = {}
    for section in sections:
        freshness = snapshot.freshness.get(section) if snapshot else None
        error = freshness.error if freshness else None
        shapes[section.value] = SectionShape(
            as_of=rfc3339(freshness.succeeded_at) if freshness else None,
            error=ErrorShape(code=error.code, message=error.message) if error else None,
            planned_interval_seconds=age.intervals[LANE_OF_SECTION[section]].total_seconds(),
        )
    return shapes


class Age(msgspec.Struct, frozen=True, kw_only=True):
    """How fresh the data of an answer is."""

    as_of: datetime | None
    """Oldest last success of the sections used; ``None`` before the first."""
    stale: bool
    intervals: Mapping[Lane, timedelta] = {}
    """After how long each lane is read again; empty for several projects together."""


def age_of(
    snapshot: Snapshot | None,
    sections: Collection[Section],
    intervals: Mapping[Lane, timedelta],
    now: datetime,
) -> Age:
    """Return how fresh these sections of a project are; stale without any data."""
    if snapshot is None:
        return Age(as_of=None, stale=True, intervals=intervals)
    return Age(
        as_of=as_of(snapshot, sections, intervals, now),
        stale=is_stale(snapshot, sections, intervals, now),
        intervals=intervals,
    )


def rounded(figure: float | None) -> float | None:
    """Return a figure with two decimals, as Litmus gives scores; ``None`` stays ``None``."""
    return None if figure is None else round(figure, 2)
