"""All that a card in Backstage shows, in one answer: the overview, what needs attention, what runs now."""

from collections.abc import Sequence
from typing import Final

import msgspec

from sidecar.domain.model import Section, Snapshot
from sidecar.http.answers.times import rfc3339
from sidecar.http.shapes.common import Age, RunningRunShape, rounded, running_run_shape, section_shapes
from sidecar.http.shapes.content import DevInfoShape, dev_info_shape
from sidecar.http.shapes.grades import GradedItem
from sidecar.http.shapes.overview import OVERVIEW_SECTIONS, OverviewShape
from sidecar.insight.links import LitmusLinks
from sidecar.insight.running import RunningRun

CARD_SECTIONS: Final = (*OVERVIEW_SECTIONS, Section.SCHEDULES, Section.ENVIRONMENTS)
WORST: Final = 3
"""Of what needs attention; ``/api/v1/attention`` has all."""
LONGEST: Final = 10
"""Of what runs; ``content`` has all."""


class CardAttentionShape(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One thing that somebody should look at."""

    kind: str
    """A word of :class:`~sidecar.insight.attention.AttentionKind`."""
    severity: str
    """``high``, ``medium`` or ``low``: what kind of thing it is."""
    grade: str
    """``Urgent``, ``Soon`` or ``Later``, as on the pages: how soon somebody should look."""
    in_production: bool
    """Whether its experiment runs in production, or nobody knows where."""
    experiment_id: str = msgspec.field(name="experimentID")
    experiment_name: str
    since: str | None
    last_seen_at: str | None
    change: float | None
    """Points of the score, negative; ``null`` where it lost none, or cannot be compared."""
    summary: str
    """A few words beside the experiment's name."""
    sentence: str
    link: str
    """To the experiment's runs in Litmus."""


class CardOverviewShape(OverviewShape, frozen=True, kw_only=True, rename="camel"):
    """An entity's chaos engineering at a glance, with what needs attention and what runs now."""

    attention: list[CardAttentionShape]
    """The worst three, in the order of the pages."""
    attention_total: int
    running_runs: list[RunningRunShape]
    """As in ``content``, longest first, at most ten."""
    running_total: int
    dev_info: DevInfoShape


class PressingShape(msgspec.Struct, frozen=True, kw_only=True):
    """What a card adds to the overview: the same whatever the window. Its fields are those of the card."""

    attention: list[CardAttentionShape]
    attention_total: int
    running_runs: list[RunningRunShape]
    running_total: int
    dev_info: DevInfoShape


def pressing_shape(
    attention: Sequence[GradedItem],
    running: Sequence[RunningRun],
    links: LitmusLinks,
    litmus_version: str | None,
) -> PressingShape:
    """Return what asks for a look; ``attention`` is everything, the worst first."""
    return PressingShape(
        attention=[card_attention_shape(one, links) for one in attention[:WORST]],
        attention_total=len(attention),
        running_runs=[running_run_shape(run, links) for run in running[:LONGEST]],
        running_total=len(running),
        dev_info=dev_info_shape(litmus_version),
    )


def card_shape(
    overview: OverviewShape, pressing: PressingShape, snapshot: Snapshot | None, age: Age
) -> CardOverviewShape:
    """Return the overview with what asks for a look."""
    fields = msgspec.structs.asdict(overview) | msgspec.structs.asdict(pressing)
    return CardOverviewShape(**(fields | {"sections": section_shapes(snapshot, CARD_SECTIONS, age)}))


def card_attention_shape(one: GradedItem, links: LitmusLinks) -> CardAttentionShape:
    """Return one thing that needs attention as served."""
    item = one.item
    return CardAttentionShape(
        kind=item.kind.value,
        severity=item.severity.value,
        grade=one.grade.value,
        in_production=one.in_production,
        experiment_id=item.experiment_id,
        experiment_name=item.experiment_name,
        since=rfc3339(item.since),
        last_seen_at=rfc3339(item.last_seen_at),
        change=None if item.points_lost is None else rounded(-item.points_lost),
        summary=item.summary,
        sentence=item.sentence,
        link=links.runs(item.experiment_id),
    )
