"""What needs attention, as a person reads it: graded, the worst first, by the entities it belongs to; pure.

The API's severity says what kind of thing it is, and its order is what is new.
Here counts what it means: the same drop in production, of half the score and
since yesterday, is another matter than one of last month in a test cluster.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import groupby
from typing import Final

import msgspec

from sidecar.actions.policy import is_production
from sidecar.domain.catalog import Entity
from sidecar.domain.model import Experiment, ProjectRef
from sidecar.insight.attention import AttentionItem, AttentionKind, Severity
from sidecar.insight.links import LitmusLinks
from sidecar.insight.portfolio import Attention

LARGE_LOSS_POINTS: Final = 25
"""A drop of fewer points is one grade less."""
RECENT: Final = timedelta(days=7)
"""What did not show since is one grade less."""


class Grade(StrEnum):
    """How soon somebody should look, the most urgent first; also the word for it."""

    URGENT = "Urgent"
    SOON = "Soon"
    LATER = "Later"


class GradedItem(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that needs attention, with what its grade is made from."""

    grade: Grade
    in_production: bool
    """Whether its experiment runs in production, or nobody knows where."""
    found: Attention

    @property
    def item(self) -> AttentionItem:
        """What it is."""
        return self.found.about


class AttentionLine(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that needs attention, in one line."""

    grade: Grade
    in_production: bool
    experiment_name: str
    link: str
    """To the experiment's runs in Litmus."""
    change: float | None
    """Points of the score, negative; ``None`` where it lost none, or cannot be compared."""
    summary: str
    sentence: str
    last_seen_at: datetime | None


class AttentionGroup(msgspec.Struct, frozen=True, kw_only=True):
    """What needs attention of the very same entities, the worst first."""

    entities: tuple[Entity, ...]
    """Those of the fewest experiments first."""
    lines: tuple[AttentionLine, ...]


class AttentionList(msgspec.Struct, frozen=True, kw_only=True):
    """The list as a page shows it; groups in the order of their worst line."""

    pressing: tuple[AttentionGroup, ...]
    """In view: nothing of :attr:`Grade.LATER`, and no more than there is room for."""
    rest: tuple[AttentionGroup, ...]
    """Folded."""
    rest_number: int
    """Lines of the folded groups."""
    left_out: int
    """Things that are on no line, since there are too many."""

    def __bool__(self) -> bool:
        return bool(self.pressing or self.rest)


def grade(item: AttentionItem, *, in_production: bool, now: datetime) -> Grade:
    """Return the grade: that of the severity, less one each outside production, for a small loss, if old."""
    place = {Severity.HIGH: 0, Severity.MEDIUM: 1, Severity.LOW: 2}[item.severity]
    is_small = item.kind is AttentionKind.SCORE_DROPPED and (item.points_lost or 0) < LARGE_LOSS_POINTS
    is_old = item.last_seen_at is not None and now - item.last_seen_at > RECENT
    steps = place + (not in_production) + is_small + is_old
    grades = tuple(Grade)
    return grades[min(steps, len(grades) - 1)]


def graded(found: Iterable[Attention], now: datetime) -> list[GradedItem]:
    """Return everything with its grade, the worst first: grade, severity, production, points lost, age."""
    items = [
        GradedItem(
            grade=grade(one.about, in_production=in_production, now=now),
            in_production=in_production,
            found=one,
        )
        for one, in_production in _with_environment(found)
    ]
    return sorted(items, key=_order)


def attention_list(
    items: Sequence[GradedItem],
    links: Callable[[ProjectRef], LitmusLinks],
    *,
    room: int,
    most: int,
) -> AttentionList:
    """Return the list of graded items: at most ``room`` lines in view, ``most`` with the folded ones."""
    pressing = [one for one in items[:room] if one.grade is not Grade.LATER]
    rest = items[len(pressing) : most]
    return AttentionList(
        pressing=_groups(pressing, links),
        rest=_groups(rest, links),
        rest_number=len(rest),
        left_out=max(0, len(items) - most),
    )


def grades_by_experiment(items: Sequence[GradedItem]) -> Mapping[str, Grade]:
    """Return the worst grade of each experiment of one project, by its id."""
    return {one.item.experiment_id: one.grade for one in reversed(items)}


def attention_line(one: GradedItem, links: LitmusLinks) -> AttentionLine:
    """Return the line of one thing that needs attention."""
    item = one.item
    return AttentionLine(
        grade=one.grade,
        in_production=one.in_production,
        experiment_name=item.experiment_name,
        link=links.runs(item.experiment_id),
        change=None if item.points_lost is None else -item.points_lost,
        summary=item.summary,
        sentence=item.sentence,
        last_seen_at=item.last_seen_at,
    )


def _with_environment(found: Iterable[Attention]) -> Iterable[tuple[Attention, bool]]:
    """Yield each with whether it is of production; by project, whose experiments are looked up once."""
    by_project: dict[ProjectRef, Mapping[str, Experiment]] = {}
    for one in found:
        part = one.part
        if part.project not in by_project:
            by_project[part.project] = {each.experiment_id: each for each in part.content.experiments or ()}
        experiment = by_project[part.project].get(one.about.experiment_id)
        yield one, experiment is None or is_production(experiment, part.content)


def _order(one: GradedItem) -> tuple[int, int, bool, float, float, str, str]:
    item = one.item
    seen = 0.0 if item.last_seen_at is None else -item.last_seen_at.timestamp()
    return (
        tuple(Grade).index(one.grade),
        tuple(Severity).index(item.severity),
        not one.in_production,
        -(item.points_lost or 0.0),
        seen,
        item.experiment_name,
        item.experiment_id,
    )


def _groups(
    items: Sequence[GradedItem], links: Callable[[ProjectRef], LitmusLinks]
) -> tuple[AttentionGroup, ...]:
    places: dict[tuple[str, ...], int] = {}
    placed = []
    for one in items:
        entities = one.found.part.entities_of(one.item.experiment_id)
        place = places.setdefault(tuple(entity.ref for entity in entities), len(places))
        placed.append((place, entities, attention_line(one, links(one.found.part.project))))
    placed.sort(key=lambda each: each[0])
    groups = []
    for _, members in groupby(placed, key=lambda each: each[0]):
        same = list(members)
        groups.append(AttentionGroup(entities=same[0][1], lines=tuple(line for *_, line in same)))
    return tuple(groups)
