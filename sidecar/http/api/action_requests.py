"""Who asks to act, what for (out of a body or a GraphQL mutation), and what a mutation answers.

Reading only: rights and everything else are the business of ``actions``.
"""

from collections.abc import Mapping
from typing import Final, TypeVar

import msgspec

from sidecar.actions.policy import Asked, caller_of
from sidecar.actions.policy import Caller as ActingCaller
from sidecar.domain.action import Action, ActionKind, ActionOutcome
from sidecar.domain.errors import BadRequestError, StopIncompleteError, UpstreamAnswerLostError
from sidecar.domain.model import Entity, ProjectRef
from sidecar.http.gate.caller import Caller
from sidecar.http.gate.visible_entities import hidden_refs
from sidecar.http.services import Services
from sidecar.replica import MutationRequest


class RunBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Body of ``…/run``."""

    force: bool = False
    """Start another run though one is unfinished."""


class StopBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Body of ``…/stop``."""

    run_id: str | msgspec.UnsetType = msgspec.field(name="runID", default=msgspec.UNSET)
    """The run to stop; never null, which may be an id that somebody failed to fill in."""
    all: bool | msgspec.UnsetType = msgspec.UNSET
    """``true``: all unfinished runs of the experiment, as without a body."""


class ScheduleBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Body of ``…/schedule``."""

    suspended: bool


class StartScheduleBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Body of ``…/schedule/start``: an empty object, or none."""


B = TypeVar("B", RunBody, ScheduleBody, StartScheduleBody)
_NOT_OF_THE_FORM: Final = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)


async def acting_caller(services: Services, caller: Caller, project: ProjectRef | None) -> ActingCaller:
    """Return who asks for an action in the project (``None``: not known yet), with all their rights.

    The one place where a caller of the web becomes one of ``policy``.
    """
    await caller.claim_admin(services)
    return caller_of(
        caller.principal,
        owns=await caller.owns(services),
        role=caller.role_in(project),
        hidden=frozenset() if project is None else await hidden_refs(caller, services, project),
    )


def asked_by_body(kind: ActionKind, entity: Entity, experiment_id: str, body: bytes) -> Asked:
    """Return the action that a REST request asks for; all but a switch need no body.

    Raises:
        BadRequestError: If the body is not of the kind's form.
    """
    asked = Asked(kind=kind, project=entity.project, experiment_id=experiment_id, entity=entity)
    match kind:
        case ActionKind.RUN:
            return msgspec.structs.replace(asked, force=_decode(body or b"{}", RunBody).force)
        case ActionKind.STOP:
            return msgspec.structs.replace(asked, run_id=_run_to_stop(body))
        case ActionKind.SCHEDULE:
            return msgspec.structs.replace(asked, suspended=_decode(body, ScheduleBody).suspended)
        case ActionKind.START_SCHEDULE:
            _decode(body or b"{}", StartScheduleBody)
            return asked


def _run_to_stop(body: bytes) -> str | None:
    """Return the run that a body of ``…/stop`` names; ``None``: all unfinished ones.

    Raises:
        BadRequestError: If it says neither, or both.
    """
    try:
        asked = msgspec.json.decode(body or b'{"all":true}', type=StopBody)
    except _NOT_OF_THE_FORM as exc:
        raise _wrong_stop() from exc
    if isinstance(asked.run_id, str) and asked.all is msgspec.UNSET:
        return asked.run_id
    if asked.all is True and asked.run_id is msgspec.UNSET:
        return None
    raise _wrong_stop()


def _wrong_stop() -> BadRequestError:
    return BadRequestError(
        'Body must be {"runID": "…"} with the id of one run, or {"all": true} (or empty) '
        "for all unfinished runs of the experiment.",
        parameter="runID",
    )


def asked_by_form(kind: ActionKind, entity: Entity, experiment_id: str, fields: Mapping[str, str]) -> Asked:
    """Return the action that a form of the pages asks for; fields may be left out as in a body."""
    return Asked(
        kind=kind,
        project=entity.project,
        experiment_id=experiment_id,
        entity=entity,
        run_id=fields.get("runID"),
        force=fields.get("force") == "true",
        suspended={"true": True, "false": False}.get(fields.get("suspended", "")),
    )


def asked_by_mutation(mutation: MutationRequest, project: ProjectRef) -> Asked:
    """Return the action that a GraphQL mutation asks for; it never forces."""
    given = mutation.arguments
    experiment_id = given["experimentID"]
    match mutation.field:
        case "runChaosExperiment":
            return Asked(kind=ActionKind.RUN, project=project, experiment_id=experiment_id)
        case "stopExperimentRuns":
            return Asked(
                kind=ActionKind.STOP,
                project=project,
                experiment_id=experiment_id,
                run_id=given.get("experimentRunID"),
                notify_id=given.get("notifyID"),
            )
        case _:
            return Asked(
                kind=ActionKind.SCHEDULE,
                project=project,
                experiment_id=experiment_id,
                suspended=given["disable"],
            )


def mutation_result(action: Action) -> str | bool:
    """Return what the mutation answers: the notify id of a run, else ``true``.

    Raises:
        UpstreamAnswerLostError: If it is not known whether Litmus did it: the plugin has no word for that.
        StopIncompleteError: If not all runs are stopped so far; nor for that.
    """
    if action.outcome is ActionOutcome.STOPPING:
        raise StopIncompleteError(
            "Not all is stopped yet: a run has no id so far, by which alone it can be stopped. It is stopped "
            f"as soon as it has one; /api/v1/actions/{action.id} tells whether it was."
        )
    if action.outcome is ActionOutcome.PARTIAL:
        raise StopIncompleteError(action.error_message or "Not all runs were stopped.")
    if action.outcome is ActionOutcome.UNKNOWN:
        raise UpstreamAnswerLostError(
            action.error_message or "Answer is late: Litmus was asked and has not answered yet."
        )
    return (action.notify_id or "") if action.kind is ActionKind.RUN else True


def _decode(body: bytes, form: type[B]) -> B:
    try:
        return msgspec.json.decode(body, type=form)
    except _NOT_OF_THE_FORM as exc:
        names = ", ".join(field.encode_name for field in msgspec.structs.fields(form))
        what = f"a JSON object with nothing but: {names}" if names else "empty, or an empty JSON object"
        raise BadRequestError(f"Body must be {what}.") from exc
