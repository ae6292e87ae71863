"""Run an experiment now."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

import msgspec

from sidecar.actions.kind import (
    ExperimentView,
    Kind,
    Observation,
    Offer,
    accepted,
    concluded,
    read_body,
    refuse_infra,
    unfinished,
    with_answer,
)
from sidecar.actions.request import ActionRequest
from sidecar.domain.action import Action, Change
from sidecar.domain.errors import AlreadyRunningError, ExperimentScheduledError, SidecarError
from sidecar.domain.freshness import STUCK_AFTER
from sidecar.domain.model import Content, Experiment, Section
from sidecar.domain.ports import Actor
from sidecar.domain.roles import LitmusRole
from sidecar.domain.runs import Outcome, RecentRun
from sidecar.domain.unix_time import from_ms, to_ms

SKEW: Final = timedelta(minutes=2)
"""How far Litmus's clock may be behind ours."""


class RunBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Body of ``…/run``."""

    force: bool = False
    """Start another run though one is unfinished."""


def _read(asked: ActionRequest, body: bytes) -> ActionRequest:
    return msgspec.structs.replace(asked, force=read_body(body or b"{}", RunBody).force)


def _refuse(
    asked: ActionRequest, experiment: Experiment, _content: Content, now: datetime
) -> SidecarError | None:
    if experiment.cron_syntax:
        return ExperimentScheduledError(
            f"Experiment {experiment.name} runs on a schedule and cannot be run by hand: "
            "Litmus would start its schedule instead."
        )
    refusal = refuse_infra(experiment)
    if refusal is not None or asked.force:
        return refusal
    present = unfinished(experiment)
    if not present:
        return None
    run = present[0]
    state = "waiting" if run.outcome is Outcome.WAITING else "running"
    since = _stuck_since(run, now)
    if since is None:
        return AlreadyRunningError(f"Experiment {experiment.name} is already {state}.")
    return AlreadyRunningError(
        f"Experiment {experiment.name} is already {state}, without any change since "
        f"{since:%Y-%m-%d %H:%M} UTC: stop that run, or force another one."
    )


def _stuck_since(run: RecentRun, now: datetime) -> datetime | None:
    changed_at = from_ms(run.updated_at_ms or run.created_at_ms)
    return changed_at if changed_at is not None and now - changed_at > STUCK_AFTER else None


async def _send(actor: Actor, action: Action) -> Action:
    project_id = action.project.project_id
    return await with_answer(action, actor.change(Change.RUN_EXPERIMENT, project_id, action.experiment_id))


def _conclude(action: Action, seen: Observation) -> Action:
    run = _started_run(action, seen)
    return concluded(action, seen.at, is_done=False) if run is None else accepted(action, run)


def _started_run(action: Action, seen: Observation) -> RecentRun | None:
    """Return the oldest run that this action can have started and no other action did."""
    runs = seen.experiment.recent_runs if seen.experiment else ()
    if action.run_created_at_ms is not None:
        return next((run for run in runs if run.created_at_ms == action.run_created_at_ms), None)
    earliest_ms = max(action.newest_run_ms + 1, to_ms(action.created_at - SKEW))
    candidates = [
        (run.created_at_ms, run)
        for run in runs
        if run.created_at_ms is not None
        and run.created_at_ms >= earliest_ms
        and (action.experiment_id, run.created_at_ms) not in seen.taken
        # A stopped run has lost its user.
        and (seen.username is None or run.updated_by in {None, "", seen.username})
    ]
    return min(candidates, key=lambda one: one[0])[1] if candidates else None


def _offers(view: ExperimentView) -> Iterator[Offer]:
    if view.experiment.cron_syntax:
        return
    if view.is_stuck:
        yield Offer(
            label="Run anyway",
            question="Run it though a run of it is unfinished and has not changed for an hour?",
            fields={"force": "true"},
            is_grave=True,
        )
    elif not view.unfinished:
        yield Offer(label="Run", question="Run it now?")


KIND: Final = Kind(
    path="run",
    summary="Run an experiment; needs scope `run`, or policy. A body is `application/json`.",
    form_summary="Form of the entity page: run an experiment.",
    body=RunBody,
    read=_read,
    mutation=Change.RUN_EXPERIMENT,
    roles=frozenset({LitmusRole.OWNER, LitmusRole.EXECUTOR}),
    refuse_state=_refuse,
    once_per_window=True,
    send=_send,
    section=Section.EXPERIMENTS,
    conclude=_conclude,
    place=4,
    offers=_offers,
)
