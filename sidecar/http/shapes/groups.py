"""What spans entities: the portfolio, what needs attention, what runs now."""

import msgspec

from sidecar.domain.unix_time import from_ms
from sidecar.http.answers.times import rfc3339
from sidecar.http.shapes.common import (
    BucketShape,
    RunningRunShape,
    ScoreNowShape,
    ScoreShape,
    WindowShape,
    bucket_shape,
    outcomes_shape,
    score_now_shape,
    score_shape,
)
from sidecar.http.shapes.grades import GradedItem
from sidecar.insight.links import LitmusLinks
from sidecar.insight.rollup import GroupFigures
from sidecar.insight.trends import Bucket


class GroupShape(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """An owner, a system or a domain, with all its entities' runs; each run counts once."""

    group: str | None
    """Full reference; ``null``: the entities that belong to none."""
    entities: tuple[str, ...]
    projects: int
    score_now: ScoreNowShape
    score: ScoreShape
    """Of the window."""
    runs_by_outcome: dict[str, int]
    total_runs: int
    last_run_at: str | None
    unfinished_runs: int
    trend: list[BucketShape]
    narrowed: bool
    """Whether an entity of it is only part of its project."""


class PortfolioShape(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Groups, worst score now first, those without a score last."""

    window: WindowShape
    group_by: str
    as_of: str | None
    stale: bool
    history_complete: bool
    """Whether every project's history was read whole."""
    groups: list[GroupShape]
    next_cursor: str | None


class AttentionShape(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One thing that somebody should look at."""

    kind: str
    severity: str
    """``high``, ``medium`` or ``low``: what kind of thing it is."""
    grade: str
    """``Urgent``, ``Soon`` or ``Later``, as on the pages: how soon somebody should look."""
    in_production: bool
    """Whether its experiment runs in production, or nobody knows where."""
    entities: tuple[str, ...]
    project_id: str = msgspec.field(name="projectID")
    instance: str
    experiment_id: str = msgspec.field(name="experimentID")
    experiment_name: str
    since: str | None
    sentence: str
    link: str


class AttentionListShape(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What needs attention, most urgent first."""

    as_of: str | None
    stale: bool
    attention: list[AttentionShape]
    next_cursor: str | None


class NowRunShape(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A run in progress, and whose it is."""

    entities: tuple[str, ...]
    project_id: str = msgspec.field(name="projectID")
    instance: str
    run: RunningRunShape


class NowShape(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What runs or waits now, longest first."""

    as_of: str | None
    stale: bool
    runs: list[NowRunShape]
    next_cursor: str | None


def group_shape(figures: GroupFigures, buckets: tuple[Bucket, ...]) -> GroupShape:
    """Return one group as served."""
    last_run = figures.last_run_at_ms
    return GroupShape(
        group=figures.group,
        entities=figures.entities,
        projects=len(figures.projects),
        score_now=score_now_shape(figures.score_now),
        score=score_shape(figures.window),
        runs_by_outcome=outcomes_shape(figures.window.outcomes),
        total_runs=figures.window.total,
        last_run_at=rfc3339(from_ms(last_run)),
        unfinished_runs=figures.unfinished,
        trend=[bucket_shape(bucket) for bucket in buckets],
        narrowed=figures.narrowed,
    )


def attention_shape(one: GradedItem, links: LitmusLinks) -> AttentionShape:
    """Return one thing that needs attention as served."""
    item, part = one.item, one.found.part
    return AttentionShape(
        kind=item.kind.value,
        severity=item.severity.value,
        grade=one.grade.value,
        in_production=one.in_production,
        entities=part.refs_of(item.experiment_id),
        project_id=part.project.project_id,
        instance=part.project.instance,
        experiment_id=item.experiment_id,
        experiment_name=item.experiment_name,
        since=rfc3339(item.since),
        sentence=item.sentence,
        link=links.runs(item.experiment_id),
    )
