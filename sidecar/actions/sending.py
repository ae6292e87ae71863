"""Sends an action to Litmus, once, and says what came of it; a stop is one request per run."""

import asyncio
from collections.abc import Collection
from typing import assert_never

import msgspec

from sidecar.actions.stopping import came_of, with_runs
from sidecar.domain.action import Action, ActionKind, ActionOutcome, RunStop
from sidecar.domain.errors import SidecarError, UpstreamAnswerLostError
from sidecar.domain.ports import Actor


async def send(actor: Actor, action: Action) -> Action:
    """Ask Litmus to do it, and return the action as its answer leaves it."""
    project_id, experiment_id = action.project.project_id, action.experiment_id
    notify_id = None
    try:
        match action.kind:
            case ActionKind.RUN:
                notify_id = await actor.run_experiment(project_id, experiment_id) or None
            case ActionKind.STOP:
                return await stop(actor, action, [run for run in action.runs if run.run_id])
            case ActionKind.START_SCHEDULE:
                # Of a cron experiment Litmus creates the CronWorkflow, and no run.
                await actor.run_experiment(project_id, experiment_id)
            case ActionKind.SCHEDULE:
                await actor.switch_schedule(project_id, experiment_id, suspended=action.suspended is True)
            case _:
                assert_never(action.kind)
    except SidecarError as exc:
        is_lost = isinstance(exc, UpstreamAnswerLostError)
        outcome = ActionOutcome.UNKNOWN if is_lost else ActionOutcome.FAILED
        return msgspec.structs.replace(action, outcome=outcome, error_code=exc.code, error_message=str(exc))
    return msgspec.structs.replace(action, outcome=ActionOutcome.ACCEPTED, notify_id=notify_id)


async def stop(actor: Actor, action: Action, due: Collection[RunStop]) -> Action:
    """Stop those of the action's runs, each by its id, and return the action as the answers leave it."""

    async def stopped(run: RunStop) -> RunStop:
        if run not in due or not run.run_id:
            return run
        try:
            await actor.stop_run(action.project.project_id, action.experiment_id, run.run_id)
        except SidecarError as exc:
            return came_of(run, exc)
        return came_of(run, None)

    return with_runs(action, await asyncio.gather(*(stopped(run) for run in action.runs)))
