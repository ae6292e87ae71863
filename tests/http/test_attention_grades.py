"""What needs attention is graded by kind, environment, loss and age, and listed worst first by entity."""

from datetime import timedelta

import msgspec
import pytest

from sidecar.domain.catalog import Entity
from sidecar.domain.model import Content
from sidecar.http.pages.attention import attention_list, grades_by_experiment
from sidecar.http.shapes.grades import LARGE_LOSS_POINTS, RECENT, Grade, grade, graded
from sidecar.insight.attention import SEVERITY_OF, AttentionItem, AttentionKind
from sidecar.insight.digest import project_runs
from sidecar.insight.digest_cache import Digest
from sidecar.insight.links import LitmusLinks
from sidecar.insight.portfolio import Attention, Part
from tests.support import builders
from tests.support.builders import NOW
from tests.support.histories import COMPLETE, known

PRODUCTION = builders.infra("prod", "production", environment_id="prod")
TEST = builders.infra("test", "test", environment_id="test")
WHOLE = builders.entity("component:default/shop")
TAGGED = msgspec.structs.replace(builders.entity("component:default/pay"), experiment_tags=("pay",))
HISTORY = [
    known(experiment_id="in-prod", tags=("pay",)),
    known(experiment_id="in-test"),
    known(experiment_id="also-in-test"),
]
LINKS = LitmusLinks(base_url="https://litmus.example", account_id="account", project_id="p")


def item(
    experiment_id: str = "in-prod",
    kind: AttentionKind = AttentionKind.SCORE_DROPPED,
    *,
    lost: float | None = 50.0,
    age: timedelta = timedelta(days=1),
) -> AttentionItem:
    return AttentionItem(
        kind=kind,
        severity=SEVERITY_OF[kind],
        experiment_id=experiment_id,
        experiment_name=f"name of {experiment_id}",
        since=NOW - age,
        sentence="",
        summary="",
        points_lost=lost,
        last_seen_at=NOW - age,
    )


def part(*entities: Entity) -> Part:
    content = Content(
        experiments=(
            builders.experiment("in-prod", infra=PRODUCTION, tags=("pay",)),
            builders.experiment("in-test", infra=TEST),
            builders.experiment("also-in-test", infra=TEST),
        ),
        environments=(
            builders.environment("prod", type="PROD"),
            builders.environment("test", type="NON_PROD"),
        ),
    )
    snapshot = msgspec.structs.replace(builders.snapshot(), content=content)
    digest = Digest(runs=project_runs([], HISTORY), state=COMPLETE, totals={})
    return Part(project=WHOLE.project, entities=entities or (WHOLE,), snapshot=snapshot, digest=digest)


def found(*items: AttentionItem, of: Part | None = None) -> list[Attention]:
    known = of or part()
    return [Attention(part=known, about=one) for one in items]


@pytest.mark.parametrize(
    ("one", "in_production", "expected"),
    [
        (item(), True, Grade.URGENT),
        (item(), False, Grade.SOON),
        (item(lost=LARGE_LOSS_POINTS), True, Grade.URGENT),
        (item(lost=LARGE_LOSS_POINTS - 0.5), True, Grade.SOON),
        (item(age=RECENT), True, Grade.URGENT),
        (item(age=RECENT + timedelta(minutes=1)), True, Grade.SOON),
        (item(age=RECENT * 2), False, Grade.LATER),
        (item(lost=12.0, age=RECENT * 2), False, Grade.LATER),
        (item(kind=AttentionKind.FAILING, lost=None), True, Grade.URGENT),
        (item(kind=AttentionKind.STUCK, lost=None), True, Grade.SOON),
        (item(kind=AttentionKind.MISSED_RUNS, lost=None), False, Grade.LATER),
        (item(kind=AttentionKind.NEVER_RUN, lost=None), True, Grade.LATER),
    ],
)
def test_a_grade_is_of_severity_less_one_outside_production_for_a_small_loss_and_if_old(
    one: AttentionItem, *, in_production: bool, expected: Grade
) -> None:
    assert grade(one, in_production=in_production, now=NOW) is expected


def test_an_experiment_of_an_unknown_environment_counts_as_of_production() -> None:
    items = graded(found(item("nobody-knows"), item("in-test")), NOW)
    assert [(one.item.experiment_id, one.in_production) for one in items] == [
        ("nobody-knows", True),
        ("in-test", False),
    ]


def test_the_worst_comes_first_by_grade_production_loss_and_age() -> None:
    expected = [
        item("in-prod", lost=75.0),
        item("in-prod", lost=50.0, age=timedelta(hours=1)),
        item("in-prod", lost=50.0, age=timedelta(hours=2)),
        item("in-prod", lost=20.0),
        item("in-test", lost=90.0),
        item("in-test", AttentionKind.NEVER_RUN, lost=None),
    ]
    assert [one.item for one in graded(found(*reversed(expected)), NOW)] == expected


def test_lines_are_grouped_by_entities_and_groups_come_by_their_worst_line() -> None:
    both = part(WHOLE, TAGGED)
    items = graded(
        found(item("in-test", lost=30.0), item("in-prod"), item("also-in-test", lost=40.0), of=both), NOW
    )
    listed = attention_list(items, lambda _: LINKS, room=10, most=10)
    assert [
        ([entity.ref for entity in group.entities], [line.experiment_name for line in group.lines])
        for group in listed.pressing
    ] == [
        (["component:default/pay", "component:default/shop"], ["name of in-prod"]),
        (["component:default/shop"], ["name of also-in-test", "name of in-test"]),
    ]


def test_what_is_not_pressing_or_finds_no_room_is_folded_and_what_is_too_much_is_counted() -> None:
    urgent = [item("in-prod", lost=90.0 - number) for number in range(4)]
    later = [item("in-test", AttentionKind.NEVER_RUN, lost=None)] * 3
    listed = attention_list(graded(found(*later, *urgent), NOW), lambda _: LINKS, room=3, most=6)
    lines = [line.change for group in listed.pressing for line in group.lines]
    assert lines == [-90.0, -89.0, -88.0]
    folded = [line.grade for group in listed.rest for line in group.lines]
    assert folded == [Grade.URGENT, Grade.LATER, Grade.LATER]
    assert (listed.rest_number, listed.left_out) == (3, 1)


def test_nothing_of_later_is_in_view() -> None:
    quiet = graded(found(item("in-test", AttentionKind.NEVER_RUN, lost=None)), NOW)
    listed = attention_list(quiet, lambda _: LINKS, room=10, most=10)
    assert (listed.pressing, listed.rest_number) == ((), 1)
    assert listed
    assert not attention_list([], lambda _: LINKS, room=10, most=10)


def test_an_experiment_has_the_worst_grade_of_all_that_is_wrong_with_it() -> None:
    items = graded(found(item("in-prod", AttentionKind.STUCK, lost=None), item("in-prod")), NOW)
    assert grades_by_experiment(items) == {"in-prod": Grade.URGENT}
