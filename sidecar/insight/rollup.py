"""Roll-up: figures of everything an owner, a system or a domain has, worst first.

A run counts once per group, however many of its entities name the project;
entities that are narrowed bring the experiments that any of them covers.
"""

from array import array
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from enum import StrEnum

import msgspec

from sidecar.domain.catalog import Entity
from sidecar.domain.model import ProjectRef
from sidecar.insight.digest import ProjectRuns
from sidecar.insight.narrowing import narrow_runs, narrowing_of
from sidecar.insight.scores import (
    ScoreNow,
    Summary,
    WindowFigures,
    last_run_at_ms,
    latest_scores,
    merge,
    score_now,
    summarise_window,
    window_figures,
)
from sidecar.insight.windows import Window


class Grouping(StrEnum):
    """What entities are put together by."""

    OWNER = "owner"
    SYSTEM = "system"
    DOMAIN = "domain"


class ProjectFigures(msgspec.Struct, frozen=True, kw_only=True):
    """What a project (or the part of it that counts) adds to a group; small, so worth keeping."""

    current: Summary
    previous: Summary
    latest: "array[float]"
    """Latest score of each experiment, see ``scores.latest_scores``."""
    last_run_at_ms: int | None
    unfinished: int
    """Runs that are running or waiting."""


class GroupFigures(msgspec.Struct, frozen=True, kw_only=True):
    """One group of a roll-up."""

    group: str | None
    """Reference; ``None``: the entities that belong to no group."""
    entities: tuple[str, ...]
    """References, sorted."""
    projects: tuple[ProjectRef, ...]
    """Each once, sorted; those without any history included."""
    narrowed: bool
    """Whether an entity is only part of its project."""
    score_now: ScoreNow
    window: WindowFigures
    last_run_at_ms: int | None
    unfinished: int


FiguresOf = Callable[[ProjectRef, Sequence[Entity]], ProjectFigures | None]
"""Gives a project's figures as far as these entities cover it (:func:`project_figures`, or what was kept of
it); ``None``: nothing is known of the project."""


def project_figures(runs: ProjectRuns, entities: Sequence[Entity], window: Window) -> ProjectFigures:
    """Return what the project adds to a group that has these of its entities."""
    part = narrow_runs(runs, entities)
    current, previous = summarise_window(part, window)
    return ProjectFigures(
        current=current,
        previous=previous,
        latest=latest_scores(part),
        last_run_at_ms=last_run_at_ms(part),
        unfinished=len(part.unfinished),
    )


def roll_up(entities: Iterable[Entity], by: Grouping, figures_of: FiguresOf) -> tuple[GroupFigures, ...]:
    """Return every group, worst score now first, those without a score last."""
    groups: defaultdict[str | None, list[Entity]] = defaultdict(list)
    for entity in entities:
        groups[group_of(entity, by)].append(entity)
    rolled = (group_figures(group, members, figures_of) for group, members in groups.items())
    return tuple(sorted(rolled, key=_worst_first))


def group_of(entity: Entity, by: Grouping) -> str | None:
    """Return the reference of the group that the entity belongs to; ``None``: it names none.

    A system is its own system, and a domain its own domain.
    """
    kind = entity.ref.partition(":")[0]
    match by:
        case Grouping.OWNER:
            return entity.owner
        case Grouping.SYSTEM:
            return entity.ref if kind == "system" else entity.system
        case Grouping.DOMAIN:
            return entity.ref if kind == "domain" else entity.domain


def group_figures(group: str | None, members: Sequence[Entity], figures_of: FiguresOf) -> GroupFigures:
    """Return the figures of one group of entities."""
    by_project: defaultdict[ProjectRef, list[Entity]] = defaultdict(list)
    for entity in members:
        by_project[entity.project].append(entity)
    found = (figures_of(project, of_project) for project, of_project in by_project.items())
    parts = [figures for figures in found if figures is not None]
    last_runs = [part.last_run_at_ms for part in parts if part.last_run_at_ms is not None]
    return GroupFigures(
        group=group,
        entities=tuple(sorted(entity.ref for entity in members)),
        projects=tuple(sorted(by_project)),
        narrowed=any(narrowing_of(entity) is not None for entity in members),
        score_now=score_now(part.latest for part in parts),
        window=window_figures(merge(part.current for part in parts), merge(part.previous for part in parts)),
        last_run_at_ms=max(last_runs, default=None),
        unfinished=sum(part.unfinished for part in parts),
    )


def _worst_first(one: GroupFigures) -> tuple[bool, float, bool, str]:
    score = one.score_now.score
    return score is None, score or 0.0, one.group is None, one.group or ""
