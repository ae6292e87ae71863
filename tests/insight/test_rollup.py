"""Roll-up by group, and entities that are only part of their project."""

from collections.abc import Mapping, Sequence
from datetime import timedelta

import msgspec
import pytest

from sidecar.domain.catalog import Entity
from sidecar.domain.model import ProjectRef
from sidecar.insight.digest import ProjectRuns, project_runs
from sidecar.insight.narrowing import covered_ids, narrow_content
from sidecar.insight.rollup import GroupFigures, Grouping, ProjectFigures, project_figures, roll_up
from sidecar.insight.windows import parse_window
from tests.support.builders import NOW, content, entity, experiment, infra, project
from tests.support.histories import known, run, schedule

WINDOW = parse_window(now=NOW, window="24h")
SHOP, BANK, EMPTY = project("shop"), project("bank"), project("empty")
TEAM_A, TEAM_B = "group:default/team-a", "group:default/team-b"
DIGESTS = {
    SHOP: project_runs(
        [run(score=40.0, experiment_id="cart"), run(score=80.0, experiment_id="pay")],
        [known("cart", tags=("x",), infra_id="infra-1"), known("pay", tags=("y",), infra_id="infra-2")],
    ),
    BANK: project_runs([run(NOW - timedelta(hours=1), score=90.0)], [known()]),
}


def grouped(
    *entities: Entity, by: Grouping = Grouping.OWNER, digests: Mapping[ProjectRef, ProjectRuns] = DIGESTS
) -> tuple[GroupFigures, ...]:
    def figures_of(ref: ProjectRef, members: Sequence[Entity]) -> ProjectFigures | None:
        return project_figures(digests[ref], members, WINDOW) if ref in digests else None

    return roll_up(entities, by, figures_of)


def part(ref: str, *, tags: tuple[str, ...] = (), infra_ids: tuple[str, ...] = ()) -> Entity:
    return msgspec.structs.replace(entity(ref, project=SHOP), experiment_tags=tags, infra_ids=infra_ids)


def test_a_run_counts_once_however_many_entities_of_the_group_name_its_project() -> None:
    (team,) = grouped(
        entity("component:default/a", project=SHOP), entity("component:default/b", project=SHOP)
    )
    assert (team.window.total, team.score_now.number, team.projects) == (2, 2, (SHOP,))


def test_the_worst_group_comes_first_and_those_without_a_score_last() -> None:
    groups = grouped(
        entity("component:default/a", project=EMPTY, owner=None),
        entity("component:default/b", project=BANK, owner=TEAM_A),
        entity("component:default/c", project=SHOP, owner=TEAM_B),
    )
    assert [(one.group, one.score_now.score) for one in groups] == [
        (TEAM_B, 60.0),
        (TEAM_A, 90.0),
        (None, None),
    ]


def test_a_score_of_zero_is_the_worst_and_not_none() -> None:
    digests = {**DIGESTS, EMPTY: project_runs([run(phase="Error", score=0.0)])}
    groups = grouped(
        entity("component:default/a", project=SHOP, owner=TEAM_A),
        entity("component:default/b", project=EMPTY, owner=TEAM_B),
        digests=digests,
    )
    assert [one.group for one in groups] == [TEAM_B, TEAM_A]


def test_entities_without_the_group_are_together_and_named() -> None:
    (rest,) = grouped(entity(project=SHOP), entity("component:default/z", project=BANK), by=Grouping.DOMAIN)
    assert (rest.group, rest.entities) == (None, ("component:default/cart", "component:default/z"))


@pytest.mark.parametrize("by", [Grouping.SYSTEM, Grouping.DOMAIN])
def test_a_system_and_a_domain_are_in_the_group_of_their_parts(by: Grouping) -> None:
    whole = f"{by.value}:default/market"
    groups = grouped(
        entity(whole, project=BANK, system="system:default/above"),
        entity("component:default/a", project=SHOP, system=whole, domain=whole),
        entity("component:default/z", project=EMPTY),
        by=by,
    )
    assert [(one.group, one.entities) for one in groups] == [
        (whole, ("component:default/a", whole)),
        (None, ("component:default/z",)),
    ]


def test_a_system_is_of_the_domain_that_it_names() -> None:
    (group,) = grouped(
        entity("system:default/market", project=SHOP, domain="domain:default/commerce"), by=Grouping.DOMAIN
    )
    assert group.group == "domain:default/commerce"


def test_a_group_of_several_projects_is_the_mean_over_their_experiments() -> None:
    (team,) = grouped(
        entity("component:default/a", project=SHOP), entity("component:default/b", project=BANK)
    )
    assert (team.score_now.score, team.window.total) == (70.0, 3)


def test_a_narrowed_entity_brings_its_part_alone_and_says_so() -> None:
    (team,) = grouped(part("component:default/a", tags=("x",)))
    assert (team.score_now.score, team.window.total, team.narrowed) == (40.0, 1, True)


def test_two_narrowed_entities_bring_what_either_covers() -> None:
    (team,) = grouped(part("component:default/a", tags=("x",)), part("component:default/b", tags=("x", "y")))
    assert team.window.total == 2


def test_tags_and_infrastructures_narrow_together() -> None:
    both = part("component:default/a", tags=("x", "y"), infra_ids=("infra-2",))
    assert covered_ids([both], DIGESTS[SHOP].experiments) == frozenset({"pay"})


def test_an_entity_that_is_not_narrowed_covers_everything() -> None:
    narrowed = part("component:default/a", tags=("x",))
    assert covered_ids([narrowed, entity(project=SHOP)], DIGESTS[SHOP].experiments) is None


def test_an_infrastructure_that_is_gone_is_in_no_narrowed_part() -> None:
    digest = project_runs([run()], [known(infra_id=None)])
    assert (
        covered_ids([part("component:default/a", infra_ids=("infra-1",))], digest.experiments) == frozenset()
    )


def test_narrowed_content_has_the_experiments_schedules_and_infrastructures_of_the_part() -> None:
    one, other = infra("infra-1"), infra("infra-2")
    whole = msgspec.structs.replace(
        content(
            experiments=[
                experiment("cart", infra=one, cron_syntax="@daily"),
                experiment("pay", infra=other, cron_syntax="@daily"),
                experiment("gone", infra=None),
            ],
            infrastructures=[one, other],
        ),
        schedules=(
            schedule("@daily", experiment_id="cart"),
            schedule("@daily", experiment_id="pay"),
        ),
    )
    narrowed = narrow_content(whole, part("component:default/a", infra_ids=("infra-2",)))
    assert [one.experiment_id for one in narrowed.experiments or ()] == ["pay"]
    assert [one.experiment_id for one in narrowed.schedules or ()] == ["pay"]
    assert [one.infra_id for one in narrowed.infrastructures or ()] == ["infra-2"]
    assert (narrowed.run_stats, narrowed.hubs) == (None, whole.hubs)


def test_content_of_several_narrowed_entities_is_what_any_of_them_covers() -> None:
    one, other, third = infra("infra-1"), infra("infra-2"), infra("infra-3")
    whole = content(
        experiments=[
            experiment("cart", infra=one, tags=("shop",)),
            experiment("pay", infra=other),
            experiment("gone", infra=third),
        ],
        infrastructures=[one, other, third],
    )
    by_tag = part("component:default/a", tags=("shop",))
    by_infra = part("component:default/b", infra_ids=("infra-2",))
    narrowed = narrow_content(whole, by_tag, by_infra)
    assert [one.experiment_id for one in narrowed.experiments or ()] == ["cart", "pay"]
    # Where one of them is on whatever infrastructure, all are theirs.
    assert narrowed.infrastructures == whole.infrastructures
    assert narrow_content(whole, by_tag, entity()) is whole


def test_content_of_an_entity_that_is_not_narrowed_stays_as_it_is() -> None:
    whole = content()
    assert narrow_content(whole, entity()) is whole
