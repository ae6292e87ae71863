"""The package for Backstage goes with the sidecar: one version, one licence, settings as its README says."""

import json
import re
import tomllib
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).parents[2]
PLUGIN: Final = ROOT / "plugin"
README: Final = (PLUGIN / "README.md").read_text()


def manifest(name: str = "package.json") -> dict[str, Any]:
    read: dict[str, Any] = json.loads((PLUGIN / name).read_text())
    return read


def test_its_version_is_that_of_the_sidecar() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert manifest()["version"] == project["version"]
    lock = manifest("package-lock.json")
    assert lock["version"] == lock["packages"][""]["version"] == project["version"]


def test_its_licence_is_that_of_the_sidecar() -> None:
    assert manifest()["license"] == "Apache-2.0"
    assert (PLUGIN / "LICENSE").read_text() == (ROOT / "LICENSE").read_text()


def test_its_lock_file_names_no_registry_but_the_public_one() -> None:
    packages = manifest("package-lock.json")["packages"].values()
    hosts = {re.sub(r"^(https?://[^/]+)/.*", r"\1", one["resolved"]) for one in packages if "resolved" in one}
    assert hosts <= {"https://registry.npmjs.org"}
    installed = [one for name, one in manifest("package-lock.json")["packages"].items() if name]
    assert [one for one in installed if "integrity" not in one] == []


def test_its_lock_file_is_of_its_manifest() -> None:
    locked = manifest("package-lock.json")["packages"][""]
    for kind in ("dependencies", "devDependencies", "peerDependencies"):
        assert locked[kind] == manifest()[kind], kind


def test_every_setting_of_the_readme_is_in_the_schema() -> None:
    example = re.search(r"^litmusResilience:\n((?: {2}\w+:.*\n)+)", README, re.MULTILINE)
    assert example is not None
    named = re.findall(r"^ {2}(\w+):", example[1], re.MULTILINE)
    schema = re.findall(r"^ {4}(\w+)\?:", (PLUGIN / "config.d.ts").read_text(), re.MULTILINE)
    assert named == schema
