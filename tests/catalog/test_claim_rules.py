"""Whose a project is: what is configured, what tags say, who names it and who did first."""

from collections.abc import Collection, Iterable
from datetime import timedelta
from typing import Any

import pytest

from sidecar.catalog.claims.rules import (
    REMEMBERED_FOR,
    ClaimSource,
    ProjectClaim,
    claim_of,
    claim_sentence,
    owners_in_tags,
    preferred_project,
)
from sidecar.domain.catalog import Entity, Naming
from sidecar.domain.model import Environment
from tests.support.builders import NOW, entity, environment, project

A, B, C = "group:default/team-a", "group:default/team-b", "group:default/team-c"
HOUR = timedelta(hours=1)
SHORTLY = NOW - HOUR


def owned(*owners: str | None) -> list[Entity]:
    return [entity(f"component:default/part-{number}", owner=owner) for number, owner in enumerate(owners)]


def seen(owner: str, hours_ago: int, *, gone: timedelta | None = None) -> Naming:
    """Somebody first seen so many hours ago (of a year), and gone since."""
    return Naming(
        project=project(),
        owner=owner,
        first_seen_at=NOW - timedelta(days=365) - hours_ago * HOUR,
        gone_at=None if gone is None else NOW - gone,
    )


def tagged(*tags: str, is_removed: bool = False) -> Environment:
    return environment(tags=tags, is_removed=is_removed)


def claim(
    *owners: str | None,
    configured: Iterable[str] | None = None,
    environments: Iterable[Environment] | None = (),
    project_tags: Collection[str] | None = (),
    namings: Iterable[Naming] = (),
) -> ProjectClaim:
    return claim_of(
        project(),
        configured={} if configured is None else {project(): frozenset(configured)},
        environments=None if environments is None else tuple(environments),
        project_tags=project_tags,
        entities=owned(*owners),
        namings=tuple(namings),
        now=NOW,
    )


CLAIMS: dict[str, tuple[ProjectClaim, ClaimSource, set[str]]] = {
    "the configuration before tags and names": (
        claim(A, configured=[B], environments=[tagged(f"backstage-owner:{C}")]),
        ClaimSource.CONFIGURED,
        {B},
    ),
    "tags before names": (claim(A, environments=[tagged(f"backstage-owner:{B}")]), ClaimSource.TAGGED, {B}),
    "a tag of the project before names": (
        claim(A, project_tags=("gke", f"backstage-owner:{B}")),
        ClaimSource.TAGGED,
        {B},
    ),
    "a tag of the project beside those of environments": (
        claim(A, environments=[tagged(f"backstage-owner:{B}")], project_tags=("Backstage-Owner: team-c ",)),
        ClaimSource.TAGGED,
        {B, C},
    ),
    "the configuration before a tag of the project": (
        claim(A, configured=[B], project_tags=(f"backstage-owner:{C}",)),
        ClaimSource.CONFIGURED,
        {B},
    ),
    "nobody's where the project's tag cannot be read": (
        claim(A, project_tags=("backstage-owner:",)),
        ClaimSource.TAGGED,
        set(),
    ),
    "all tags together": (
        claim(A, environments=[tagged("x", f"backstage-owner:{B}"), tagged("Backstage-Owner: team-c ")]),
        ClaimSource.TAGGED,
        {B, C},
    ),
    "no tag of a deleted environment": (
        claim(A, environments=[tagged(f"backstage-owner:{B}", is_removed=True)]),
        ClaimSource.NAMED,
        {A},
    ),
    "nobody by a tag that cannot be read": (
        claim(A, environments=[tagged("backstage-owner:a/b/c")]),
        ClaimSource.TAGGED,
        set(),
    ),
    "the one owner who names it": (claim(A, A), ClaimSource.NAMED, {A}),
    "the one owner, beside who is nobody's": (claim(A, None), ClaimSource.NAMED, {A}),
    "all owners who name it": (claim(A, B), ClaimSource.NAMED, {A, B}),
    "nobody if nobody owns what names it": (claim(None), ClaimSource.NAMED, {""}),
    "the elder alone once the newcomer has left": (
        claim(A, namings=[seen(A, 9), seen(B, 5, gone=HOUR)]),
        ClaimSource.NAMED,
        {A},
    ),
    "the elder too after it has left": (
        claim(B, namings=[seen(A, 9, gone=HOUR), seen(B, 5)]),
        ClaimSource.NAMED,
        {A, B},
    ),
    "the elder too while only we have not seen it leave": (
        claim(B, namings=[seen(A, 9), seen(B, 5)]),
        ClaimSource.NAMED,
        {A, B},
    ),
    "the elder too whom a newcomer follows that nobody remembers yet": (
        claim(B, namings=[seen(A, 9, gone=HOUR)]),
        ClaimSource.NAMED,
        {A, B},
    ),
    "both of who came at once, after one left": (
        claim(B, namings=[seen(A, 9, gone=HOUR), seen(B, 9)]),
        ClaimSource.NAMED,
        {A, B},
    ),
    "the newcomer once the elder is long gone": (
        claim(B, namings=[seen(A, 9, gone=REMEMBERED_FOR), seen(B, 5)]),
        ClaimSource.NAMED,
        {B},
    ),
    "the elder alone of one who came and left in between": (
        claim(A, C, namings=[seen(A, 9), seen(B, 5, gone=HOUR), seen(C, 3)]),
        ClaimSource.NAMED,
        {A, C},
    ),
    "nobody's elder stays nobody's": (
        claim(B, None, namings=[seen("", 9), seen(B, 5)]),
        ClaimSource.NAMED,
        {"", B},
    ),
    "nobody's elder after it has left": (
        claim(B, namings=[seen("", 9, gone=HOUR), seen(B, 5)]),
        ClaimSource.NAMED,
        {"", B},
    ),
    "nobody's newcomer takes nothing": (
        claim(A, None, namings=[seen(A, 9), seen("", 5)]),
        ClaimSource.NAMED,
        {A},
    ),
}


@pytest.mark.parametrize(("found", "source", "owners"), CLAIMS.values(), ids=CLAIMS.keys())
def test_whose_a_project_is(found: ProjectClaim, source: ClaimSource, owners: set[str]) -> None:
    assert (found.source, set(found.owners)) == (source, owners)


def test_before_tags_were_read_names_alone_are_not_certain() -> None:
    assert not claim(A, environments=None).is_certain
    assert claim(A, configured=[A], environments=None).is_certain
    assert not claim(A, project_tags=None).is_certain
    assert claim(A, configured=[A], project_tags=None).is_certain
    assert claim(A, environments=(), project_tags=()).is_certain


def test_what_was_not_read_adds_no_owner_to_what_was() -> None:
    """Whoever acts by some of the tags would act by all of them: no claim grows by a missing answer."""
    of_project, of_environment = (f"backstage-owner:{B}",), [tagged(f"backstage-owner:{C}")]
    whole = claim(A, environments=of_environment, project_tags=of_project).owners
    for environments, project_tags in ((None, of_project), (of_environment, None), (None, None)):
        part = claim(A, environments=environments, project_tags=project_tags)
        assert not part.is_certain or part.owners <= whole


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (claim(A), None),
        (claim(A, B, configured=[A]), None),
        (claim(A, B, environments=[tagged("backstage-owner:team-a")]), None),
        (claim(A, B), "Several owners name"),
        (claim(B, namings=[seen(A, 9, gone=HOUR), seen(B, 5)]), "Another owner named"),
        (claim(A, environments=[tagged("backstage-owner:")]), "name no owner that can be read"),
    ],
)
def test_the_sentence_says_what_to_configure_and_names_nobody(found: ProjectClaim, words: str | None) -> None:
    sentence = claim_sentence(found)
    if words is None:
        assert sentence is None
        return
    assert sentence is not None
    assert words in sentence
    assert "backstage-owner:group:default/<team>" in sentence
    assert "team-a" not in sentence
    assert "team-b" not in sentence


def test_no_tag_is_no_claim() -> None:
    assert owners_in_tags([tagged("gke", "owner:team-a", "backstage-owner")], ["owner:team-a"]) is None


HERE, THERE = project("p-1", "default"), project("p-1", "west")
NAMED = ProjectClaim(source=ClaimSource.NAMED, owners=frozenset({A}))
TAGGED = ProjectClaim(source=ClaimSource.TAGGED, owners=frozenset({A}))
CONFIGURED = ProjectClaim(source=ClaimSource.CONFIGURED, owners=frozenset({A}))


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ({"claims": (NAMED, NAMED), "since": (SHORTLY, NOW)}, HERE),
        ({"claims": (NAMED, NAMED), "since": (NOW, SHORTLY)}, THERE),
        ({"claims": (NAMED, NAMED), "since": (NOW, None)}, HERE),
        ({"claims": (NAMED, NAMED), "since": (NOW, NOW)}, None),
        ({"claims": (NAMED, NAMED), "since": (None, None)}, None),
        ({"claims": (NAMED, TAGGED), "since": (SHORTLY, NOW)}, THERE),
        ({"claims": (CONFIGURED, TAGGED), "since": (NOW, SHORTLY)}, HERE),
        ({"claims": (TAGGED, TAGGED), "since": (NOW, SHORTLY)}, THERE),
    ],
)
def test_of_two_instances_the_claim_wins_else_the_elder(given: dict[str, Any], meant: object) -> None:
    since = dict(zip((HERE, THERE), given["since"], strict=True))
    claims = dict(zip((HERE, THERE), given["claims"], strict=True))
    assert preferred_project(claims, {key: at for key, at in since.items() if at is not None}) == meant
