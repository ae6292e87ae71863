"""Argo manifests as Litmus stores them: a Workflow, or a CronWorkflow around one."""

from collections.abc import Sequence
from typing import Any


def experiment_manifest(
    name: str,
    namespace: str,
    faults: Sequence[str],
    *,
    cron: str,
    timezone: str | None,
    suspended: bool,
) -> dict[str, Any]:
    """Return the manifest of an experiment; a CronWorkflow if ``cron`` is not empty."""
    workflow = {
        "entrypoint": "argowf-chaos",
        "serviceAccountName": "argo-chaos",
        "templates": [
            {"name": "argowf-chaos", "steps": [[{"name": fault, "template": fault}] for fault in faults]},
            *(
                {"name": fault, "container": {"image": "litmuschaos/litmus-checker:2.11.0"}}
                for fault in faults
            ),
        ],
    }
    metadata = {"name": name, "namespace": namespace}
    if not cron:
        return {
            "apiVersion": "argoproj.io/v1alpha1",
            "kind": "Workflow",
            "metadata": metadata,
            "spec": workflow,
        }
    spec: dict[str, Any] = {"schedule": cron, "concurrencyPolicy": "Forbid", "workflowSpec": workflow}
    if timezone is not None:
        spec["timezone"] = timezone
    if suspended:
        spec["suspend"] = True
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "CronWorkflow",
        "metadata": metadata,
        "spec": spec,
    }


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
