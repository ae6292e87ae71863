"""What lies in ``deploy/``, read for tests: the queries of the dashboard and the rules."""

import functools
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from ruamel.yaml import YAML

DEPLOY: Final = Path(__file__).parents[2] / "deploy"
RULES: Final = DEPLOY / "prometheus/rules.yaml"
METRIC: Final = re.compile(r"\b(?:backstage_litmus|litmus_sidecar|process|python)_\w+")


def load(path: Path) -> Any:
    """Return a YAML file's content."""
    return YAML(typ="safe").load(path)


def rules() -> list[dict[str, Any]]:
    """Return every rule of every group."""
    return [rule for group in load(RULES)["groups"] for rule in group["rules"]]


def alerts() -> list[dict[str, Any]]:
    return [rule for rule in rules() if "alert" in rule]


def recordings() -> list[dict[str, Any]]:
    return [rule for rule in rules() if "record" in rule]


def dashboard() -> Any:
    return json.loads((DEPLOY / "grafana/dashboard.json").read_text())


def queries() -> Iterator[tuple[str, str]]:
    """Return the title of a panel and an expression, for each query of the dashboard."""
    for panel in dashboard()["panels"]:
        for target in panel.get("targets", ()):
            yield panel["title"], target["expr"]


def filled(expr: str) -> str:
    """Return the expression as Grafana sends it when nothing is chosen, over a short time."""
    for name in ("instance", "owner", "entity", "job"):
        expr = expr.replace(f'"${name}"', '".*"')
    return expr.replace("$__rate_interval", "30s").replace("$__range", "1m")


@functools.cache
def _recorded() -> frozenset[str]:
    return frozenset(rule["record"] for rule in recordings())


def metrics_in(expr: str) -> set[str]:
    """Return the names of our metrics in an expression, those that rules record left out."""
    for name in _recorded():
        expr = expr.replace(name, "")
    return {name for name in METRIC.findall(re.sub(r'"[^"]*"', "", expr)) if name}
