"""The write side of the simulated API, with everything Litmus forgets to check.

The user name of the caller is given; token and role were checked before.
"""

from collections.abc import Callable
from typing import Any

from sidecar.simulator.documents import Experiment
from sidecar.simulator.manifests import set_suspended
from sidecar.simulator.selecting import Arguments, ResolverError
from sidecar.simulator.world import World

_NO_EXPERIMENT = "could not get experiment run, error: mongo: no documents in result"


def run_chaos_experiment(world: World, args: Arguments, username: str) -> dict[str, str]:
    """Start a run, every time it is called; the experiment may be of any project."""
    experiment = world.experiments.get(args["experimentID"])
    if experiment is None or experiment.is_removed:
        raise ResolverError(_NO_EXPERIMENT)
    infra = world.infras.get(experiment.infra_id)
    if infra is None:
        raise ResolverError("mongo: no documents in result")
    if not infra.is_active:
        raise ResolverError("experiment re-run failed due to inactive infra")
    if experiment.cron_syntax:
        experiment.is_started = True
        experiment.updated_at_ms = world.now_ms
        return {"notifyID": ""}
    run = world.start_run(experiment, username=username, project_id=args["projectID"])
    return {"notifyID": run.notify_id or ""}


def stop_experiment_runs(world: World, args: Arguments, _username: str) -> bool:
    """Mark runs stopped: with an id whatever it is, without one all that Litmus finds."""
    experiment = _experiment_of_project(world, args)
    run_id, notify_id = args.get("experimentRunID") or "", args.get("notifyID") or ""
    runs = [run for run in world.runs_of(experiment) if not run.is_removed]
    if run_id or (notify_id and world.since(3, 31)):
        for run in runs:
            if (run_id and run.run_id == run_id) or (notify_id and run.notify_id == notify_id):
                world.stop_run(run)
        return True
    # Queued counts since 3.31, Pending never does.
    stoppable = {"Running", "Timeout", "Queued"} if world.since(3, 31) else {"Running", "Timeout"}
    matching = [run for run in runs if run.phase in stoppable]
    if not matching and not experiment.cron_syntax:
        raise ResolverError("no running, timeout, or queued experiments found")
    for run in matching:
        world.stop_run(run)
    return True


def update_cron_experiment_state(world: World, args: Arguments, username: str) -> bool:
    """Switch a schedule on or off in the stored manifest, which damages one that has no schedule."""
    experiment = _experiment_of_project(world, args)
    infra = world.infras.get(experiment.infra_id)
    if infra is None or not infra.is_active:
        raise ResolverError("cron experiement updation failed due to inactive infra, err: <nil>")
    set_suspended(experiment.manifest, suspended=args["disable"])
    experiment.username = username
    experiment.updated_at_ms = world.now_ms
    return True


def _experiment_of_project(world: World, args: Arguments) -> Experiment:
    experiment = world.experiments.get(args["experimentID"])
    if experiment is None or experiment.is_removed or experiment.project_id != args["projectID"]:
        raise ResolverError(_NO_EXPERIMENT)
    return experiment


RESOLVERS: dict[str, Callable[[World, Arguments, str], Any]] = {
    "runChaosExperiment": run_chaos_experiment,
    "stopExperimentRuns": stop_experiment_runs,
    "updateCronExperimentState": update_cron_experiment_state,
}
