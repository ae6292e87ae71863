"""Who asks to act, what for (out of a body or a GraphQL mutation), and what a mutation answers.

Reading only: rights and everything else are the business of ``actions``.
"""

from collections.abc import Mapping

from sidecar.actions.kinds import KINDS
from sidecar.actions.policy import Caller as ActingCaller
from sidecar.actions.policy import caller_of
from sidecar.actions.request import ActionRequest
from sidecar.domain.action import Action, ActionKind, ActionOutcome
from sidecar.domain.catalog import Entity
from sidecar.domain.errors import StopIncompleteError, UpstreamAnswerLostError
from sidecar.domain.model import ProjectRef
from sidecar.http.gate.caller import Caller
from sidecar.http.gate.visible_entities import hidden_refs
from sidecar.http.services import Services
from sidecar.replica import MutationRequest


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
        hides_person=caller.hides_person,
    )


def request_from_body(kind: ActionKind, entity: Entity, experiment_id: str, body: bytes) -> ActionRequest:
    """Return the action that a REST request asks for; all but a switch need no body.

    Raises:
        BadRequestError: If the body is not of the kind's form.
    """
    asked = ActionRequest(kind=kind, project=entity.project, experiment_id=experiment_id, entity=entity)
    return KINDS[kind].read(asked, body)


def request_from_form(
    kind: ActionKind, entity: Entity, experiment_id: str, fields: Mapping[str, str]
) -> ActionRequest:
    """Return the action that a form of the pages asks for; fields may be left out as in a body."""
    return ActionRequest(
        kind=kind,
        project=entity.project,
        experiment_id=experiment_id,
        entity=entity,
        run_id=fields.get("runID"),
        force=fields.get("force") == "true",
        suspended={"true": True, "false": False}.get(fields.get("suspended", "")),
    )


def request_from_mutation(mutation: MutationRequest, project: ProjectRef) -> ActionRequest:
    """Return the action that a GraphQL mutation asks for; it never forces."""
    given = mutation.arguments
    name, kind = next(item for item in KINDS.items() if item[1].mutation == mutation.field)
    asked = ActionRequest(kind=name, project=project, experiment_id=given["experimentID"])
    return kind.read_mutation(asked, given)


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
    return (action.notify_id or "") if action.kind.starts_run else True
