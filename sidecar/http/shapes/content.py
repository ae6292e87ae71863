"""The page of an entity: the plugin's lists, healed exactly as it needs them, and what a developer asks.

Litmus's own words stay beside it: schedules keep their text, running runs their phase.
"""

from collections.abc import Callable, Collection, Iterable
from datetime import datetime
from typing import TypeVar

import msgspec

from sidecar.actions.policy import harmless_environments
from sidecar.domain.catalog import Entity
from sidecar.domain.model import Content, Environment, Experiment, Hub, Infra, Section, Snapshot
from sidecar.domain.runs import RecentRun
from sidecar.domain.unix_time import from_ms
from sidecar.http.answers.times import rfc3339
from sidecar.http.shapes.actions import AllowedShape
from sidecar.http.shapes.claims import ClaimShape
from sidecar.http.shapes.common import (
    Age,
    HistoryShape,
    NarrowingShape,
    RunningRunShape,
    SectionShape,
    history_shape,
    narrowing_shape,
    running_run_shape,
    section_shapes,
)
from sidecar.http.shapes.overview import ProjectLinksShape, project_links_shape
from sidecar.insight.digest_cache import Digest
from sidecar.insight.links import LitmusLinks, dev_links
from sidecar.insight.narrowing import narrow_content, narrow_runs
from sidecar.insight.running import running_runs
from sidecar.insight.schedules import Missed, ScheduleFigures, schedule_figures
from sidecar.replica.cron import plugin_cron
from sidecar.replica.healing import (
    NEVER_RAN,
    NO_INFRA,
    UNKNOWN_USER,
    finite,
    millis,
    plugin_experiments,
    plugin_phase,
    plugin_runs,
)

CONTENT_SECTIONS = (
    Section.EXPERIMENTS,
    Section.SCHEDULES,
    Section.INFRASTRUCTURES,
    Section.ENVIRONMENTS,
    Section.HUBS,
    Section.RUN_HISTORY,
)

Row = TypeVar("Row")
Made = TypeVar("Made")


class ChaosHubShape(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A ChaosHub, as the plugin reads it."""

    id: str
    is_available: bool
    total_faults: int
    total_experiments: int
    name: str


class EnvironmentShape(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """An environment, as the plugin reads it."""

    environment_id: str = msgspec.field(name="environmentID")
    name: str
    tags: tuple[str, ...]
    type: str
    """``PROD`` or ``NON_PROD``."""
    infra_ids: tuple[str, ...] = msgspec.field(name="infraIDs")
    is_removed: bool


class ExperimentInfraShape(msgspec.Struct, frozen=True, kw_only=True, gc=False, rename="camel"):
    """The infrastructure of an experiment, as the plugin reads it; placeholders where it is gone."""

    infra_id: str = msgspec.field(name="infraID")
    infra_type: str
    name: str
    environment_id: str = msgspec.field(name="environmentID")
    infra_namespace: str
    infra_scope: str
    is_active: bool


class UserShape(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Who did it, as the plugin reads it; Litmus fills only the name."""

    user_id: str = msgspec.field(name="userID", default="")
    username: str
    email: str = ""


class RecentRunShape(msgspec.Struct, frozen=True, kw_only=True, gc=False, rename="camel"):
    """One of the recent runs of an experiment, as the plugin reads it."""

    experiment_run_id: str = msgspec.field(name="experimentRunID")
    resiliency_score: float | None
    phase: str
    """One of the plugin's nine."""
    updated_at: str
    """Unix milliseconds as text, as Litmus sends it."""
    updated_by: UserShape


class ExperimentShape(msgspec.Struct, frozen=True, kw_only=True, gc=False, rename="camel"):
    """An experiment, as the plugin reads it."""

    experiment_id: str = msgspec.field(name="experimentID")
    cron_syntax: str
    """``""``: no schedule, or one that the plugin cannot read; ``schedules`` has every one."""
    infra: ExperimentInfraShape
    experiment_type: str
    name: str
    recent_experiment_run_details: list[RecentRunShape]
    in_production: bool
    """Whether its environment is one of production, or not known."""
    allowed_actions: dict[str, AllowedShape] | msgspec.UnsetType = msgspec.UNSET
    """For the caller: ``run``, ``stop`` (all its runs), ``schedule`` (switch) and ``startSchedule``."""


class InfrastructureShape(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A chaos infrastructure."""

    infra_id: str = msgspec.field(name="infraID")
    name: str
    environment_id: str = msgspec.field(name="environmentID")
    is_active: bool
    """Connected, by Litmus's own flag."""
    is_confirmed: bool | None
    """Whether its agent ever registered."""
    infra_scope: str | None
    infra_namespace: str | None
    version: str | None
    link: str


class MissedShape(msgspec.Struct, frozen=True, kw_only=True, gc=False, rename="camel"):
    """Fire times of a schedule without a run of their own: missed, or skipped on purpose."""

    number: int
    at_least: bool
    """There may be more: only the latest fire times were looked at."""
    latest: list[str]


class ScheduleShape(msgspec.Struct, frozen=True, kw_only=True, gc=False, rename="camel"):
    """What a schedule did and will do."""

    experiment_id: str = msgspec.field(name="experimentID")
    experiment_name: str
    text: str
    is_valid: bool
    """Whether Litmus's scheduler accepts the text; if not, it never fires."""
    names_two_zones: bool
    """Whether it is not valid because its text and ``spec.timezone`` both name a zone."""
    time_zone: str | None
    time_zone_assumed: bool
    """Nothing names a zone, so UTC is assumed."""
    suspended: bool
    never_started: bool | None
    """Saved in Litmus, with no run and no start seen, so nothing fires; ``null``: not looked at yet."""
    concurrency_policy: str | None
    """``Allow``, ``Forbid`` or ``Replace``; ``null``: not read yet."""
    starting_deadline_seconds: int | None
    """How late a run may still start; ``null``: not given, or not read yet."""
    next_fire_at: str | None
    next_fire_estimated: bool
    last_fire_at: str | None
    last_run_at: str | None
    missed: MissedShape | None
    """``null`` where that cannot be told: suspended, never started, not valid, history incomplete."""
    skipped: MissedShape | None
    """Fire times during a run, where the scheduler starts no second one; ``null`` likewise."""


class DevInfoShape(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Where to read on, for the Litmus version found."""

    experiment_docs: str
    api_docs: str
    auth_api_docs: str
    litmus_docs: str
    chaos_hub: str
    community: str


class ContentShape(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The page of an entity. A list is ``null`` until it was read once."""

    entity_ref: str
    project_id: str = msgspec.field(name="projectID")
    instance: str
    as_of: str | None
    stale: bool
    chaos_hubs: list[ChaosHubShape] | None
    environments: list[EnvironmentShape] | None
    experiments: list[ExperimentShape] | None
    infrastructures: list[InfrastructureShape] | None
    running_runs: list[RunningRunShape]
    schedules: list[ScheduleShape] | None
    history: HistoryShape
    narrowed_to: NarrowingShape | None
    claim: ClaimShape
    sections: dict[str, SectionShape]
    dev_info: DevInfoShape
    links: ProjectLinksShape


def content_shape(
    *,
    entity: Entity,
    snapshot: Snapshot | None,
    digest: Digest,
    links: LitmusLinks,
    litmus_version: str | None,
    claim: ClaimShape,
    age: Age,
    now: datetime,
    allowed_actions: dict[str, AllowedShape] | msgspec.UnsetType = msgspec.UNSET,
) -> ContentShape:
    """Return the page of an entity; ``allowed_actions`` stand in each experiment."""
    content = narrow_content(snapshot.content, entity) if snapshot else Content()
    runs = narrow_runs(digest.runs, [entity])
    figures = [
        schedule_figures(schedule, runs, digest.state, now, retention=digest.retention)
        for schedule in content.schedules or ()
    ]
    names = {one.experiment_id: one.name for one in content.experiments or ()}
    harmless = harmless_environments(snapshot.content) if snapshot else frozenset()
    return ContentShape(
        entity_ref=entity.ref,
        project_id=entity.project.project_id,
        instance=entity.project.instance,
        as_of=rfc3339(age.as_of),
        stale=age.stale,
        chaos_hubs=_each(chaos_hub_shape, content.hubs),
        environments=_each(environment_shape, content.environments),
        experiments=None
        if content.experiments is None
        else [experiment_shape(one, harmless, allowed_actions) for one in plugin_experiments(content)],
        infrastructures=_each(lambda infra: infrastructure_shape(infra, links), content.infrastructures),
        running_runs=[running_run_shape(run, links) for run in running_runs(content, runs, now)],
        schedules=None
        if content.schedules is None
        else [schedule_shape(one, names.get(one.experiment_id, "")) for one in figures],
        history=history_shape(digest.state),
        narrowed_to=narrowing_shape(entity),
        claim=claim,
        sections=section_shapes(snapshot, CONTENT_SECTIONS, age),
        dev_info=dev_info_shape(litmus_version),
        links=project_links_shape(links),
    )


def chaos_hub_shape(hub: Hub) -> ChaosHubShape:
    """Return a hub as the plugin reads it."""
    return ChaosHubShape(
        id=hub.hub_id,
        is_available=hub.is_available,
        total_faults=hub.total_faults,
        total_experiments=hub.total_experiments,
        name=hub.name,
    )


def environment_shape(environment: Environment) -> EnvironmentShape:
    """Return an environment as the plugin reads it."""
    return EnvironmentShape(
        environment_id=environment.environment_id,
        name=environment.name,
        tags=environment.tags,
        type=environment.type or "",
        infra_ids=environment.infra_ids,
        is_removed=environment.is_removed,
    )


def experiment_shape(
    experiment: Experiment,
    harmless: Collection[str],
    allowed_actions: dict[str, AllowedShape] | msgspec.UnsetType = msgspec.UNSET,
) -> ExperimentShape:
    """Return an experiment as the plugin reads it, healed; ``harmless`` are ids of environments."""
    infra = experiment.infra or NO_INFRA
    return ExperimentShape(
        experiment_id=experiment.experiment_id,
        cron_syntax=plugin_cron(experiment.cron_syntax),
        infra=ExperimentInfraShape(
            infra_id=infra.infra_id,
            infra_type=infra.infra_type or "",
            name=infra.name,
            environment_id=infra.environment_id,
            infra_namespace=infra.infra_namespace or "",
            infra_scope=infra.infra_scope or "",
            is_active=infra.is_active,
        ),
        experiment_type=experiment.experiment_type or "",
        name=experiment.name,
        recent_experiment_run_details=[recent_run_shape(run) for run in plugin_runs(experiment.recent_runs)],
        in_production=experiment.infra is None or infra.environment_id not in harmless,
        allowed_actions=allowed_actions,
    )


def recent_run_shape(run: RecentRun) -> RecentRunShape:
    """Return a recent run as the plugin reads it, healed."""
    return RecentRunShape(
        experiment_run_id=run.experiment_run_id,
        resiliency_score=finite(run.resiliency_score),
        phase=plugin_phase(run.phase),
        updated_at="" if run is NEVER_RAN else millis(run.updated_at_ms),
        updated_by=UserShape(username=UNKNOWN_USER if run.updated_by is None else run.updated_by),
    )


def infrastructure_shape(infra: Infra, links: LitmusLinks) -> InfrastructureShape:
    """Return an infrastructure as served."""
    return InfrastructureShape(
        infra_id=infra.infra_id,
        name=infra.name,
        environment_id=infra.environment_id,
        is_active=infra.is_active,
        is_confirmed=infra.is_confirmed,
        infra_scope=infra.infra_scope,
        infra_namespace=infra.infra_namespace,
        version=infra.version,
        link=links.infra(infra.environment_id, infra.infra_id),
    )


def schedule_shape(figures: ScheduleFigures, experiment_name: str) -> ScheduleShape:
    """Return what a schedule did and will do as served."""
    last_run = figures.last_run_at_ms
    return ScheduleShape(
        experiment_id=figures.experiment_id,
        experiment_name=experiment_name,
        text=figures.cron_syntax,
        is_valid=figures.is_valid,
        time_zone=figures.zone,
        time_zone_assumed=figures.zone_assumed,
        names_two_zones=figures.names_two_zones,
        suspended=figures.suspended,
        never_started=figures.never_started,
        concurrency_policy=None if figures.concurrency is None else figures.concurrency.value,
        starting_deadline_seconds=figures.starting_deadline_seconds,
        next_fire_at=rfc3339(figures.next_fire_at),
        next_fire_estimated=figures.next_fire_estimated,
        last_fire_at=rfc3339(figures.last_fire_at),
        last_run_at=rfc3339(from_ms(last_run)),
        missed=_missed_shape(figures.missed),
        skipped=_missed_shape(figures.skipped),
    )


def _missed_shape(found: Missed | None) -> MissedShape | None:
    if found is None:
        return None
    return MissedShape(
        number=found.number,
        at_least=found.at_least,
        latest=[rfc3339(instant) for instant in found.latest],
    )


def dev_info_shape(litmus_version: str | None) -> DevInfoShape:
    """Return the links for people who write experiments."""
    links = dev_links(litmus_version)
    return DevInfoShape(
        experiment_docs=links.experiment_docs,
        api_docs=links.api_docs,
        auth_api_docs=links.auth_api_docs,
        litmus_docs=links.docs,
        chaos_hub=links.hub,
        community=links.community,
    )


def _each(make: Callable[[Row], Made], rows: Iterable[Row] | None) -> list[Made] | None:
    return None if rows is None else [make(row) for row in rows]
