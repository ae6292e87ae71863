"""The package for Backstage as it is packed and installed into the small apps: whole, and fitting."""

import base64
import hashlib
import json
import subprocess
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest

from tests.support.backstage_app import APPS, built_apps

ROOT: Final = Path(__file__).parents[2]
TARBALL: Final = ROOT / "build" / "plugin.tgz"
NAME: Final = "backstage-plugin-litmus-resilience"
INSTALLED: Final = APPS / "node_modules" / NAME


@pytest.fixture(autouse=True)
def _built() -> None:
    built_apps()


def manifest() -> dict[str, Any]:
    read: dict[str, Any] = json.loads((INSTALLED / "package.json").read_text())
    return read


def test_the_apps_are_bundled_from_the_tarball() -> None:
    lock = json.loads((APPS / "node_modules" / ".package-lock.json").read_text())
    installed = lock["packages"][f"node_modules/{NAME}"]
    digest = base64.b64encode(hashlib.sha512(TARBALL.read_bytes()).digest()).decode()
    assert installed["integrity"] == f"sha512-{digest}"


def test_the_tarball_holds_what_is_published_and_nothing_else() -> None:
    with tarfile.open(TARBALL) as tarball:
        names = {member.name.removeprefix("package/") for member in tarball.getmembers()}
    beside = {name for name in names if not name.startswith("dist/")}
    assert beside == {"package.json", "README.md", "LICENSE", "config.d.ts"}
    assert {"dist/index.esm.js", "dist/alpha.esm.js"} <= names


def test_every_entry_point_has_its_code_and_its_types() -> None:
    for name, entry in manifest()["exports"].items():
        for path in entry.values() if isinstance(entry, dict) else [entry]:
            assert (INSTALLED / path).is_file(), (name, path)


def test_what_it_asks_of_an_app_backstage_1_55_has(program: Callable[[str, str], str]) -> None:
    done = subprocess.run(  # noqa: S603 - Node and a file of ours
        [program("node", "nodejs"), "peers.mjs"], cwd=APPS, capture_output=True, check=True, text=True
    )
    asked = json.loads(done.stdout)
    assert {"react", "@backstage/core-plugin-api"} <= {one["name"] for one in asked}
    assert [one for one in asked if not one["fits"]] == []


def test_what_it_brings_is_locked_for_the_apps() -> None:
    locked = json.loads((APPS / "package-lock.json").read_text())["packages"]
    assert {f"node_modules/{name}" for name in manifest()["dependencies"]} <= {*locked}
