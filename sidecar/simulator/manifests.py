"""Argo manifests as Litmus stores them: a Workflow, or a CronWorkflow around one."""

from collections.abc import Mapping, Sequence
from typing import Any

from sidecar.simulator.documents import Fault, Infra

_INSTALL, _CLEAN_UP = "install-chaos-faults", "cleanup-chaos-resources"
_CONTROLLER = "workflows.argoproj.io/controller-instanceid"
_CRON_STATUS = {
    "active": None,
    "lastScheduledTime": None,
    "conditions": None,
    "succeeded": 0,
    "failed": 0,
    "phase": "",
}


def experiment_manifest(
    name: str,
    infra: Infra,
    faults: Sequence[Fault],
    *,
    ids: Mapping[str, str],
    cron: str,
    timezone: str | None,
    suspended: bool,
) -> dict[str, Any]:
    """Return the manifest of an experiment; a CronWorkflow if ``cron`` is not empty.

    ``ids`` are the labels by which the agent knows what the manifest is of: experiment and revision.
    """
    labels = {"infra_id": infra.infra_id, **ids, _CONTROLLER: infra.infra_id}
    workflow = _workflow(infra.namespace, faults)
    metadata = {
        "name": name,
        "namespace": infra.namespace,
        "creationTimestamp": None,
        "labels": labels | {"subject": name},
    }
    manifest = {"kind": "Workflow", "apiVersion": "argoproj.io/v1alpha1", "metadata": metadata}
    if not cron:
        return manifest | {"spec": workflow, "status": {"startedAt": None, "finishedAt": None}}
    spec: dict[str, Any] = {
        "workflowSpec": workflow,
        "schedule": cron,
        "concurrencyPolicy": "Forbid",
        "startingDeadlineSeconds": 0,
        "workflowMetadata": {"creationTimestamp": None, "labels": labels},
    }
    if timezone is not None:
        spec["timezone"] = timezone
    if suspended:
        spec["suspend"] = True
    return manifest | {"kind": "CronWorkflow", "spec": spec, "status": dict(_CRON_STATUS)}


def _workflow(namespace: str, faults: Sequence[Fault]) -> dict[str, Any]:
    """Return what Litmus's own editor writes: install the faults, run each, clean up."""
    names = [fault.name for fault in faults]
    steps = [_INSTALL, *names, _CLEAN_UP]
    return {
        "templates": [
            {
                "name": "main",
                "inputs": {},
                "outputs": {},
                "metadata": {},
                "steps": [[{"name": step, "template": step, "arguments": {}}] for step in steps],
            },
            _template(
                _INSTALL,
                _shell("kubectl apply -f /tmp/ -n {{workflow.parameters.adminModeNamespace}}"),
                artifacts={name: f"kind: ChaosExperiment\nmetadata:\n  name: {name}\n" for name in names},
            ),
            *(_fault_template(fault) for fault in faults),
            _template(_CLEAN_UP, _shell("kubectl delete chaosengine")),
        ],
        "entrypoint": "main",
        "arguments": {"parameters": [{"name": "adminModeNamespace", "value": namespace}]},
        "serviceAccountName": "argo-chaos",
        "podGC": {"strategy": "OnWorkflowCompletion"},
        "securityContext": {"runAsUser": 1000, "runAsNonRoot": True},
    }


def _fault_template(fault: Fault) -> dict[str, Any]:
    container = {
        "name": "",
        "image": "docker.io/litmuschaos/litmus-checker:latest",
        "args": [f"-file=/tmp/{fault.name}.yaml", "-saveName=/tmp/engine-name"],
        "resources": {},
    }
    engine = f"kind: ChaosEngine\nspec:\n  experiments:\n    - name: {fault.name}\n"
    template = _template(fault.name, container, artifacts={fault.name: engine})
    return template | {"metadata": {"labels": {"weight": str(fault.weight)}}}


def _template(
    name: str, container: dict[str, Any], *, artifacts: Mapping[str, str] | None = None
) -> dict[str, Any]:
    inputs = [
        {"name": file, "path": f"/tmp/{file}.yaml", "raw": {"data": text}}  # noqa: S108 - in a pod, not here
        for file, text in (artifacts or {}).items()
    ]
    return {
        "name": name,
        "inputs": {"artifacts": inputs} if inputs else {},
        "outputs": {},
        "metadata": {},
        "container": container,
    }


def _shell(command: str) -> dict[str, Any]:
    image = "litmuschaos/k8s:latest"
    return {"name": "", "image": image, "command": ["sh", "-c"], "args": [command], "resources": {}}


def set_suspended(manifest: dict[str, Any], *, suspended: bool) -> None:
    """Rewrite a manifest as updateCronExperimentState does.

    Litmus reads whatever is stored as a CronWorkflow and writes that back, so a plain
    Workflow loses its templates here as it does there.
    """
    spec = manifest["spec"]
    if manifest["kind"] != "CronWorkflow":
        spec.clear()
        spec.update({"schedule": "", "workflowSpec": {}})
    spec["suspend"] = suspended
