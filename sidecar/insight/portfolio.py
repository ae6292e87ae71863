"""Figures over many entities at once: what the portfolio, the attention list and "now" are made of.

Pure over values that were read before; made in a thread by whoever asks, since
a thousand projects take a moment.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cached_property

import msgspec

from sidecar.domain.catalog import Entity
from sidecar.domain.model import Content, ProjectRef, Snapshot
from sidecar.insight.attention import AttentionItem, Thresholds, attention, urgency
from sidecar.insight.digest import ProjectRuns
from sidecar.insight.digest_cache import Digest
from sidecar.insight.narrowing import covered_ids, narrow_content, narrow_runs
from sidecar.insight.rollup import GroupFigures, Grouping, ProjectFigures, project_figures, roll_up
from sidecar.insight.running import RunningRun, running_runs
from sidecar.insight.schedules import schedule_figures
from sidecar.insight.trends import Bucket, trend
from sidecar.insight.windows import Window


class Part(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """A project and the entities that name it, as of one look."""

    project: ProjectRef
    entities: tuple[Entity, ...]
    snapshot: Snapshot | None
    digest: Digest

    def refs_of(self, experiment_id: str) -> tuple[str, ...]:
        """Return the references of the entities that cover the experiment, sorted."""
        return tuple(sorted(entity.ref for entity in self.entities_of(experiment_id)))

    def entities_of(self, experiment_id: str) -> tuple[Entity, ...]:
        """Return the entities that cover the experiment, those of the fewest experiments first."""
        found = [
            (covered is None, len(covered or ()), entity.ref, entity)
            for entity in self.entities
            if (covered := self._covered[entity.ref]) is None or experiment_id in covered
        ]
        return tuple(entity for *_, entity in sorted(found, key=lambda one: one[:3]))

    @cached_property
    def runs(self) -> ProjectRuns:
        """The runs that count for any of the entities."""
        return narrow_runs(self.digest.runs, self.entities)

    @cached_property
    def content(self) -> Content:
        """The content that counts for any of the entities."""
        return Content() if self.snapshot is None else narrow_content(self.snapshot.content, *self.entities)

    @cached_property
    def _covered(self) -> Mapping[str, frozenset[str] | None]:
        """The experiments of each entity, by reference; ``None``: its whole project."""
        return {entity.ref: self._covered_by(entity) for entity in self.entities}

    def _covered_by(self, entity: Entity) -> frozenset[str] | None:
        known = covered_ids([entity], self.digest.runs.experiments)
        if known is None or self.snapshot is None:
            return known
        # Some may be too new for the history.
        content = narrow_content(self.snapshot.content, entity)
        return known | {one.experiment_id for one in content.experiments or ()}


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """A group's figures and its trend over the window."""

    figures: GroupFigures
    trend: tuple[Bucket, ...]


class Attention(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that needs attention, and whose it is."""

    part: Part
    about: AttentionItem


class Running(msgspec.Struct, frozen=True, kw_only=True):
    """One run in progress, and whose it is."""

    part: Part
    run: RunningRun


def portfolio(parts: Sequence[Part], by: Grouping, window: Window) -> tuple[Group, ...]:
    """Return the groups, worst score now first, each with its trend."""
    by_project = {part.project: part for part in parts}
    kept: dict[tuple[ProjectRef, tuple[str, ...]], ProjectFigures] = {}

    def figures_of(project: ProjectRef, entities: Sequence[Entity]) -> ProjectFigures:
        key = (project, tuple(entity.ref for entity in entities))
        if key not in kept:
            kept[key] = project_figures(by_project[project].digest.runs, entities, window)
        return kept[key]

    entities = [entity for part in parts for entity in part.entities]
    members = {entity.ref: entity for entity in entities}
    return tuple(
        Group(figures=figures, trend=trend(_runs_of(figures, members, by_project), window))
        for figures in roll_up(entities, by, figures_of)
    )


def needs_attention(parts: Sequence[Part], thresholds: Thresholds, now: datetime) -> tuple[Attention, ...]:
    """Return what needs attention in any of the projects, most urgent first."""
    found = []
    for part in parts:
        content, runs, state = part.content, part.runs, part.digest.state
        figures = [
            schedule_figures(schedule, runs, state, now, retention=part.digest.retention)
            for schedule in content.schedules or ()
        ]
        items = attention(
            runs,
            state,
            thresholds,
            now,
            running=running_runs(content, runs, now),
            schedules=figures,
        )
        found += [Attention(part=part, about=item) for item in items]
    return tuple(sorted(found, key=lambda one: urgency(one.about)))


def runs_now(parts: Sequence[Part], now: datetime) -> tuple[Running, ...]:
    """Return what runs or waits in any of the projects, longest first."""
    found = [
        Running(part=part, run=run) for part in parts for run in running_runs(part.content, part.runs, now)
    ]
    return tuple(sorted(found, key=lambda one: (one.run.started_at, one.run.experiment_id)))


def _runs_of(
    figures: GroupFigures, members: Mapping[str, Entity], parts: Mapping[ProjectRef, Part]
) -> list[ProjectRuns]:
    """Return each project's runs once, as far as the group's entities cover it."""
    by_project: defaultdict[ProjectRef, list[Entity]] = defaultdict(list)
    for ref in figures.entities:
        entity = members[ref]
        by_project[entity.project].append(entity)
    return [narrow_runs(parts[project].digest.runs, entities) for project, entities in by_project.items()]
