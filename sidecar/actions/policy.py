"""Who may act, and what makes sense to do: pure rules, each refusal one sentence.

Rights (``refuse_caller``, ``refuse_rights``) come before state
(``refuse_state``), so that nobody learns more than they may. Nothing here asks
Litmus or waits; what is not known does not refuse, except where guessing wrong
could do harm (see ``is_production``).
"""

from collections.abc import Collection
from datetime import datetime
from enum import StrEnum
from typing import Final, assert_never

import msgspec

from sidecar.actions.kinds import KINDS
from sidecar.actions.request import ActionRequest, is_id
from sidecar.catalog.claims import ClaimSource, ProjectClaim, claim_sentence
from sidecar.domain.catalog import Entity
from sidecar.domain.errors import (
    ActionsDisabledError,
    BadRequestError,
    ExperimentNotCoveredError,
    ForbiddenError,
    ProjectUnclaimedError,
    SidecarError,
    TokenRoleError,
)
from sidecar.domain.model import Content, Experiment, Principal
from sidecar.domain.roles import LitmusRole
from sidecar.insight.narrowing import narrowing_of

SET_BACKSTAGE: Final = (
    "Who asks is not known here, though a person's token came along: set litmusSidecar.auth.backstage, which "
    "verifies it."
)
"""What an operator has to do where people are refused since nobody can tell who they are."""


class PolicyLevel(StrEnum):
    """Who of the verified people may act, strictest first."""

    DISABLED = "disabled"
    """Nobody, keys included."""
    OWNERS = "owners"
    """Whose the project is (see ``claims``), on what an entity of it covers."""
    USERS = "users"
    """Everybody who is verified."""


class CallerKind(StrEnum):
    """What vouches for a caller."""

    LOCAL = "local"
    """This machine, while nobody is configured."""
    KEY = "key"
    PERSON = "person"
    """Verified by Backstage or by an authenticating proxy, with or without a key beside."""
    LITMUS = "litmus"
    """Signed in with Litmus, on the pages."""


class Caller(msgspec.Struct, frozen=True, kw_only=True):
    """Who asks for an action, and what their rights follow from."""

    name: str
    kind: CallerKind
    scopes: frozenset[str] = frozenset()
    """A key's ``run`` counts for the key alone, never for a person beside it; ``admin`` for people."""
    owns: frozenset[str] = frozenset()
    """References that a person acts as: their own and their groups', full and lower-case."""
    role: LitmusRole | None = None
    """The role Litmus gives a person who signed in with it, in the project in question."""
    hidden: frozenset[str] = frozenset()
    """References of the project's entities that the caller may not see: they give no right, nor are named."""
    hides_person: bool = False
    """Whether a key came with somebody's token that nothing here verifies, for want of ``auth.backstage``."""


def caller_of(
    principal: Principal,
    *,
    owns: Collection[str] = (),
    role: LitmusRole | None = None,
    hidden: frozenset[str] = frozenset(),
    hides_person: bool = False,
) -> Caller:
    """Return the caller that a principal is, by the form of its name."""
    kind = CallerKind.PERSON
    if principal.name == "local":
        kind = CallerKind.LOCAL
    elif principal.name.startswith("key:"):
        kind = CallerKind.KEY
    elif principal.name.startswith("litmus:"):
        kind = CallerKind.LITMUS
    return Caller(
        name=principal.name,
        kind=kind,
        scopes=principal.scopes,
        owns=frozenset(owns),
        role=role,
        hidden=hidden,
        hides_person=hides_person,
    )


class Rules(msgspec.Struct, frozen=True, kw_only=True):
    """What is configured under ``actions``."""

    policy: PolicyLevel = PolicyLevel.OWNERS
    groups: frozenset[str] = frozenset()
    """Groups whose members count as owners everywhere; full references, lower-case."""
    production: PolicyLevel = PolicyLevel.OWNERS
    """In environments of type ``PROD``; only ever makes ``policy`` stricter."""


def refuse_form(asked: ActionRequest) -> SidecarError | None:
    """Refuse what no state of the world would make sensible."""
    if not asked.experiment_id:
        return BadRequestError("Experiment id is empty.", parameter="experimentID")
    if not is_id(asked.experiment_id):
        return BadRequestError("Experiment id is none Litmus could have given.", parameter="experimentID")
    return KINDS[asked.kind].refuse_form(asked)


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that a caller's rights follow from."""

    caller: Caller
    asked: ActionRequest
    entities: tuple[Entity, ...]
    """Those that name the project; just the one asked for, if one was."""
    claim: ProjectClaim
    """Whose the project is."""
    rules: Rules


def refuse_caller(case: Case) -> SidecarError | None:
    """Refuse who may not act in this project at all."""
    caller, asked = case.caller, case.asked
    if case.rules.policy is PolicyLevel.DISABLED:
        return ActionsDisabledError("Actions are disabled: this sidecar does not run or stop experiments.")
    if asked.entity is not None and asked.entity.project != asked.project:
        return ForbiddenError(f"Entity {asked.entity.ref} does not name this project.")
    match caller.kind:
        case CallerKind.LOCAL:
            refusal = None
        case CallerKind.KEY:
            refusal = _refuse_key(caller)
        case CallerKind.LITMUS:
            refusal = _refuse_litmus_role(caller, KINDS[asked.kind].roles)
        case CallerKind.PERSON:
            refusal = None if _acts_as_owner(case, case.rules.policy) else _not_owner(case)
        case _:
            assert_never(caller.kind)
    return refusal


def refuse_rights(case: Case, experiment: Experiment, content: Content) -> SidecarError | None:
    """Refuse who may not act on this experiment, though in the project."""
    level = case.rules.policy
    if is_production(experiment, content):
        if case.rules.production is PolicyLevel.DISABLED:
            return ActionsDisabledError("Actions are disabled in production environments.")
        if case.rules.production is PolicyLevel.OWNERS:
            level = PolicyLevel.OWNERS
    if case.caller.kind is not CallerKind.PERSON or _acts_everywhere(case, level):
        return None
    entrusted = _entrusted(case)
    if not entrusted:
        return _not_owner(case)
    if not case.claim.is_certain:
        return ProjectUnclaimedError(
            "Whose this project is, is not known yet: tags of it or its environments in Litmus, or who "
            "named it first, were not read so far."
        )
    if any(covers(entity, experiment) for entity in entrusted):
        return None
    names = ", ".join(sorted(entity.ref for entity in entrusted))
    return ExperimentNotCoveredError(f"Experiment {experiment.name} is not part of {names}.")


def refuse_state(
    asked: ActionRequest,
    experiment: Experiment,
    content: Content,
    token_role: LitmusRole | None,
    now: datetime,
) -> SidecarError | None:
    """Refuse what makes no sense now; ``token_role`` is our own token's, ``None`` where it is not known."""
    kind = KINDS[asked.kind]
    refusal = kind.refuse_state(asked, experiment, content, now)
    return refusal or _refuse_token(kind.roles, content, token_role)


def refuse(
    case: Case,
    experiment: Experiment,
    content: Content,
    token_role: LitmusRole | None,
    now: datetime,
) -> SidecarError | None:
    """Refuse by every rule in turn, form and rights before state."""
    return (
        refuse_form(case.asked)
        or refuse_caller(case)
        or refuse_rights(case, experiment, content)
        or refuse_state(case.asked, experiment, content, token_role, now)
    )


def covers(entity: Entity, experiment: Experiment) -> bool:
    """Tell whether the experiment belongs to the part of its project that the entity is."""
    narrowing = narrowing_of(entity)
    infra_id = experiment.infra.infra_id if experiment.infra else None
    return narrowing is None or narrowing.covers(experiment.tags, infra_id)


def is_production(experiment: Experiment, content: Content) -> bool:
    """Tell whether the experiment runs in production; where its environment is not known, it counts so."""
    return experiment.infra is None or experiment.infra.environment_id not in harmless_environments(content)


def harmless_environments(content: Content) -> frozenset[str]:
    """Return the ids of the environments that Litmus says are none of production."""
    environments = content.environments or ()
    harmful = {one.environment_id for one in environments if one.type != "NON_PROD"}
    return frozenset(one.environment_id for one in environments) - harmful


def standing(case: Case) -> Caller:
    """Return the caller with nothing but what the refusals of this case follow from.

    Callers of one standing get the very same refusals. A name is kept where a
    refusal may tell it, else it is empty.
    """
    caller, rules = case.caller, case.rules
    owners = {entity.owner for entity in case.entities} | case.claim.owners | rules.groups
    return Caller(
        name=caller.name if _may_be_named(case) else "",
        kind=caller.kind,
        scopes=caller.scopes & {"run", "admin"},
        owns=caller.owns & owners,
        role=caller.role,
        hidden=caller.hidden & {entity.ref for entity in case.entities},
        hides_person=caller.hides_person,
    )


def _may_be_named(case: Case) -> bool:
    """Tell whether a refusal may tell the caller's name."""
    caller = case.caller
    match caller.kind:
        case CallerKind.LOCAL:
            return False
        case CallerKind.KEY:
            return _refuse_key(caller) is not None
        case CallerKind.LITMUS:
            return caller.role not in KINDS[case.asked.kind].roles
        case CallerKind.PERSON:
            return not _acts_as_owner(case, PolicyLevel.OWNERS)
        case _:
            assert_never(caller.kind)


def _acts_everywhere(case: Case, level: PolicyLevel) -> bool:
    return (
        level is PolicyLevel.USERS
        or "admin" in case.caller.scopes
        or not case.rules.groups.isdisjoint(case.caller.owns)
    )


def _acts_as_owner(case: Case, level: PolicyLevel) -> bool:
    return _acts_everywhere(case, level) or bool(_entrusted(case))


def _entrusted(case: Case) -> list[Entity]:
    """Return the seen entities through which the caller may act; the one asked for alone, if one was.

    Whoever has a claim acts through each of the project's; without one, through
    their own, and only who owns as all of them.
    """
    asked, claim, owns, hidden = case.asked, case.claim, case.caller.owns, case.caller.hidden
    candidates = case.entities if asked.entity is None else (asked.entity,)
    named = [one for one in candidates if one.project == asked.project and one.ref not in hidden]
    if claim.is_explicit:
        return [] if claim.owners.isdisjoint(owns) else named
    return [entity for entity in named if entity.owner in owns] if claim.owners <= owns else []


def _not_owner(case: Case) -> SidecarError:
    """Say why somebody may not act, without naming an entity or owner that they did not name."""
    if (unclaimed := claim_sentence(case.claim)) is not None:
        return ProjectUnclaimedError(unclaimed)
    if case.claim.is_explicit:
        where = (
            "litmusSidecar.projects"
            if case.claim.source is ClaimSource.CONFIGURED
            else "a tag of it in Litmus"
        )
        return ForbiddenError(
            f"Only the owners of this project that {where} names may do this, and {case.caller.name} is none."
        )
    entity = case.asked.entity
    what = entity.ref if entity is not None else "an entity of this project"
    return ForbiddenError(f"Only owners of {what} may do this, and {case.caller.name} is none.")


def _refuse_key(caller: Caller) -> SidecarError | None:
    if "run" in caller.scopes:
        return None
    if caller.hides_person:
        # Never that the key lacks it: with it everybody who is signed in would act as the key.
        return ForbiddenError(f"Only people act through {caller.name}, by their own rights. {SET_BACKSTAGE}")
    return ForbiddenError(f"Scope 'run' is needed to act, and {caller.name} does not have it.")


def _refuse_litmus_role(caller: Caller, enough: frozenset[LitmusRole]) -> SidecarError | None:
    if caller.role in enough:
        return None
    return ForbiddenError(
        f"Litmus role {_either(enough)} is needed in this project, and {caller.name} does not have it."
    )


def _refuse_token(
    enough: frozenset[LitmusRole], content: Content, role: LitmusRole | None
) -> SidecarError | None:
    if role is not None:
        is_enough = role in enough
    else:
        # Only an Owner may read the GitOps flag: where it was denied, the token is none.
        denied = content.gitops is not None and content.gitops.enabled is None
        is_enough = not (denied and enough == {LitmusRole.OWNER})
    if is_enough:
        return None
    has = f"is {role}" if role is not None else "is not"
    return TokenRoleError(
        f"Action is off: the sidecar's token must be {_either(enough)} in this Litmus project, and {has}."
    )


def _either(roles: Collection[LitmusRole]) -> str:
    return " or ".join(sorted(role.value for role in roles))
