"""What is told beforehand is what would be said: of every caller and kind, whatever Litmus has."""

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from sidecar.actions.kinds import KINDS
from sidecar.actions.permissions import Permissions, plainest_of
from sidecar.actions.policy import Caller, CallerKind, Case, PolicyLevel, Rules, refuse, refuse_form
from sidecar.catalog.claims import ClaimSource, ProjectClaim
from sidecar.domain.catalog import Entity
from sidecar.domain.errors import SidecarError
from sidecar.domain.model import Content, Experiment
from sidecar.domain.roles import LitmusRole
from tests.support.builders import NOW, experiment, project
from tests.support.strategies import contents, schedules

GROUPS = ("group:default/team-a", "group:default/team-b", "group:default/sre")
ENTITY = Entity(ref="component:default/cart", project=project(), owner=GROUPS[0])
NARROWED = msgspec.structs.replace(ENTITY, experiment_tags=("-",))

callers = st.builds(
    Caller,
    name=st.sampled_from(("user:default/alice", "key:ci", "litmus:admin")),
    kind=st.sampled_from(CallerKind),
    scopes=st.frozensets(st.sampled_from(("read", "run", "admin"))),
    owns=st.frozensets(st.sampled_from((*GROUPS, "user:default/alice", "group:default/others"))),
    role=st.none() | st.sampled_from(LitmusRole),
    hidden=st.frozensets(st.sampled_from((ENTITY.ref, "component:default/other"))),
)
claims = st.builds(
    ProjectClaim,
    source=st.sampled_from(ClaimSource),
    owners=st.frozensets(st.sampled_from(GROUPS)),
    is_certain=st.booleans(),
)
rules = st.builds(
    Rules,
    policy=st.sampled_from(PolicyLevel),
    groups=st.frozensets(st.sampled_from(GROUPS[2:])),
    production=st.sampled_from(PolicyLevel),
)
known = st.builds(
    msgspec.structs.replace, contents, schedules=st.none() | st.lists(schedules, max_size=4).map(tuple)
)


@st.composite
def permissions(draw: st.DrawFn) -> Permissions:
    entity, caller = draw(st.sampled_from((ENTITY, NARROWED))), draw(callers)
    claim, rule = draw(claims), draw(rules)
    return Permissions(
        cases=tuple(
            Case(caller=caller, asked=asked, entities=(entity,), claim=claim, rules=rule)
            for asked in plainest_of(entity)
        ),
        content=draw(known),
        token_role=draw(st.none() | st.sampled_from(LitmusRole)),
        now=NOW,
    )


def words(refusal: SidecarError | None) -> tuple[str, str] | None:
    return None if refusal is None else (refusal.code, str(refusal))


def told(told_of: Permissions) -> list[dict[str, tuple[str, str] | None]]:
    experiments = told_of.content.experiments or ()
    return [{kind: words(refusal) for kind, refusal in one.items()} for one in told_of.of(experiments)]


@given(permissions())
def test_every_kind_is_refused_beforehand_in_the_very_words_of_the_rules(of: Permissions) -> None:
    experiments = of.content.experiments or ()
    for one, refusals in zip(experiments, told(of), strict=True):
        assert refusals == {case.asked.kind: words(said(of, case, one)) for case in of.cases}


def said(of: Permissions, case: Case, one: Experiment) -> SidecarError | None:
    asked = msgspec.structs.replace(case.asked, experiment_id=one.experiment_id)
    return refuse(msgspec.structs.replace(case, asked=asked), one, of.content, of.token_role, of.now)


@given(permissions(), callers)
def test_callers_of_one_outcome_are_told_the_same(of: Permissions, other: Caller) -> None:
    cases = tuple(msgspec.structs.replace(case, caller=other) for case in of.cases)
    others = msgspec.structs.replace(of, cases=cases)
    if others.outcome == of.outcome:
        assert told(others) == told(of)


@given(permissions())
def test_what_sets_a_caller_apart_alone_is_told_the_same(of: Permissions) -> None:
    """A name, group or scope that is left out of the outcome changes no word."""
    _, standings = of.outcome
    reduced = tuple(
        msgspec.structs.replace(case, caller=caller) for case, caller in zip(of.cases, standings, strict=True)
    )
    assert told(msgspec.structs.replace(of, cases=reduced)) == told(of)


def test_owners_share_one_outcome_and_strangers_have_their_own() -> None:
    def outcome(name: str, *owns: str) -> object:
        caller = Caller(name=name, kind=CallerKind.PERSON, owns=frozenset({name, *owns}))
        claim = ProjectClaim(source=ClaimSource.CONFIGURED, owners=frozenset({GROUPS[0]}))
        cases = tuple(
            Case(caller=caller, asked=asked, entities=(ENTITY,), claim=claim, rules=Rules())
            for asked in plainest_of(ENTITY)
        )
        return Permissions(cases=cases, content=Content(), token_role=None, now=NOW).outcome

    alice, carol = "user:default/alice", "user:default/carol"
    assert outcome(alice, GROUPS[0]) == outcome(carol, GROUPS[0], "group:default/others")
    assert len({outcome(alice, GROUPS[0]), outcome(alice), outcome(carol)}) == 3


def test_the_plainest_request_of_each_kind_is_one_that_can_be_made() -> None:
    asked = list(plainest_of(ENTITY))
    assert [one.kind for one in asked] == list(KINDS)
    for one in asked:
        assert refuse_form(msgspec.structs.replace(one, experiment_id=experiment().experiment_id)) is None
