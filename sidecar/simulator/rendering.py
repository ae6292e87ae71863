"""Stored documents as GraphQL answers, with everything Litmus leaves empty left empty.

Large texts are functions, so that they are only made when selected (graphql-core
calls them with the resolve info).
"""

import json
from collections.abc import Callable
from typing import Any

from sidecar.simulator.documents import (
    SECRET_MARKER,
    Environment,
    Experiment,
    Hub,
    Infra,
    Project,
    RecentRun,
    Run,
)
from sidecar.simulator.world import World

BUILT_IN_HUB_ID = "6f39cea9-6264-4951-83a8-29976b614289"

Answer = dict[str, Any]


def user(username: str) -> Answer:
    """Return a user as Litmus shows them in audits: by name only."""
    return {"userID": "", "username": username, "email": ""}


def _lazy(make: Callable[[], str]) -> Callable[[Any], str]:
    return lambda _info: make()


def _weightages(experiment: Experiment) -> list[Answer]:
    return [{"faultName": fault.name, "weightage": fault.weight} for fault in experiment.faults]


def joined_infra(infra: Infra | None, *, with_type: bool = True) -> Answer | None:
    """Return the infra joined into an experiment or a run: few fields filled, zero values elsewhere."""
    if infra is None:
        return None
    return {
        "projectID": "",
        "infraID": infra.infra_id,
        "name": infra.name,
        "description": infra.description,
        "tags": infra.tags,
        "environmentID": infra.environment_id,
        "platformName": infra.platform_name,
        "isActive": infra.is_active,
        "isInfraConfirmed": False,
        "isRemoved": False,
        "updatedAt": str(infra.updated_at_ms),
        "createdAt": str(infra.created_at_ms),
        "token": "",
        "infraNamespace": infra.namespace,
        "serviceAccount": "litmus",
        "infraScope": infra.scope,
        "startTime": str(infra.created_at_ms),
        "version": infra.version,
        "infraType": "Kubernetes" if with_type else None,
        "updateStatus": "",
    }


def listed_infra(world: World, infra: Infra) -> Answer:
    """Return an infra as listInfras and getInfra show it; removed experiments and runs count."""
    experiments = [item for item in world.experiments.values() if item.infra_id == infra.infra_id]
    runs = [run for run in world.runs if run.infra_id == infra.infra_id]
    token = f"{SECRET_MARKER}-agent-token-{infra.infra_id}"
    answer = joined_infra(infra, with_type=False) or {}
    return answer | {
        "projectID": infra.project_id,
        "isInfraConfirmed": infra.is_confirmed,
        "isRemoved": infra.is_removed,
        "noOfExperiments": len(experiments) or None,
        "noOfExperimentRuns": len(runs) or None,
        "token": "" if infra.is_confirmed else token,
        "infraNsExists": True,
        "infraSaExists": True,
        "lastExperimentTimestamp": str(max(run.updated_at_ms for run in runs)) if runs else None,
        "createdBy": user(infra.username),
        "updatedBy": user(infra.username),
    }


def environment(document: Environment) -> Answer:
    """Return an environment."""
    return {
        "projectID": document.project_id,
        "environmentID": document.environment_id,
        "name": document.name,
        "description": document.description,
        "tags": document.tags,
        "type": document.type,
        "createdAt": str(document.created_at_ms),
        "updatedAt": str(document.updated_at_ms),
        "createdBy": user(document.username),
        "updatedBy": user(document.username),
        "isRemoved": document.is_removed,
        "infraIDs": document.infra_ids,
    }


def built_in_hub() -> Answer:
    """Return the hub every project has."""
    return _hub_answer(
        Hub(
            hub_id=BUILT_IN_HUB_ID,
            project_id="",
            name="Litmus ChaosHub",
            total_faults=53,
            total_experiments=9,
        ),
        auth_type="",
        is_default=True,
    )


def hub(document: Hub) -> Answer:
    """Return a project's own hub, credentials in clear text as Litmus gives them."""
    return _hub_answer(document, auth_type="TOKEN" if document.is_private else "NONE", is_default=False)


def _hub_answer(document: Hub, *, auth_type: str, is_default: bool) -> Answer:
    secret = f"{SECRET_MARKER}-hub-{document.hub_id}" if document.is_private else None
    counted = document.is_available
    return {
        "id": document.hub_id,
        "repoURL": "https://git.example.org/chaos-charts",
        "repoBranch": "master",
        "remoteHub": "",
        "isAvailable": document.is_available,
        "totalFaults": str(document.total_faults if counted else 0),
        "totalExperiments": str(document.total_experiments if counted else 0),
        "name": document.name,
        "hubType": "",
        "isPrivate": document.is_private,
        "authType": auth_type,
        "token": secret,
        "userName": None,
        "password": secret,
        "isRemoved": document.is_removed,
        "sshPrivateKey": secret,
        "sshPublicKey": secret,
        "lastSyncedAt": str(document.created_at_ms),
        "tags": document.tags,
        "createdBy": user(""),
        "updatedBy": user(""),
        "createdAt": str(document.created_at_ms),
        "updatedAt": str(document.created_at_ms),
        "description": document.description,
        "isDefault": is_default,
    }


def git_ops(project: Project) -> Answer:
    """Return the GitOps details: ``enabled: false`` without one, else credentials in clear text."""
    config = project.git_ops
    if config is None:
        return {"enabled": False, "projectID": project.project_id}
    return {
        "enabled": True,
        "projectID": project.project_id,
        "branch": config.branch,
        "repoURL": config.repo_url,
        "authType": config.auth_type.upper(),
        "token": f"{SECRET_MARKER}-gitops-token",
        "userName": "chaos-bot",
        "password": f"{SECRET_MARKER}-gitops-password",
        "sshPrivateKey": f"{SECRET_MARKER}-gitops-key",
    }


def recent_run(entry: RecentRun) -> Answer:
    """Return an entry of an experiment's recent list."""
    return {
        "experimentRunID": entry.run_id,
        "phase": entry.phase,
        "resiliencyScore": entry.score,
        "updatedAt": str(entry.updated_at_ms),
        "createdAt": str(entry.created_at_ms),
        "createdBy": user(entry.username),
        "updatedBy": user(entry.username),
        "runSequence": entry.sequence,
    }


def experiment(world: World, document: Experiment) -> Answer:
    """Return an experiment as listExperiment shows it."""
    return {
        "projectID": "",
        "experimentID": document.experiment_id,
        "experimentType": document.type,
        "experimentManifest": _lazy(lambda: json.dumps(document.manifest, separators=(",", ":"))),
        "cronSyntax": document.cron_syntax,
        "name": document.name,
        "description": document.description,
        "weightages": _weightages(document),
        "isCustomExperiment": True,
        "updatedAt": str(document.updated_at_ms),
        "createdAt": str(document.created_at_ms),
        "infra": joined_infra(world.infras.get(document.infra_id)),
        "isRemoved": document.is_removed,
        "tags": document.tags,
        "createdBy": user(document.username),
        "updatedBy": user(document.username),
        "recentExperimentRunDetails": [recent_run(entry) for entry in document.recent] or None,
    }


def run(world: World, document: Run, *, single: bool = False) -> Answer:
    """Return a run as listExperimentRun shows it, or getExperimentRun if ``single``."""
    of = world.experiments[document.experiment_id]
    counts = document.counts
    return {
        "projectID": document.project_id,
        "experimentRunID": document.run_id,
        "experimentType": of.type,
        "experimentID": document.experiment_id,
        "weightages": _weightages(of),
        "updatedAt": str(document.updated_at_ms),
        "createdAt": str(document.created_at_ms),
        "infra": joined_infra(world.infras.get(document.infra_id), with_type=not single),
        "experimentName": of.name,
        "experimentManifest": _lazy(lambda: json.dumps(of.manifest, separators=(",", ":"))),
        "phase": document.phase,
        "resiliencyScore": document.score,
        "faultsPassed": counts.passed if counts else None,
        "faultsFailed": counts.failed if counts else None,
        "faultsAwaited": counts.awaited if counts else None,
        "faultsStopped": counts.stopped if counts else None,
        "faultsNa": counts.na if counts else None,
        "totalFaults": counts.total if counts else None,
        "executionData": _lazy(lambda: execution_data(of, document)),
        "isRemoved": document.is_removed,
        "updatedBy": user(document.username),
        "createdBy": None,
        "notifyID": document.notify_id if single else None,
        "runSequence": document.sequence,
    }


def execution_data(of: Experiment, document: Run) -> str:
    """Return the agent's report as JSON text: times in seconds; ``""`` before the first report."""
    if document.counts is None:
        return ""
    verdicts = ["Pass"] * document.counts.passed + ["Fail"] * document.counts.failed
    verdicts += ["Stopped"] * document.counts.stopped
    started, ended = str(document.created_at_ms // 1000), str(document.updated_at_ms // 1000)
    nodes = {
        f"{document.run_id}-{index}": {
            "name": fault.name,
            "phase": document.phase,
            "startedAt": started,
            "finishedAt": ended if document.is_finished else "",
            "children": None,
            "type": "ChaosEngine",
            "chaosData": {
                "engineName": f"{fault.name}-engine",
                "experimentStatus": document.phase,
                "experimentVerdict": verdicts[index] if index < len(verdicts) else "Awaited",
                "probeSuccessPercentage": str(int(document.score)),
                "lastUpdatedAt": ended,
            },
        }
        for index, fault in enumerate(of.faults)
    }
    return json.dumps(
        {
            "experimentType": of.type,
            "experimentID": of.experiment_id,
            "name": of.name,
            "phase": document.phase,
            "startedAt": started,
            "finishedAt": ended if document.is_finished else "",
            "nodes": nodes,
        }
    )
