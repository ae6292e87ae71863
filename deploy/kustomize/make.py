"""Write the manifests beside this file from the chart and its examples; needs ``helm``.

``sqlite`` and ``postgresql`` are bases, ``monitoring`` is a component for
either. First the chart gets its copies of the rules and the dashboard, for a
chart reads no files outside of it.
"""

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from typing import Any, Final

from ruamel.yaml import YAML

HERE: Final = Path(__file__).parent
CHART: Final = HERE.parent / "helm/litmus-sidecar"
NAME: Final = "litmus-sidecar"
COPIED: Final = ("prometheus/rules.yaml", "grafana/dashboard.json")
MONITORING: Final = {"ServiceMonitor", "PrometheusRule"}
MADE: Final = "# Made by deploy/kustomize/make.py from the chart; change that, or patch this.\n"
BASE: Final = f"""{MADE}apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
resources: [resources.yaml]
configMapGenerator:
  - {{ name: {NAME}, files: [app-config.yaml] }}
"""
COMPONENT: Final = f"""{MADE}apiVersion: kustomize.config.k8s.io/v1alpha1
kind: Component
resources: [resources.yaml]
"""
OF_HELM: Final = ("helm.sh/chart", "app.kubernetes.io/managed-by")
NEWEST: Final = "1.37"
"""The Kubernetes that the chart is rendered for; nothing in it depends on that."""


def helm() -> str:
    """Return the program, that of this environment first."""
    return shutil.which("helm", path=Path(sys.executable).parent) or shutil.which("helm") or "helm"


def rendered(example: str) -> Iterator[str]:
    """Yield the text of each object that the chart makes of an example of values."""
    text = subprocess.run(  # noqa: S603 - the chart beside this
        [
            helm(),
            "template",
            NAME,
            str(CHART),
            f"--values={CHART / 'examples' / f'{example}.yaml'}",
            f"--kube-version={NEWEST}",
        ],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    for part in re.split(r"^---\n", text, flags=re.MULTILINE):
        if part.strip():
            yield re.sub(r"^# Source: .*\n", "", part).strip() + "\n"


def yaml() -> YAML:
    """Return a reader and writer that keeps comments and the form of what is kept."""
    kept = YAML()
    kept.width = 10_000
    kept.preserve_quotes = True
    kept.indent(mapping=2, sequence=4, offset=2)
    return kept


def without_helm(thing: Any) -> Any:
    """Take away what is Helm's alone, and the namespace, which kustomize sets."""
    metadata = thing["metadata"]
    del metadata["namespace"]
    for label in OF_HELM:
        del metadata["labels"][label]
    if "annotations" in metadata:
        metadata["annotations"].pop("helm.sh/resource-policy", None)
        if not metadata["annotations"]:
            del metadata["annotations"]
    if thing["kind"] == "Deployment":
        # The generated ConfigMap has a name of its own for each content, which does the same.
        template = thing["spec"]["template"]["metadata"]
        del template["annotations"]["checksum/app-config"]
        if not template["annotations"]:
            del template["annotations"]
    return thing


def is_monitoring(thing: Any) -> bool:
    """Tell whether an object needs the Prometheus operator or Grafana."""
    return thing["kind"] in MONITORING or thing["metadata"]["name"].endswith("-dashboard")


def files(example: str) -> Iterator[tuple[str, str]]:
    """Yield the path and the text of each file that is made of an example."""
    ours: list[Any] = []
    watching: list[Any] = []
    for text in rendered(example):
        thing = without_helm(yaml().load(text))
        if thing["kind"] == "ConfigMap" and thing["metadata"]["name"] == NAME:
            yield f"{example}/app-config.yaml", str(thing["data"]["app-config.yaml"])
        else:
            (watching if is_monitoring(thing) else ours).append(thing)
    yield f"{example}/resources.yaml", dumped(ours)
    yield f"{example}/kustomization.yaml", BASE
    if watching:
        yield "monitoring/resources.yaml", dumped(watching)
        yield "monitoring/kustomization.yaml", COMPONENT


def dumped(things: list[Any]) -> str:
    """Return objects as one text."""
    out = StringIO()
    yaml().dump_all(things, out)
    return MADE + out.getvalue()


def write(directory: Path) -> None:
    """Write all files below a directory."""
    for example in ("sqlite", "postgresql"):
        for name, text in files(example):
            path = directory / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    for original in COPIED:
        shutil.copyfile(HERE.parent / original, CHART / "files" / Path(original).name)
    write(HERE)
