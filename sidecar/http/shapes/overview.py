"""What the Overview card shows, and what a manager asks: scores and results of a window."""

import msgspec

from sidecar.domain.catalog import Entity
from sidecar.domain.model import Content, Section, Snapshot
from sidecar.domain.runs import Run
from sidecar.http.answers.times import rfc3339
from sidecar.http.shapes.claims import ClaimShape
from sidecar.http.shapes.common import (
    Age,
    BucketShape,
    HistoryShape,
    NarrowingShape,
    RunShape,
    ScoreNowShape,
    ScoreShape,
    SectionShape,
    WindowShape,
    bucket_shape,
    history_shape,
    narrowing_shape,
    outcomes_shape,
    run_shape,
    score_now_shape,
    score_shape,
    section_shapes,
    window_shape,
)
from sidecar.insight.digest_cache import Digest
from sidecar.insight.links import LitmusLinks
from sidecar.insight.narrowing import narrow_content, narrow_runs
from sidecar.insight.scores import (
    latest_scores,
    outcome_counts,
    score_now,
    summarise_window,
    window_figures,
)
from sidecar.insight.trends import trend
from sidecar.insight.windows import Window

OVERVIEW_SECTIONS = (
    Section.EXPERIMENTS,
    Section.RUN_STATS,
    Section.INFRASTRUCTURES,
    Section.HUBS,
    Section.GITOPS,
    Section.RUN_HISTORY,
)


class BasicStatsShape(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The four figures of the plugin's card; ``null`` where nothing is known."""

    git_ops: bool | None
    """``null`` where the token may not read it; only an Owner's may."""
    total_infrastructure: int | None
    """Connected infrastructures, as the card counts them."""
    total_experiments: int | None
    total_chaos_hubs: int | None


class RunStatsShape(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Litmus's own run counters; they count deleted runs too, and some phases only in the total."""

    total_experiment_runs: int
    total_running_experiment_runs: int
    total_completed_experiment_runs: int
    total_terminated_experiment_runs: int
    total_stopped_experiment_runs: int
    total_errored_experiment_runs: int


class ProjectLinksShape(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Pages of Litmus; most show the project last chosen in the viewer's browser."""

    litmus: str
    dashboard: str
    experiments: str
    chaos_hubs: str
    environments: str


class OverviewShape(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """An entity's chaos engineering at a glance."""

    entity_ref: str
    title: str | None
    owner: str | None
    system: str | None
    project_id: str = msgspec.field(name="projectID")
    instance: str
    as_of: str | None
    stale: bool
    window: WindowShape
    basic_stats: BasicStatsShape
    experiment_run_stats: RunStatsShape | None
    """``null`` before the first success, and for an entity narrowed to a part: Litmus cannot count that."""
    score: ScoreShape
    """Of the window."""
    score_now: ScoreNowShape
    runs_by_outcome: dict[str, int]
    """Runs of the window, every outcome named."""
    total_runs: int
    """Runs of the window, deleted ones included."""
    latest_runs: list[RunShape]
    trend: list[BucketShape]
    history: HistoryShape
    narrowed_to: NarrowingShape | None
    claim: ClaimShape
    sections: dict[str, SectionShape]
    links: ProjectLinksShape


def overview_shape(
    *,
    entity: Entity,
    snapshot: Snapshot | None,
    digest: Digest,
    latest: list[Run],
    window: Window,
    links: LitmusLinks,
    claim: ClaimShape,
    age: Age,
) -> OverviewShape:
    """Return the overview of an entity; ``latest`` are its latest runs, newest first."""
    content = narrow_content(snapshot.content, entity) if snapshot else Content()
    runs = narrow_runs(digest.runs, [entity])
    current, previous = summarise_window(runs, window)
    figures = window_figures(current, previous)
    return OverviewShape(
        entity_ref=entity.ref,
        title=entity.title,
        owner=entity.owner,
        system=entity.system,
        project_id=entity.project.project_id,
        instance=entity.project.instance,
        as_of=rfc3339(age.as_of),
        stale=age.stale,
        window=window_shape(window),
        basic_stats=basic_stats_shape(content),
        experiment_run_stats=run_stats_shape(content),
        score=score_shape(figures),
        score_now=score_now_shape(score_now([latest_scores(runs)])),
        runs_by_outcome=outcomes_shape(outcome_counts(current)),
        total_runs=figures.total,
        latest_runs=[run_shape(run, links) for run in latest],
        trend=[bucket_shape(bucket) for bucket in trend([runs], window)],
        history=history_shape(digest.state),
        narrowed_to=narrowing_shape(entity),
        claim=claim,
        sections=section_shapes(snapshot, OVERVIEW_SECTIONS, age),
        links=project_links_shape(links),
    )


def basic_stats_shape(content: Content) -> BasicStatsShape:
    """Return the card's four figures."""
    infras, experiments, hubs = content.infrastructures, content.experiments, content.hubs
    return BasicStatsShape(
        git_ops=content.gitops.enabled if content.gitops else None,
        total_infrastructure=None if infras is None else sum(infra.is_active for infra in infras),
        total_experiments=None if experiments is None else len(experiments),
        total_chaos_hubs=None if hubs is None else len(hubs),
    )


def run_stats_shape(content: Content) -> RunStatsShape | None:
    """Return Litmus's run counters."""
    stats = content.run_stats
    if stats is None:
        return None
    return RunStatsShape(
        total_experiment_runs=stats.total,
        total_running_experiment_runs=stats.running,
        total_completed_experiment_runs=stats.completed,
        total_terminated_experiment_runs=stats.terminated,
        total_stopped_experiment_runs=stats.stopped,
        total_errored_experiment_runs=stats.errored,
    )


def project_links_shape(links: LitmusLinks) -> ProjectLinksShape:
    """Return the links of a project."""
    return ProjectLinksShape(
        litmus=links.base_url,
        dashboard=links.dashboard(),
        experiments=links.experiments(),
        chaos_hubs=links.hubs(),
        environments=links.environments(),
    )
