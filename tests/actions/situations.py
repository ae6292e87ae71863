"""Who asks for what of which experiment, and what the policy says to it."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

import msgspec

from sidecar.actions.policy import (
    Caller,
    CallerKind,
    Case,
    Rules,
    refuse_caller,
    refuse_form,
    refuse_rights,
    refuse_state,
)
from sidecar.actions.request import ActionRequest
from sidecar.catalog.claims import ClaimSource, ProjectClaim, claim_of
from sidecar.domain.action import ActionKind
from sidecar.domain.catalog import Entity
from sidecar.domain.errors import SidecarError
from sidecar.domain.model import Content, Experiment
from sidecar.domain.roles import LitmusRole
from tests.support.builders import (
    NOW,
    NOW_MS,
    content,
    entity,
    environment,
    experiment,
    infra,
    project,
    recent_run,
)

RUN, STOP, SCHEDULE = ActionKind.RUN, ActionKind.STOP, ActionKind.SCHEDULE
OWNER = Caller(
    name="user:default/alice",
    kind=CallerKind.PERSON,
    owns=frozenset({"user:default/alice", "group:default/team-a"}),
)
STRANGER = Caller(name="user:default/bob", kind=CallerKind.PERSON, owns=frozenset({"user:default/bob"}))
ADMIN = msgspec.structs.replace(STRANGER, scopes=frozenset({"read", "admin"}))
KEYED_STRANGER = msgspec.structs.replace(STRANGER, scopes=frozenset({"read", "run"}))
RUN_KEY = Caller(name="key:ci", kind=CallerKind.KEY, scopes=frozenset({"run"}))
READ_KEY = Caller(name="key:portal", kind=CallerKind.KEY, scopes=frozenset({"read", "admin"}))
LOCAL = Caller(name="local", kind=CallerKind.LOCAL)
CART = entity()
NARROWED = Entity(
    ref="component:default/cart",
    project=project(),
    owner="group:default/team-a",
    experiment_tags=("cart",),
)
ELSEWHERE = entity("component:default/bank", project=project("project-bank"))
BANK = entity("component:default/bank", owner="group:default/team-b")
CLAIMED = ProjectClaim(source=ClaimSource.CONFIGURED, owners=frozenset({"group:default/team-a"}))
TAGGED = ProjectClaim(source=ClaimSource.TAGGED, owners=CLAIMED.owners)
ELSES = ProjectClaim(source=ClaimSource.CONFIGURED, owners=frozenset({"group:default/team-c"}))
SRE = msgspec.structs.replace(STRANGER, owns=frozenset({"group:default/sre"}))
IDLE = experiment()
CRON = experiment(cron_syntax="0 2 * * *")
OFFLINE = infra(is_active=False)
PRODUCTION = content(environments=[environment(type="PROD")])


def asked(kind: ActionKind = RUN, **changes: Any) -> ActionRequest:
    given: dict[str, Any] = {"kind": kind, "project": project(), "experiment_id": "experiment-1"}
    if kind is SCHEDULE:
        given["suspended"] = True
    return ActionRequest(**(given | changes))


def with_run(phase: str, *, changed_ago: timedelta = timedelta(0)) -> Experiment:
    changed_at_ms = NOW_MS - int(changed_ago.total_seconds() * 1000)
    return experiment(recent_runs=[recent_run("run-1", phase, updated_at_ms=changed_at_ms)])


def named_by(entities: Iterable[Entity], known: Content) -> ProjectClaim:
    """Whose the project is when nobody is remembered and nothing is configured."""
    return claim_of(
        project(),
        configured={},
        environments=known.environments,
        project_tags=(),
        entities=[one for one in entities if one.project == project()],
        namings=(),
        now=NOW,
    )


def refusal(
    caller: Caller = OWNER,
    asked_: ActionRequest | None = None,
    *,
    entities: tuple[Entity, ...] = (CART,),
    claim: ProjectClaim | None = None,
    rules: Rules | None = None,
    of: Experiment = IDLE,
    within: Content | None = None,
    token_role: LitmusRole | None = None,
) -> SidecarError | None:
    """All rules in the order in which they are asked."""
    wanted, known = asked_ or asked(), within or content()
    case = Case(
        caller=caller,
        asked=wanted,
        entities=entities,
        claim=claim or named_by(entities, known),
        rules=rules or Rules(),
    )
    return (
        refuse_form(wanted)
        or refuse_caller(case)
        or refuse_rights(case, of, known)
        or refuse_state(wanted, of, known, token_role, NOW)
    )
