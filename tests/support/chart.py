"""The chart as the real ``helm`` renders it, for tests."""

import copy
import functools
import json
import os
import shutil
import subprocess
import sys
from importlib.metadata import version
from itertools import product
from pathlib import Path
from typing import Any, Final

import pytest
from ruamel.yaml import YAML

from tests.support.deployed import DEPLOY

CHART: Final = DEPLOY / "helm/litmus-sidecar"
EXAMPLES: Final = CHART / "examples"
BASES: Final = ("sqlite", "postgresql")
ADDED: Final = ("gateway", "ingress", "oauth2-proxy")
"""Examples that are added to one of a base."""
COMBINATIONS: Final = [*((base,) for base in BASES), *product(BASES, ADDED)]
NEWEST: Final = version("kubernetes-validate").rpartition(".")[0]
"""Minor version of Kubernetes: the package has the number of the newest one that it knows."""
MINORS: Final = [f"1.{int(NEWEST.partition('.')[2]) - older}" for older in range(3)]
OWN_NAME: Final = "litmus-sidecar"
NOT_OF_KUBERNETES: Final = {"ServiceMonitor", "PrometheusRule", "HTTPRoute"}
"""Kinds whose definitions are a cluster's own."""


@functools.cache
def tool(name: str) -> str:
    """Return a program that ``make`` builds from ``tests/tools``, or skip; in CI a lack of it fails."""
    found = shutil.which(name, path=Path(sys.executable).parent) or shutil.which(name)
    if found is not None:
        return found
    message = f"{name} is missing; run make .venv/bin/{name}"
    if os.environ.get("LITMUS_SIDECAR_CI"):
        pytest.fail(message)
    pytest.skip(message)


def run(*command: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)  # noqa: S603 - ours


def helm(word: str, *options: str, examples: tuple[str, ...], minor: str = NEWEST) -> Any:
    values = [f"--values={EXAMPLES / f'{example}.yaml'}" for example in examples]
    name = [OWN_NAME] if word == "template" else []
    return run(tool("helm"), word, *name, CHART, f"--kube-version={minor}", *values, *options)


@functools.cache
def rendered_text(examples: tuple[str, ...], *options: str, minor: str = NEWEST) -> str:
    done = helm("template", *options, examples=examples, minor=minor)
    assert done.returncode == 0, done.stderr
    text: str = done.stdout
    return text


def rendered(examples: tuple[str, ...], *options: str, minor: str = NEWEST) -> list[dict[str, Any]]:
    """Return the objects; a test may change them."""
    return copy.deepcopy(_parsed(rendered_text(examples, *options, minor=minor)))


@functools.cache
def _parsed(text: str) -> list[dict[str, Any]]:
    return [thing for thing in YAML(typ="safe").load_all(text) if thing]


def refusal(*options: str, examples: tuple[str, ...] = ("sqlite",)) -> str:
    done = helm("template", *options, examples=examples)
    assert done.returncode != 0, "was rendered"
    said: str = done.stderr
    return said


def the(kind: str, things: list[dict[str, Any]]) -> Any:
    (found,) = (thing for thing in things if thing["kind"] == kind)
    return found


def kinds(things: list[dict[str, Any]]) -> set[str]:
    return {thing["kind"] for thing in things}


def pod_of(things: list[dict[str, Any]]) -> Any:
    return the("Deployment", things)["spec"]["template"]["spec"]


def validate(things: list[dict[str, Any]], minor: str) -> None:
    """Hold objects to the schemas of a minor version, in which no unknown key is let pass."""
    for thing in things:
        if thing["kind"] not in NOT_OF_KUBERNETES:
            _validate(json.dumps(thing), minor)


@functools.cache
def _validate(thing: str, minor: str) -> None:
    """Hold one object, as JSON; most are the same in many examples."""
    # Its import builds parsers for seconds of CPU, in every worker that only collects this.
    import kubernetes_validate  # type: ignore[import-untyped]  # noqa: PLC0415

    kubernetes_validate.validate(json.loads(thing), minor, strict=True)
