"""The read side of the simulated API: one function per root field, given the world and the arguments.

Token and role are checked before, by ``execution``.
"""

from collections.abc import Callable
from typing import Any

from sidecar.simulator import rendering
from sidecar.simulator.documents import Environment, Experiment, Run
from sidecar.simulator.selecting import (
    DEFAULT_LIMIT,
    Arguments,
    ResolverError,
    date_range,
    page,
    pattern,
)
from sidecar.simulator.world import World

Answer = dict[str, Any]
_SCORE_BOUNDS = (80, 40, 0)
_OUT_OF_RANGE = 101


def get_experiment_run_stats(world: World, args: Arguments) -> Answer:
    """Count run documents, removed ones too; phases without a counter are in the total only."""
    phases = [run.phase for run in world.runs if run.project_id == args["projectID"]]
    return {
        "totalExperimentRuns": len(phases),
        "totalCompletedExperimentRuns": phases.count("Completed"),
        "totalTerminatedExperimentRuns": phases.count("Terminated"),
        "totalRunningExperimentRuns": phases.count("Running"),
        "totalStoppedExperimentRuns": phases.count("Stopped"),
        "totalErroredExperimentRuns": phases.count("Error"),
    }


def get_experiment_stats(world: World, args: Arguments) -> Answer:
    """Count experiments, and those with a completed run by average score."""
    experiments = _experiments(world, args["projectID"])
    buckets: dict[int, int] = {}
    for experiment in experiments:
        scores = _finished_scores(world, experiment)
        if scores:
            average = sum(scores) / len(scores)
            bound = next((low for low in _SCORE_BOUNDS if low <= average <= 100), _OUT_OF_RANGE)  # noqa: PLR2004 - a percentage
            buckets[bound] = buckets.get(bound, 0) + 1
    return {
        "totalExperiments": len(experiments),
        "totalExpCategorizedByResiliencyScore": [
            {"id": bound, "count": count} for bound, count in sorted(buckets.items())
        ],
    }


def get_chaos_hub_stats(world: World, args: Arguments) -> Answer:
    """Count the project's hubs and the built-in one."""
    own = [hub for hub in world.hubs if hub.project_id == args["projectID"] and not hub.is_removed]
    return {"totalChaosHubs": len(own) + 1}


def get_infra_stats(world: World, args: Arguments) -> Answer:
    """Count infrastructures that are not removed."""
    infras = [item for item in world.infras.values() if _belongs(item, args)]
    active = sum(infra.is_active for infra in infras)
    confirmed = sum(infra.is_confirmed for infra in infras)
    return {
        "totalInfrastructures": len(infras),
        "totalActiveInfrastructure": active,
        "totalInactiveInfrastructures": len(infras) - active,
        "totalConfirmedInfrastructure": confirmed,
        "totalNonConfirmedInfrastructures": len(infras) - confirmed,
    }


def get_infra(world: World, args: Arguments) -> Answer:
    """Return one infrastructure."""
    infra = world.infras.get(args["infraID"])
    if infra is None or not _belongs(infra, args):
        raise ResolverError("mongo: no documents in result")
    return rendering.listed_infra(world, infra)


def get_git_ops_details(world: World, args: Arguments) -> Answer:
    """Return the GitOps configuration, never null."""
    return rendering.git_ops(world.projects[args["projectID"]])


def list_chaos_hub(world: World, args: Arguments) -> list[Answer]:
    """Return the built-in hub whatever was asked, then the project's hubs that match."""
    request = args.get("request") or {}
    chosen = request.get("filter") or {}
    hubs = [hub for hub in world.hubs if hub.project_id == args["projectID"] and not hub.is_removed]
    if request.get("chaosHubIDs"):
        hubs = [hub for hub in hubs if hub.hub_id in request["chaosHubIDs"]]
    if chosen.get("chaosHubName"):
        matches = pattern(chosen["chaosHubName"], lenient=True)
        hubs = [hub for hub in hubs if matches(hub.name)]
    if chosen.get("description"):
        matches = pattern(chosen["description"], lenient=True)
        hubs = [hub for hub in hubs if matches(hub.description)]
    if chosen.get("tags"):
        hubs = [hub for hub in hubs if set(chosen["tags"]) <= set(hub.tags)]
    return [rendering.built_in_hub(), *(rendering.hub(hub) for hub in hubs)]


def list_environments(world: World, args: Arguments) -> Answer:
    """Return environments, newest first; an empty page has ``null`` and a total of 0."""
    request = args.get("request") or {}
    found = [item for item in world.environments if _belongs(item, args)]
    if request.get("environmentIDs"):
        found = [item for item in found if item.environment_id in request["environmentIDs"]]
    found = _filtered_environments(found, request.get("filter") or {})
    sort = request.get("sort") or {"field": "TIME", "ascending": False}
    by_name = sort["field"] == "NAME"
    found.sort(
        key=lambda item: item.name if by_name else f"{item.created_at_ms:020}",
        reverse=not sort.get("ascending"),
    )
    shown = page(found, request.get("pagination"), default_limit=DEFAULT_LIMIT)
    return {
        "totalNoOfEnvironments": len(found) if shown else 0,
        "environments": [rendering.environment(item) for item in shown] or None,
    }


def _filtered_environments(found: list[Environment], chosen: Arguments) -> list[Environment]:
    if chosen.get("name"):
        matches = pattern(chosen["name"], lenient=True)
        found = [item for item in found if matches(item.name)]
    if chosen.get("description"):
        matches = pattern(chosen["description"], lenient=True)
        found = [item for item in found if matches(item.description)]
    if chosen.get("type"):
        found = [item for item in found if item.type == chosen["type"]]
    if chosen.get("tags"):
        found = [item for item in found if set(chosen["tags"]) <= set(item.tags)]
    return found


def list_infras(world: World, args: Arguments) -> Answer:
    """Return infrastructures as stored; all of them unless a page is asked for."""
    request = args.get("request") or {}
    chosen = request.get("filter") or {}
    found = [item for item in world.infras.values() if _belongs(item, args)]
    if request.get("infraIDs"):
        found = [item for item in found if item.infra_id in request["infraIDs"]]
    if request.get("environmentIDs"):
        found = [item for item in found if item.environment_id in request["environmentIDs"]]
    texts: dict[str, Callable[[Any], str]] = {
        "name": lambda item: item.name,
        "infraID": lambda item: item.infra_id,
        "description": lambda item: item.description,
        "platformName": lambda item: item.platform_name,
    }
    for key, read in texts.items():
        if chosen.get(key):
            matches = pattern(chosen[key], lenient=True)
            found = [item for item in found if matches(read(item))]
    if chosen.get("infraScope"):
        found = [item for item in found if item.scope == chosen["infraScope"]]
    if chosen.get("isActive") is not None:
        found = [item for item in found if item.is_active == chosen["isActive"]]
    if chosen.get("tags"):
        found = [item for item in found if set(chosen["tags"]) <= set(item.tags)]
    shown = page(found, request.get("pagination"), default_limit=None)
    return {
        "totalNoOfInfras": len(found),
        "infras": [rendering.listed_infra(world, item) for item in shown],
    }


def list_experiment(world: World, args: Arguments) -> Answer:
    """Return experiments, newest update first; sorting by name runs the wrong way round."""
    request = args["request"]
    found = _experiments(world, args["projectID"])
    if request.get("experimentIDs"):
        found = [item for item in found if item.experiment_id in request["experimentIDs"]]
    found = _filtered_experiments(world, found, request.get("filter") or {})
    sort = request.get("sort") or {"field": "TIME", "ascending": False}
    if sort["field"] == "NAME":
        found.sort(key=lambda item: item.name, reverse=bool(sort.get("ascending")))
    else:
        found.sort(key=lambda item: item.updated_at_ms, reverse=not sort.get("ascending"))
    shown = page(found, request.get("pagination"), default_limit=DEFAULT_LIMIT)
    return {
        "totalNoOfExperiments": len(found),
        "experiments": [rendering.experiment(world, item) for item in shown],
    }


def _filtered_experiments(world: World, found: list[Experiment], chosen: Arguments) -> list[Experiment]:
    if chosen.get("experimentName"):
        matches = pattern(chosen["experimentName"])
        found = [item for item in found if matches(item.name)]
    if chosen.get("infraID") not in {None, "", "All"}:
        found = [item for item in found if item.infra_id == chosen["infraID"]]
    if chosen.get("infraActive") is not None:
        active = chosen["infraActive"]
        infras = world.infras
        found = [
            item for item in found if item.infra_id not in infras or infras[item.infra_id].is_active == active
        ]
    schedule = chosen.get("scheduleType")
    if schedule in {"CRON", "NON_CRON"}:
        wanted = "cronexperiment" if schedule == "CRON" else "experiment"
        found = [item for item in found if item.type == wanted]
    if chosen.get("dateRange"):
        inside = _date_test(world, chosen["dateRange"])
        found = [item for item in found if inside(item.updated_at_ms)]
    return found


def get_experiment(world: World, args: Arguments) -> Answer:
    """Return one experiment; unlike the list it fails when the infra is gone."""
    experiment = world.experiments.get(args["experimentID"])
    if experiment is None or not _belongs(experiment, args):
        raise ResolverError("no matching experiments")
    if experiment.infra_id not in world.infras:
        raise ResolverError("no matching infra found for given expDetails")
    scores = _finished_scores(world, experiment)
    details = rendering.experiment(world, experiment)
    return {
        "experimentDetails": details | {"projectID": experiment.project_id, "experimentType": None},
        "averageResiliencyScore": _cut(sum(scores) / len(scores)) if scores else 0.0,
    }


def list_experiment_run(world: World, args: Arguments) -> Answer:
    """Return runs, newest first."""
    request = args["request"]
    found = [run for run in world.runs if _belongs(run, args)]
    if request.get("experimentRunIDs"):
        found = [run for run in found if run.run_id in request["experimentRunIDs"]]
    if request.get("experimentIDs"):
        found = [run for run in found if run.experiment_id in request["experimentIDs"]]
    found = _filtered_runs(world, found, request.get("filter") or {})
    sort = request.get("sort") or {"field": "TIME", "ascending": False}
    reverse = not sort.get("ascending")
    if sort["field"] == "NAME":
        found.sort(key=lambda run: world.experiments[run.experiment_id].name, reverse=reverse)
    else:
        found.sort(key=lambda run: run.created_at_ms, reverse=reverse)
    shown = page(found, request.get("pagination"), default_limit=DEFAULT_LIMIT)
    return {
        "totalNoOfExperimentRuns": len(found),
        "experimentRuns": [rendering.run(world, run) for run in shown],
    }


def _filtered_runs(world: World, found: list[Run], chosen: Arguments) -> list[Run]:
    if chosen.get("experimentName"):
        matches = pattern(chosen["experimentName"])
        found = [run for run in found if matches(world.experiments[run.experiment_id].name)]
    if chosen.get("experimentRunID"):
        matches = pattern(chosen["experimentRunID"])
        found = [run for run in found if matches(run.run_id)]
    if chosen.get("infraID") not in {None, "", "All"}:
        found = [run for run in found if run.infra_id == chosen["infraID"]]
    if chosen.get("experimentStatus") not in {None, "All"}:
        found = [run for run in found if run.phase == chosen["experimentStatus"]]
    if chosen.get("experimentRunStatus"):
        found = [run for run in found if run.phase in chosen["experimentRunStatus"]]
    if chosen.get("dateRange"):
        inside = _date_test(world, chosen["dateRange"])
        found = [run for run in found if inside(run.updated_at_ms)]
    return found


def get_experiment_run(world: World, args: Arguments) -> Answer:
    """Return one run; an empty id is no condition at all, across all projects."""
    run_id, notify_id = args.get("experimentRunID"), args.get("notifyID")
    if run_id is None and notify_id is None:
        raise ResolverError("experimentRunID or notifyID not provided")
    found = world.runs
    if run_id or notify_id:
        found = [run for run in world.runs if _belongs(run, args)]
    if run_id:
        found = [run for run in found if run.run_id == run_id]
    if notify_id:
        found = [run for run in found if run.notify_id == notify_id]
    if not found:
        raise ResolverError("no matching experiment run")
    if found[-1].infra_id not in world.infras:
        raise ResolverError("no matching infra found for given experiment run")
    if found[-1].experiment_id not in world.experiments:
        raise ResolverError("internal system error")
    return rendering.run(world, found[-1], single=True)


def get_server_version(world: World, _args: Arguments) -> Answer:
    """Return the version stored in the database, to anybody."""
    return {"key": "version", "value": world.version}


def get_version_details(world: World, _args: Arguments) -> Answer:
    """Return the running release."""
    return {"latestVersion": world.version, "compatibleVersions": [world.version]}


def _experiments(world: World, project_id: str) -> list[Experiment]:
    return [
        item for item in world.experiments.values() if item.project_id == project_id and not item.is_removed
    ]


def _belongs(item: Any, args: Arguments) -> bool:
    return bool(item.project_id == args["projectID"] and not item.is_removed)


def _finished_scores(world: World, experiment: Experiment) -> list[float]:
    return [run.score for run in world.runs_of(experiment) if run.is_finished and not run.is_removed]


def _cut(score: float) -> float:
    """Cut to two decimals, which is not rounding: 76.478 is 76.47."""
    return int(score * 100) / 100


def _date_test(world: World, dates: Arguments) -> Callable[[int], bool]:
    inside = date_range(dates, world.now_ms)
    if not world.since(3, 18):
        return lambda _moment_ms: False  # text compared with numbers: nothing ever matched
    return inside


RESOLVERS: dict[str, Callable[[World, Arguments], Any]] = {
    "getExperimentRunStats": get_experiment_run_stats,
    "getExperimentStats": get_experiment_stats,
    "getChaosHubStats": get_chaos_hub_stats,
    "getInfraStats": get_infra_stats,
    "getInfra": get_infra,
    "getGitOpsDetails": get_git_ops_details,
    "listChaosHub": list_chaos_hub,
    "listEnvironments": list_environments,
    "listInfras": list_infras,
    "listExperiment": list_experiment,
    "getExperiment": get_experiment,
    "listExperimentRun": list_experiment_run,
    "getExperimentRun": get_experiment_run,
    "getServerVersion": get_server_version,
    "getVersionDetails": get_version_details,
}
