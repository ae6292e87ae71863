"""Suspend or resume a schedule."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Final

import msgspec

from sidecar.actions.kind import (
    ExperimentView,
    Kind,
    Observation,
    Offer,
    concluded,
    read_body,
    refuse_infra,
    with_answer,
)
from sidecar.actions.request import ActionRequest
from sidecar.domain.action import Action, Change
from sidecar.domain.errors import BadRequestError, ExperimentNotScheduledError, SidecarError
from sidecar.domain.model import Content, Experiment, Section
from sidecar.domain.ports import Actor
from sidecar.domain.roles import LitmusRole


class ScheduleBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Body of ``…/schedule``."""

    suspended: bool


def _read(asked: ActionRequest, body: bytes) -> ActionRequest:
    return msgspec.structs.replace(asked, suspended=read_body(body, ScheduleBody).suspended)


def _read_mutation(asked: ActionRequest, arguments: Mapping[str, Any]) -> ActionRequest:
    return msgspec.structs.replace(asked, suspended=arguments["disable"])


def _refuse_form(asked: ActionRequest) -> SidecarError | None:
    if asked.suspended is None:
        return BadRequestError("Give suspended as true or false.", parameter="suspended")
    return None


def _refuse(
    _asked: ActionRequest, experiment: Experiment, _content: Content, _now: datetime
) -> SidecarError | None:
    if not experiment.cron_syntax:
        return ExperimentNotScheduledError(
            f"Experiment {experiment.name} has no schedule to switch; Litmus would damage it."
        )
    return refuse_infra(experiment)


async def _send(actor: Actor, action: Action) -> Action:
    project_id, suspended = action.project.project_id, action.suspended is True
    switching = actor.change(Change.SWITCH_SCHEDULE, project_id, action.experiment_id, {"disable": suspended})
    return await with_answer(action, switching)


def _conclude(action: Action, seen: Observation) -> Action:
    schedules = seen.content.schedules or ()
    states = [one.suspended for one in schedules if one.experiment_id == action.experiment_id]
    return concluded(action, seen.at, is_done=states[0] == action.suspended if states else None)


def _offers(view: ExperimentView) -> Iterator[Offer]:
    if not view.experiment.cron_syntax:
        return
    # Both where it was not read yet.
    for suspended in (True, False) if view.suspended is None else (not view.suspended,):
        label = "Suspend" if suspended else "Resume"
        fields = {"suspended": str(suspended).lower()}
        yield Offer(label=label, question=f"{label} its schedule?", fields=fields)


KIND: Final = Kind(
    path="schedule",
    summary="Suspend or resume a schedule.",
    form_summary="Form of the entity page: suspend or resume it.",
    body=ScheduleBody,
    body_required=True,
    read=_read,
    mutation=Change.SWITCH_SCHEDULE,
    read_mutation=_read_mutation,
    roles=frozenset({LitmusRole.OWNER}),
    # Whether it is switched off or on, the same rules hold.
    plainest={"suspended": True},
    refuse_form=_refuse_form,
    refuse_state=_refuse,
    send=_send,
    section=Section.SCHEDULES,
    conclude=_conclude,
    place=3,
    offers=_offers,
)
