"""Stop one run of an experiment, or all unfinished ones: one request per run, each with its own outcome."""

import asyncio
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import msgspec

from sidecar.actions.kind import (
    ExperimentView,
    Kind,
    Observation,
    Offer,
    refuse_infra,
    unfinished,
)
from sidecar.actions.request import ActionRequest, is_id
from sidecar.actions.stopping import runs_to_stop, with_runs, with_stop_result
from sidecar.domain.action import Action, ActionOutcome, Change, RunStop
from sidecar.domain.errors import (
    BadRequestError,
    RunFinishedError,
    RunUnknownError,
    SidecarError,
    UpstreamProtocolError,
)
from sidecar.domain.model import Content, Experiment, Section
from sidecar.domain.ports import Actor
from sidecar.domain.roles import LitmusRole
from sidecar.domain.runs import UNFINISHED, Outcome, RecentRun
from sidecar.domain.unreadable import UNREADABLE


class StopBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Body of ``…/stop``."""

    run_id: str | msgspec.UnsetType = msgspec.field(name="runID", default=msgspec.UNSET)
    """The run to stop; never null, which may be an id that somebody failed to fill in."""
    all: bool | msgspec.UnsetType = msgspec.UNSET
    """``true``: all unfinished runs of the experiment, as without a body."""


def _read(asked: ActionRequest, body: bytes) -> ActionRequest:
    return msgspec.structs.replace(asked, run_id=_run_to_stop(body))


def _run_to_stop(body: bytes) -> str | None:
    """Return the run that a body names; ``None``: all unfinished ones.

    Raises:
        BadRequestError: If it says neither, or both.
    """
    try:
        asked = msgspec.json.decode(body or b'{"all":true}', type=StopBody)
    except UNREADABLE as exc:
        raise _wrong_body() from exc
    if isinstance(asked.run_id, str) and asked.all is msgspec.UNSET:
        return asked.run_id
    if asked.all is True and asked.run_id is msgspec.UNSET:
        return None
    raise _wrong_body()


def _wrong_body() -> BadRequestError:
    return BadRequestError(
        'Body must be {"runID": "…"} with the id of one run, or {"all": true} (or empty) '
        "for all unfinished runs of the experiment.",
        parameter="runID",
    )


def _read_mutation(asked: ActionRequest, arguments: Mapping[str, Any]) -> ActionRequest:
    return msgspec.structs.replace(
        asked, run_id=arguments.get("experimentRunID"), notify_id=arguments.get("notifyID")
    )


def _refuse_form(asked: ActionRequest) -> SidecarError | None:
    if asked.run_id == "":
        return BadRequestError(
            "Run id is empty: this run has none yet and cannot be stopped alone.", parameter="runID"
        )
    if asked.run_id is not None and not is_id(asked.run_id):
        return BadRequestError("Run id is none Litmus could have given.", parameter="runID")
    if asked.notify_id is not None and asked.run_id is None:
        return BadRequestError(
            "Run id is missing: a notifyID alone would stop every run before Litmus 3.31.",
            parameter="notifyID",
        )
    return None


def _refuse(
    asked: ActionRequest, experiment: Experiment, _content: Content, _now: datetime
) -> SidecarError | None:
    if asked.run_id is None:
        targets = unfinished(experiment)
        if not targets:
            return RunFinishedError(f"No run of experiment {experiment.name} is running or waiting.")
    else:
        targets = [run for run in experiment.recent_runs if run.experiment_run_id == asked.run_id]
        if not targets:
            return RunUnknownError(f"Experiment {experiment.name} has no such run.")
        if targets[0].outcome not in UNFINISHED:
            return RunFinishedError("Run is finished: stopping it would overwrite its result.")
    # What waits with an id can be cleared away without an agent; only an agent gives an id.
    if all(run.outcome is Outcome.WAITING and run.experiment_run_id for run in targets):
        return None
    return refuse_infra(experiment)


def _targets(recent_runs: Sequence[RecentRun], asked: ActionRequest) -> tuple[RunStop, ...]:
    return runs_to_stop(recent_runs, asked.run_id)


async def _send(actor: Actor, action: Action) -> Action:
    return await stop(actor, action, [run for run in action.runs if run.run_id])


async def stop(actor: Actor, action: Action, due: Collection[RunStop]) -> Action:
    """Stop those of the action's runs, each by its id, and return the action as the answers leave it."""
    project_id, experiment_id = action.project.project_id, action.experiment_id

    async def stopped(run: RunStop) -> RunStop:
        if run not in due or not run.run_id:
            return run
        try:
            if not await actor.change(
                Change.STOP_RUN, project_id, experiment_id, {"experimentRunID": run.run_id}
            ):
                raise UpstreamProtocolError("Litmus answered that it did not stop the run.")
        except SidecarError as exc:
            return with_stop_result(run, exc)
        return with_stop_result(run, None)

    return with_runs(action, await asyncio.gather(*(stopped(run) for run in action.runs)))


def _conclude(action: Action, seen: Observation) -> Action:
    """Return the stop with those runs whose answers were lost and that are seen stopped.

    The others stay as they are: releases before 3.31 do not mark a stop in this list.
    """
    recent_runs = seen.experiment.recent_runs if seen.experiment else ()
    stopped = {run.experiment_run_id for run in recent_runs if run.outcome is Outcome.STOPPED}
    runs = tuple(
        with_stop_result(run, None) if run.outcome is ActionOutcome.UNKNOWN and run.run_id in stopped else run
        for run in action.runs
    )
    if runs == action.runs:
        return action
    resolved = with_runs(action, runs)
    return msgspec.structs.replace(resolved, answered_at=action.answered_at or action.created_at)


def _offers(view: ExperimentView) -> Iterator[Offer]:
    number = len(view.unfinished)
    if number:
        many = number > 1
        label, what = (f"Stop {number} runs", "its unfinished runs") if many else ("Stop", "its run")
        yield Offer(label=label, question=f"Stop {what}? A stopped run has no score.", is_grave=True)


KIND: Final = Kind(
    path="stop",
    summary="Stop a run, or all unfinished ones, body or not; a body is `application/json`.",
    form_summary="Form of the entity page: stop its unfinished runs.",
    body=StopBody,
    read=_read,
    mutation=Change.STOP_RUN,
    read_mutation=_read_mutation,
    roles=frozenset({LitmusRole.OWNER, LitmusRole.EXECUTOR}),
    refuse_form=_refuse_form,
    refuse_state=_refuse,
    targets=_targets,
    send=_send,
    section=Section.EXPERIMENTS,
    conclude=_conclude,
    place=1,
    offers=_offers,
)
