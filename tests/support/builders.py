"""Values of the model with a default for everything, so that a test names only what it is about.

Nothing here touches a store, a clock or a network. Times are fixed: ``NOW``
and ``NOW_MS`` are the same instant.
"""
# ruff: noqa: PLR0913  (a builder has an argument per field; that is its use)

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta

from sidecar.domain.catalog import Catalog, Entity
from sidecar.domain.model import (
    Content,
    Environment,
    Experiment,
    Freshness,
    GitOps,
    Hub,
    Infra,
    ProjectRef,
    RunStats,
    Schedule,
    Section,
    SectionError,
    Snapshot,
)
from sidecar.domain.runs import RecentRun

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
NOW_MS = 1_772_452_800_000
PROJECT_ID = "project-shop"
DOWN = SectionError(code="upstream_unavailable", message="No answer from Litmus")


def project(project_id: str = PROJECT_ID, instance: str = "default") -> ProjectRef:
    return ProjectRef(instance=instance, project_id=project_id)


def entity(
    ref: str = "component:default/cart",
    *,
    project: ProjectRef | None = None,
    title: str | None = None,
    owner: str | None = "group:default/team-a",
    system: str | None = None,
    domain: str | None = None,
) -> Entity:
    named = project or ProjectRef(instance="default", project_id=PROJECT_ID)
    return Entity(ref=ref, project=named, title=title, owner=owner, system=system, domain=domain)


def catalog(*entities: Entity, problems: Iterable[str] = ()) -> Catalog:
    return Catalog(
        entities=tuple(sorted(entities or (entity(),), key=lambda one: one.ref)), problems=tuple(problems)
    )


def recent_run(
    run_id: str = "run-1",
    phase: str = "Completed",
    score: float | None = 100.0,
    *,
    updated_at_ms: int | None = NOW_MS,
    created_at_ms: int | None = NOW_MS - 60_000,
    sequence: int | None = 1,
    updated_by: str | None = "alice",
) -> RecentRun:
    return RecentRun(
        experiment_run_id=run_id,
        phase=phase,
        resiliency_score=score,
        updated_at_ms=updated_at_ms,
        created_at_ms=created_at_ms,
        run_sequence=sequence,
        updated_by=updated_by,
    )


def infra(
    infra_id: str = "infra-1",
    name: str = "cluster-a",
    *,
    environment_id: str = "staging",
    is_active: bool = True,
    infra_type: str | None = "Kubernetes",
    infra_namespace: str | None = "litmus",
    infra_scope: str | None = "cluster",
    description: str | None = None,
    tags: tuple[str, ...] = (),
) -> Infra:
    return Infra(
        infra_id=infra_id,
        name=name,
        environment_id=environment_id,
        is_active=is_active,
        infra_type=infra_type,
        infra_namespace=infra_namespace,
        infra_scope=infra_scope,
        description=description,
        platform_name="Kubernetes",
        version="3.31.0",
        is_confirmed=True,
        tags=tags,
        created_at_ms=NOW_MS,
        updated_at_ms=NOW_MS,
    )


INFRA = infra()


def experiment(
    experiment_id: str = "experiment-1",
    name: str = "pod-delete",
    *,
    cron_syntax: str = "",
    experiment_type: str | None = None,
    description: str | None = None,
    tags: tuple[str, ...] = (),
    infra: Infra | None = INFRA,
    recent_runs: Iterable[RecentRun] | None = None,
    created_at_ms: int | None = NOW_MS - 3_600_000,
    updated_at_ms: int | None = NOW_MS,
    created_by: str | None = "alice",
    updated_by: str | None = "alice",
) -> Experiment:
    """``recent_runs`` is one completed run unless given; ``()`` is an experiment that never ran."""
    return Experiment(
        experiment_id=experiment_id,
        name=name,
        cron_syntax=cron_syntax,
        experiment_type=experiment_type or ("cronexperiment" if cron_syntax else "experiment"),
        description=description,
        tags=tags,
        infra=infra,
        recent_runs=(recent_run(),) if recent_runs is None else tuple(recent_runs),
        created_at_ms=created_at_ms,
        updated_at_ms=updated_at_ms,
        created_by=created_by,
        updated_by=updated_by,
    )


def environment(
    environment_id: str = "staging",
    name: str = "Staging",
    type: str | None = "NON_PROD",  # noqa: A002  (the name of the field)
    *,
    infra_ids: tuple[str, ...] = ("infra-1",),
    tags: tuple[str, ...] = (),
    description: str | None = None,
    is_removed: bool = False,
    created_at_ms: int | None = NOW_MS,
    updated_at_ms: int | None = NOW_MS,
) -> Environment:
    return Environment(
        environment_id=environment_id,
        name=name,
        type=type,
        infra_ids=infra_ids,
        tags=tags,
        description=description,
        is_removed=is_removed,
        created_at_ms=created_at_ms,
        updated_at_ms=updated_at_ms,
        created_by="alice",
        updated_by="alice",
    )


def hub(
    hub_id: str = "hub-1",
    name: str = "Litmus ChaosHub",
    *,
    is_available: bool = True,
    total_faults: int = 53,
    total_experiments: int = 7,
    description: str | None = None,
    is_default: bool | None = True,
    tags: tuple[str, ...] = (),
) -> Hub:
    return Hub(
        hub_id=hub_id,
        name=name,
        is_available=is_available,
        total_faults=total_faults,
        total_experiments=total_experiments,
        description=description,
        is_default=is_default,
        tags=tags,
    )


def run_stats(
    *,
    total: int = 12,
    running: int = 1,
    completed: int = 8,
    terminated: int = 0,
    stopped: int = 1,
    errored: int = 2,
) -> RunStats:
    return RunStats(
        total=total,
        running=running,
        completed=completed,
        terminated=terminated,
        stopped=stopped,
        errored=errored,
    )


def content(
    *,
    experiments: Iterable[Experiment] | None = None,
    run_stats: RunStats | None = None,
    infrastructures: Iterable[Infra] | None = None,
    environments: Iterable[Environment] | None = None,
    hubs: Iterable[Hub] | None = None,
    gitops: GitOps | None = None,
    schedules: Iterable[Schedule] | None = None,
    without: Iterable[Section] = (),
) -> Content:
    """Every section but the schedules has one row unless given; those in ``without`` were never fetched."""
    missing = frozenset(without)
    return Content(
        experiments=None
        if Section.EXPERIMENTS in missing
        else tuple((experiment(),) if experiments is None else experiments),
        run_stats=None if Section.RUN_STATS in missing else run_stats or _RUN_STATS,
        infrastructures=None
        if Section.INFRASTRUCTURES in missing
        else tuple((infra(),) if infrastructures is None else infrastructures),
        environments=None
        if Section.ENVIRONMENTS in missing
        else tuple((environment(),) if environments is None else environments),
        hubs=None if Section.HUBS in missing else tuple((hub(),) if hubs is None else hubs),
        gitops=None if Section.GITOPS in missing else gitops or GitOps(enabled=True),
        schedules=None if schedules is None else tuple(schedules),
    )


_RUN_STATS = run_stats()


def fresh(at: datetime = NOW) -> Freshness:
    return Freshness(attempted_at=at, succeeded_at=at)


def failed(
    at: datetime = NOW, *, succeeded_at: datetime | None = None, error: SectionError = DOWN
) -> Freshness:
    return Freshness(attempted_at=at, succeeded_at=succeeded_at, error=error)


def snapshot(
    content_: Content | None = None,
    *,
    project: ProjectRef | None = None,
    version: int = 1,
    freshness: Mapping[Section, Freshness] | None = None,
    restored: Iterable[Section] = (),
    age: timedelta = timedelta(0),
) -> Snapshot:
    """A whole snapshot, every section fetched ``age`` before ``NOW`` unless ``freshness`` says otherwise."""
    return Snapshot(
        project=project or ProjectRef(instance="default", project_id=PROJECT_ID),
        version=version,
        content=content() if content_ is None else content_,
        freshness=dict.fromkeys(Section, fresh(NOW - age)) if freshness is None else freshness,
        restored=frozenset(restored),
    )
