"""What needs attention, as a person reads it: the worst first, by the entities it belongs to; pure."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from itertools import groupby

import msgspec

from sidecar.domain.catalog import Entity
from sidecar.domain.model import ProjectRef
from sidecar.http.shapes.grades import Grade, GradedItem
from sidecar.insight.links import LitmusLinks


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
