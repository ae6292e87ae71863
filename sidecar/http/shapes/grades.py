"""How soon somebody should look at what needs attention; pure.

The API's severity says what kind of thing it is, and its order is what is new.
Here counts what it means: the same drop in production, of half the score and
since yesterday, is another matter than one of last month in a test cluster.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

import msgspec

from sidecar.actions.policy import is_production
from sidecar.domain.model import Experiment, ProjectRef
from sidecar.insight.attention import AttentionItem, AttentionKind, Severity
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
    return sorted(with_grades(found, now), key=_order)


def with_grades(found: Iterable[Attention], now: datetime) -> list[GradedItem]:
    """Return everything with its grade, in the order given."""
    return [
        GradedItem(
            grade=grade(one.about, in_production=in_production, now=now),
            in_production=in_production,
            found=one,
        )
        for one, in_production in _with_environment(found)
    ]


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
