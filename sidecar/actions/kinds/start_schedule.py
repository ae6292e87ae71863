"""Start a schedule that Litmus only saved: have the cluster follow it."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

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
from sidecar.domain.action import Action, ActionKind, ActionOutcome, Change
from sidecar.domain.errors import (
    ExperimentNotScheduledError,
    ScheduleStartedError,
    SidecarError,
    StoreError,
)
from sidecar.domain.model import Content, Experiment, ProjectRef, Section
from sidecar.domain.ports import Actor, Audit, AuditQuery, Clock
from sidecar.domain.roles import LitmusRole

START_LOOK_BACK: Final = timedelta(days=1)
"""A synchronisation within this time remembers with its schedule that it was started."""
_MOST_STARTS: Final = 1_000


class StartScheduleBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Body of ``…/schedule/start``: an empty object, or none."""


def _read(asked: ActionRequest, body: bytes) -> ActionRequest:
    read_body(body or b"{}", StartScheduleBody)
    return asked


def _refuse(
    _asked: ActionRequest, experiment: Experiment, content: Content, _now: datetime
) -> SidecarError | None:
    if not experiment.cron_syntax:
        return ExperimentNotScheduledError(
            f"Experiment {experiment.name} has no schedule to start; Litmus would run it instead."
        )
    known = [one for one in content.schedules or () if one.experiment_id == experiment.experiment_id]
    if experiment.recent_runs or any(one.started for one in known):
        return ScheduleStartedError(f"Schedule of experiment {experiment.name} was started already.")
    return refuse_infra(experiment)


async def _send(actor: Actor, action: Action) -> Action:
    # Of a cron experiment Litmus creates the CronWorkflow, and no run.
    project_id = action.project.project_id
    return await with_answer(action, actor.change(Change.RUN_EXPERIMENT, project_id, action.experiment_id))


def _conclude(action: Action, seen: Observation) -> Action:
    """Return it as done if it is seen started; before its first run Litmus shows that nowhere else."""
    schedules = seen.content.schedules or ()
    is_started = any(one.experiment_id == action.experiment_id and one.started for one in schedules)
    return concluded(action, seen.at, is_done=True if is_started else None)


def _offers(view: ExperimentView) -> Iterator[Offer]:
    if view.experiment.cron_syntax and view.never_started:
        question = "Start its schedule? Litmus only saved it; its infrastructure follows it from then on."
        yield Offer(label="Start schedule", question=question)


async def recent_starts(audit: Audit, clock: Clock, project: ProjectRef) -> frozenset[str]:
    """Return the experiments of the project whose schedules were started within :data:`START_LOOK_BACK`.

    Empty while the store is away; the next synchronisation asks again.
    """
    query = AuditQuery(
        project=project,
        kind=ActionKind.START_SCHEDULE,
        outcome=ActionOutcome.ACCEPTED,
        since=clock() - START_LOOK_BACK,
        limit=_MOST_STARTS,
    )
    try:
        return frozenset(entry.experiment_id for entry in await audit.find(query))
    except StoreError:
        return frozenset()


KIND: Final = Kind(
    path="schedule/start",
    summary="Start a schedule that was only saved in Litmus.",
    form_summary="Form of the entity page: start a schedule that was only saved.",
    body=StartScheduleBody,
    read=_read,
    roles=frozenset({LitmusRole.OWNER}),
    refuse_state=_refuse,
    send=_send,
    section=Section.SCHEDULES,
    conclude=_conclude,
    place=2,
    offers=_offers,
)
