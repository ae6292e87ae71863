"""The manifests for kustomize: what the chart renders, valid, and buildable."""

import re
import runpy
import shutil
from pathlib import Path
from typing import Any, Final

import pytest
from ruamel.yaml import YAML

from tests.support.chart import BASES, MINORS, NEWEST, OWN_NAME, kinds, pod_of, run, the, tool, validate
from tests.support.deployed import DEPLOY
from tests.support.markdown import code_blocks, section

pytestmark = pytest.mark.service

KUSTOMIZE: Final = DEPLOY / "kustomize"


def committed(name: str) -> list[dict[str, Any]]:
    return list(YAML(typ="safe").load_all(KUSTOMIZE / name / "resources.yaml"))


@pytest.mark.parametrize("minor", MINORS)
@pytest.mark.parametrize("name", [*BASES, "monitoring"])
def test_the_manifests_fit_the_schemas_of_three_minor_versions(name: str, minor: str) -> None:
    validate(committed(name), minor)


def test_the_schemas_refuse_what_kubernetes_does() -> None:
    import kubernetes_validate  # type: ignore[import-untyped]  # noqa: PLC0415 - see validate

    thing = the("Deployment", committed("sqlite"))
    thing["spec"]["template"]["spec"]["containers"][0]["readOnlyRootFilesystem"] = True
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(thing, NEWEST, strict=True)


def test_what_lies_in_kustomize_is_what_the_chart_renders(tmp_path: Path) -> None:
    """If not: python deploy/kustomize/make.py."""
    tool("helm")
    made = runpy.run_path(str(KUSTOMIZE / "make.py"))
    made["write"](tmp_path)
    for path in (one for one in tmp_path.rglob("*") if one.is_file()):
        assert path.read_text() == (KUSTOMIZE / path.relative_to(tmp_path)).read_text(), path
    kept = {path.relative_to(KUSTOMIZE) for path in KUSTOMIZE.rglob("*.yaml")}
    assert {path.relative_to(tmp_path) for path in tmp_path.rglob("*.yaml")} == kept


@pytest.mark.parametrize("base", BASES)
def test_kustomize_builds_a_base_with_monitoring_and_a_name_for_each_configuration(
    base: str, tmp_path: Path
) -> None:
    shutil.copytree(KUSTOMIZE, tmp_path / "kustomize")
    overlay = tmp_path / "overlay"
    overlay.mkdir()
    (overlay / "kustomization.yaml").write_text(
        f"namespace: portal\nresources: [../kustomize/{base}]\ncomponents: [../kustomize/monitoring]\n"
        "images: [{ name: registry.example.com/litmus-sidecar, newName: ours/sidecar, newTag: '7' }]\n"
    )
    done = run(tool("kustomize"), "build", overlay)
    assert done.returncode == 0, done.stderr
    things = [thing for thing in YAML(typ="safe").load_all(done.stdout) if thing]
    assert {thing["metadata"]["namespace"] for thing in things} == {"portal"}
    pod = pod_of(things)
    assert pod["containers"][0]["image"] == "ours/sidecar:7"
    sources = next(one for one in pod["volumes"] if one["name"] == "app-config")["projected"]["sources"]
    name = sources[0]["configMap"]["name"]
    assert re.fullmatch(rf"{OWN_NAME}-\w+", name)
    own = next(one for one in things if one["metadata"]["name"] == name)
    assert own["data"]["app-config.yaml"] == (KUSTOMIZE / base / "app-config.yaml").read_text()
    assert {"ServiceMonitor", "PrometheusRule"} <= kinds(things)


def test_the_overlay_of_the_documentation_builds_with_a_configuration_of_ones_own(tmp_path: Path) -> None:
    page = (DEPLOY.parent / "docs/how-to/kubernetes.md").read_text()
    (block,) = code_blocks(section(page, "Install with kustomize"), "yaml")
    shutil.copytree(KUSTOMIZE, tmp_path / "deploy/kustomize")
    (tmp_path / "kustomization.yaml").write_text(block)
    (tmp_path / "app-config.yaml").write_text("litmusSidecar: {}\n")
    done = run(tool("kustomize"), "build", tmp_path)
    assert done.returncode == 0, done.stderr
    things = [thing for thing in YAML(typ="safe").load_all(done.stdout) if thing]
    configs = [one["data"] for one in things if "app-config.yaml" in one.get("data", ())]
    assert configs == [{"app-config.yaml": "litmusSidecar: {}\n"}]
