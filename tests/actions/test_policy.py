"""Every refusal, by its code and its first words; and who is let through."""

from datetime import timedelta
from typing import Any

import msgspec
import pytest

from sidecar.actions.policy import Caller, CallerKind, PolicyLevel, Rules, caller_of
from sidecar.catalog.claims import ClaimSource
from sidecar.domain.model import GitOps, Principal, Section
from sidecar.domain.roles import LitmusRole
from tests.actions.situations import (
    ADMIN,
    BANK,
    CART,
    CLAIMED,
    CRON,
    ELSES,
    ELSEWHERE,
    KEYED_STRANGER,
    LOCAL,
    NARROWED,
    OFFLINE,
    PRODUCTION,
    READ_KEY,
    RUN_KEY,
    SCHEDULE,
    SRE,
    STOP,
    STRANGER,
    TAGGED,
    asked,
    named_by,
    refusal,
    with_run,
)
from tests.support.builders import content, entity, experiment

REFUSALS: dict[str, tuple[dict[str, Any], str, str]] = {
    "owner of one of several entities": (
        {"entities": (CART, BANK)},
        "project_unclaimed",
        "Several owners name",
    ),
    "owner of one of several, asked for it": (
        {"entities": (CART, BANK), "asked_": asked(entity=CART), "claim": named_by((CART, BANK), content())},
        "project_unclaimed",
        "Several owners name",
    ),
    "stranger where several own": (
        {"caller": STRANGER, "entities": (CART, BANK)},
        "project_unclaimed",
        "Several owners name",
    ),
    "owner of an entity where others have the claim": (
        {"claim": ELSES},
        "forbidden",
        "Only the owners of this project that litmusSidecar.projects names",
    ),
    "owner of an entity where a tag names others": (
        {"claim": msgspec.structs.replace(ELSES, source=ClaimSource.TAGGED)},
        "forbidden",
        "Only the owners of this project that a tag of it in Litmus names",
    ),
    "owner where a tag names nobody that can be read": (
        {"claim": msgspec.structs.replace(ELSES, source=ClaimSource.TAGGED, owners=frozenset())},
        "project_unclaimed",
        "The tags backstage-owner:",
    ),
    "claimed owner outside of what the entity covers": (
        {"claim": CLAIMED, "entities": (NARROWED,), "of": experiment(tags=("till",))},
        "experiment_not_covered",
        "Experiment pod-delete is not part",
    ),
    "owner before tags were read": (
        {"within": content(without=[Section.ENVIRONMENTS])},
        "project_unclaimed",
        "Whose this project is, is not known yet",
    ),
    "anybody under users in production where others have the claim": (
        {"caller": STRANGER, "rules": Rules(policy=PolicyLevel.USERS), "claim": ELSES, "within": PRODUCTION},
        "forbidden",
        "Only the owners of this project",
    ),
    "owner of a newcomer whose elder has left": (
        {"claim": msgspec.structs.replace(ELSES, source=ClaimSource.NAMED, has_left=True)},
        "project_unclaimed",
        "Another owner named this Litmus project first",
    ),
    "empty experiment id": ({"asked_": asked(experiment_id="")}, "bad_request", "Experiment id is empty"),
    "unprintable experiment id": (
        {"asked_": asked(experiment_id="a\x00")},
        "bad_request",
        "Experiment id is none",
    ),
    "endless experiment id": (
        {"asked_": asked(experiment_id="a" * 257)},
        "bad_request",
        "Experiment id is none",
    ),
    "empty run id": ({"asked_": asked(STOP, run_id="")}, "bad_request", "Run id is empty"),
    "unprintable run id": ({"asked_": asked(STOP, run_id="\ud800")}, "bad_request", "Run id is none"),
    "notify id alone": ({"asked_": asked(STOP, notify_id="n")}, "bad_request", "Run id is missing"),
    "empty notify id alone": ({"asked_": asked(STOP, notify_id="")}, "bad_request", "Run id is missing"),
    "schedule to no state": (
        {"asked_": asked(SCHEDULE, suspended=None), "of": CRON},
        "bad_request",
        "Give suspended",
    ),
    "everybody while disabled": (
        {"caller": ADMIN, "rules": Rules(policy=PolicyLevel.DISABLED)},
        "actions_disabled",
        "Actions are disabled: ",
    ),
    "key while disabled": (
        {"caller": RUN_KEY, "rules": Rules(policy=PolicyLevel.DISABLED)},
        "actions_disabled",
        "Actions are disabled: ",
    ),
    "own machine while disabled": (
        {"caller": LOCAL, "rules": Rules(policy=PolicyLevel.DISABLED)},
        "actions_disabled",
        "Actions are disabled: ",
    ),
    "key in disabled production": (
        {"caller": RUN_KEY, "rules": Rules(production=PolicyLevel.DISABLED), "within": PRODUCTION},
        "actions_disabled",
        "Actions are disabled in production",
    ),
    "unknown environment counts as production": (
        {"rules": Rules(production=PolicyLevel.DISABLED), "within": content(environments=[])},
        "actions_disabled",
        "Actions are disabled in production",
    ),
    "key without the scope": ({"caller": READ_KEY}, "forbidden", "Scope 'run' is needed"),
    "person who owns nothing": ({"caller": STRANGER}, "forbidden", "Only owners of an entity"),
    "person whose key may run": ({"caller": KEYED_STRANGER}, "forbidden", "Only owners of an entity"),
    "owner of another project's entity": (
        {"entities": (ELSEWHERE,)},
        "forbidden",
        "Only owners of an entity",
    ),
    "owner of another entity than the one named": (
        {"asked_": asked(entity=entity("component:default/till", owner="group:default/team-b"))},
        "forbidden",
        "Only owners of component:default/till",
    ),
    "entity of another project": (
        {"caller": RUN_KEY, "asked_": asked(entity=ELSEWHERE)},
        "forbidden",
        "Entity component:default/bank does not name",
    ),
    "anybody in owners' production": (
        {"caller": STRANGER, "rules": Rules(policy=PolicyLevel.USERS), "within": PRODUCTION},
        "forbidden",
        "Only owners of an entity",
    ),
    "entity without an owner": (
        {"entities": (entity(owner=None),)},
        "forbidden",
        "Only owners of an entity",
    ),
    "outside of the narrowed set": (
        {"entities": (NARROWED,), "of": experiment(tags=("till",))},
        "experiment_not_covered",
        "Experiment pod-delete is not part of component:default/cart",
    ),
    "Litmus viewer": (
        {"caller": Caller(name="litmus:eve", kind=CallerKind.LITMUS, role=LitmusRole.VIEWER)},
        "forbidden",
        "Litmus role Executor or Owner is needed",
    ),
    "Litmus executor and a schedule": (
        {
            "caller": Caller(name="litmus:eve", kind=CallerKind.LITMUS, role=LitmusRole.EXECUTOR),
            "asked_": asked(SCHEDULE),
            "of": CRON,
        },
        "forbidden",
        "Litmus role Owner is needed",
    ),
    "run of a cron experiment": ({"of": CRON}, "experiment_scheduled", "Experiment pod-delete runs on a"),
    "forced run of a cron experiment": (
        {"of": CRON, "asked_": asked(force=True)},
        "experiment_scheduled",
        "Experiment pod-delete runs on a",
    ),
    "run without infrastructure": (
        {"of": experiment(infra=None)},
        "infrastructure_missing",
        "Infrastructure of experiment pod-delete is gone",
    ),
    "forced run on an inactive infrastructure": (
        {"of": experiment(infra=OFFLINE), "asked_": asked(force=True)},
        "infrastructure_inactive",
        "Infrastructure cluster-a is not connected",
    ),
    "already running": (
        {"of": with_run("Running")},
        "already_running",
        "Experiment pod-delete is already run",
    ),
    "already queued": (
        {"of": with_run("Queued")},
        "already_running",
        "Experiment pod-delete is already wait",
    ),
    "already pending": (
        {"of": with_run("Pending")},
        "already_running",
        "Experiment pod-delete is already waiting.",
    ),
    "stuck": (
        {"of": with_run("Queued", changed_ago=timedelta(hours=2))},
        "already_running",
        "Experiment pod-delete is already waiting, without any change since 2026-03-02 10:00 UTC",
    ),
    "stop of nothing": ({"asked_": asked(STOP)}, "run_finished", "No run of experiment pod-delete"),
    "stop of a finished run": (
        {"asked_": asked(STOP, run_id="run-1")},
        "run_finished",
        "Run is finished",
    ),
    "stop of an unknown run": (
        {"asked_": asked(STOP, run_id="run-x"), "of": with_run("Running")},
        "run_unknown",
        "Experiment pod-delete has no such run",
    ),
    "stop of what runs out of reach": (
        {
            "asked_": asked(STOP),
            "of": msgspec.structs.replace(with_run("Running"), infra=OFFLINE),
        },
        "infrastructure_inactive",
        "Infrastructure cluster-a is not connected",
    ),
    "switch of what has no schedule": (
        {"asked_": asked(SCHEDULE)},
        "experiment_not_scheduled",
        "Experiment pod-delete has no schedule",
    ),
    "switch on an inactive infrastructure": (
        {"asked_": asked(SCHEDULE), "of": msgspec.structs.replace(CRON, infra=OFFLINE)},
        "infrastructure_inactive",
        "Infrastructure cluster-a is not connected",
    ),
    "run with a viewer's token": (
        {"token_role": LitmusRole.VIEWER},
        "token_role_insufficient",
        "Action is off: the sidecar's token must be Executor or Owner in this Litmus project, and is Viewer",
    ),
    "switch with an executor's token": (
        {"token_role": LitmusRole.EXECUTOR, "asked_": asked(SCHEDULE), "of": CRON},
        "token_role_insufficient",
        "Action is off: the sidecar's token must be Owner in this Litmus project, and is Executor",
    ),
    "switch where the GitOps flag was denied": (
        {"asked_": asked(SCHEDULE), "of": CRON, "within": content(gitops=GitOps(enabled=None))},
        "token_role_insufficient",
        "Action is off: the sidecar's token must be Owner",
    ),
}


@pytest.mark.parametrize(("given", "code", "start"), REFUSALS.values(), ids=REFUSALS.keys())
def test_refused(given: dict[str, Any], code: str, start: str) -> None:
    refused = refusal(**given)
    assert refused is not None
    assert refused.code == code
    assert str(refused).startswith(start)


ALLOWED: dict[str, dict[str, Any]] = {
    "owner by group": {},
    "owner by user": {"entities": (entity(owner="user:default/alice"),)},
    "owner of all of several entities": {"entities": (entity(owner="user:default/alice"), CART)},
    "owner of the one entity that has an owner": {"entities": (entity(owner=None), CART)},
    "claimed owner": {"claim": CLAIMED, "entities": (BANK,)},
    "claimed owner asked for another's entity": {"claim": CLAIMED, "asked_": asked(entity=BANK)},
    "claimed owner in production": {"claim": CLAIMED, "entities": (BANK,), "within": PRODUCTION},
    "owner by a tag": {"claim": TAGGED, "entities": (BANK,)},
    "claimed owner, before tags were read": {
        "claim": CLAIMED,
        "within": content(without=[Section.ENVIRONMENTS]),
    },
    "member of a named group where nobody has a claim": {
        "caller": SRE,
        "rules": Rules(groups=SRE.owns),
        "entities": (CART, BANK),
    },
    "member of a named group where others have the claim": {
        "caller": SRE,
        "rules": Rules(groups=SRE.owns),
        "claim": CLAIMED,
    },
    "admin where nobody has a claim": {"caller": ADMIN, "entities": (CART, BANK)},
    "key where nobody has a claim": {"caller": RUN_KEY, "entities": (CART, BANK)},
    "key where others have the claim": {"caller": RUN_KEY, "claim": ELSES},
    "own machine where nobody has a claim": {"caller": LOCAL, "entities": (CART, BANK)},
    "Litmus executor where others have the claim": {
        "caller": Caller(name="litmus:eve", kind=CallerKind.LITMUS, role=LitmusRole.EXECUTOR),
        "claim": ELSES,
    },
    "anybody under users where others have the claim": {
        "caller": STRANGER,
        "rules": Rules(policy=PolicyLevel.USERS),
        "claim": ELSES,
    },
    "owner of the named entity": {"asked_": asked(entity=CART)},
    "owner within the narrowed set": {"entities": (NARROWED,), "of": experiment(tags=("cart",))},
    "owner of the whole and of a part": {"entities": (NARROWED, CART), "of": experiment(tags=("till",))},
    "owner in production": {"within": PRODUCTION},
    "admin": {"caller": ADMIN},
    "admin outside of the narrowed set": {
        "caller": ADMIN,
        "entities": (NARROWED,),
        "of": experiment(tags=("till",)),
    },
    "member of a named group": {
        "caller": msgspec.structs.replace(STRANGER, owns=frozenset({"group:default/sre"})),
        "rules": Rules(groups=frozenset({"group:default/sre"})),
    },
    "anybody under users": {"caller": STRANGER, "rules": Rules(policy=PolicyLevel.USERS)},
    "anybody under users outside of the narrowed set": {
        "caller": STRANGER,
        "rules": Rules(policy=PolicyLevel.USERS),
        "entities": (NARROWED,),
        "of": experiment(tags=("till",)),
    },
    "key with the scope": {"caller": RUN_KEY},
    "own machine": {"caller": LOCAL},
    "Litmus executor": {
        "caller": Caller(name="litmus:eve", kind=CallerKind.LITMUS, role=LitmusRole.EXECUTOR)
    },
    "forced second run": {"of": with_run("Running"), "asked_": asked(force=True)},
    "stop of a run": {"of": with_run("Running"), "asked_": asked(STOP, run_id="run-1")},
    "stop of a run by both ids": {
        "of": with_run("Running"),
        "asked_": asked(STOP, run_id="run-1", notify_id="n"),
    },
    "stop of all": {"of": with_run("Queued"), "asked_": asked(STOP)},
    "stop of what waits for an agent that is gone": {
        "of": msgspec.structs.replace(with_run("Queued"), infra=OFFLINE),
        "asked_": asked(STOP),
    },
    "switch of a schedule": {"of": CRON, "asked_": asked(SCHEDULE, suspended=False)},
    "executor's token": {"token_role": LitmusRole.EXECUTOR},
    "token without the GitOps flag": {"within": content(gitops=GitOps(enabled=None))},
}


@pytest.mark.parametrize("given", ALLOWED.values(), ids=ALLOWED.keys())
def test_allowed(given: dict[str, Any]) -> None:
    assert refusal(**given) is None


def test_production_never_widens_the_policy() -> None:
    rules = Rules(policy=PolicyLevel.OWNERS, production=PolicyLevel.USERS)
    refused = refusal(STRANGER, rules=rules, within=PRODUCTION)
    assert refused is not None
    assert refused.code == "forbidden"


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("local", CallerKind.LOCAL),
        ("key:ci", CallerKind.KEY),
        ("litmus:eve", CallerKind.LITMUS),
        ("user:default/alice", CallerKind.PERSON),
    ],
)
def test_the_name_tells_what_vouches_for_a_caller(name: str, kind: CallerKind) -> None:
    assert caller_of(Principal(name=name, scopes=frozenset())).kind is kind
