"""What is declared, what is imported and what is locked are the same."""

import ast
import importlib.metadata
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.packaging.test_docs import PROJECT, PYPROJECT, ROOT
from tests.support.locks import REQUIREMENTS, read_lock

ITSELF: Final = PROJECT["name"]
EXTRAS: Final = PROJECT["optional-dependencies"]
GROUPS: Final = PYPROJECT["dependency-groups"]
RUNTIME: Final = [*PROJECT["dependencies"], *EXTRAS["otel"]]
DECLARED: Final[dict[str, list[str]]] = {
    "build": GROUPS["build"],
    "sbom": GROUPS["sbom"],
    "runtime": RUNTIME,
    "dev": [*RUNTIME, *EXTRAS["dev"], *GROUPS["build"], *GROUPS["sbom"]],
}
LOADED_BY_NAME: Final = {"aiosqlite", "psycopg", "tzdata"}
"""What is never imported by us: drivers that SQLAlchemy finds by a URL, and data of zoneinfo."""


def requirements(lines: list[str]) -> dict[str, Requirement]:
    """Return requirements by normalised name, our own extras left out."""
    found = [Requirement(line) for line in lines]
    return {canonicalize_name(one.name): one for one in found if one.name != ITSELF}


def test_every_lock_file_is_known_and_made_by_one_make_target() -> None:
    assert {path.name for path in REQUIREMENTS.iterdir()} == {f"{name}.txt" for name in DECLARED}
    makefile = (ROOT / "Makefile").read_text()
    assert all(f"--output-file requirements/{name}.txt" in makefile for name in DECLARED)


@pytest.mark.parametrize("name", DECLARED)
def test_every_pin_has_its_hashes_and_no_place_to_come_from(name: str) -> None:
    pins = read_lock(name)
    assert pins
    for pin in pins:
        assert pin.hashes, pin
        assert all(one.startswith("sha256:") and len(one) == len("sha256:") + 64 for one in pin.hashes), pin
    assert "://" not in (REQUIREMENTS / f"{name}.txt").read_text()


@pytest.mark.parametrize("name", DECLARED)
def test_every_direct_dependency_is_locked_within_its_bounds(name: str) -> None:
    pins = read_lock(name)
    for wanted, requirement in requirements(DECLARED[name]).items():
        versions = [pin.version for pin in pins if pin.name == wanted]
        assert versions, f"{wanted} is not locked in {name}; run make lock"
        assert all(requirement.specifier.contains(version) for version in versions), (wanted, versions)


@pytest.mark.parametrize("name", DECLARED)
def test_nothing_is_locked_that_nobody_needs(name: str) -> None:
    pins = read_lock(name)
    needed = set(requirements(DECLARED[name]))
    while True:
        more = {pin.name for pin in pins if needed & set(pin.needed_by)} - needed
        if not more:
            break
        needed |= more
    assert {pin.name for pin in pins} == needed


def test_all_lock_files_agree_on_versions() -> None:
    everything = {(pin.name, pin.version) for pin in read_lock("dev")}
    for name in DECLARED:
        assert {(pin.name, pin.version) for pin in read_lock(name)} <= everything


def test_what_builds_the_package_is_what_was_locked_for_it() -> None:
    assert PYPROJECT["build-system"]["requires"] == GROUPS["build"]


def test_an_audit_that_could_not_look_something_up_fails(program: Callable[[str, str], str]) -> None:
    """Without being told so, pip-audit calls what it does not find free of vulnerabilities."""
    planned = subprocess.run(  # noqa: S603 - only prints what would be done
        [program("make", "make"), "--dry-run", "audit"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    audits = [line for line in planned.splitlines() if "pip-audit" in line]
    assert len(audits) == 2
    assert all("pip-audit --strict" in line for line in audits)
    assert all(f"requirements/{name}.txt" in planned for name in DECLARED)


def imported(package: Path) -> Iterator[str]:
    """Yield the full name of every foreign module that a package imports, and of what it takes from it."""
    for path in package.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                yield from (alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                yield node.module


def owners() -> dict[str, str]:
    """Return which distribution each installed module is of."""
    return {
        ".".join((*file.parent.parts, file.name.partition(".")[0])).removesuffix(".__init__"): one.name
        for one in importlib.metadata.distributions()
        for file in one.files or ()
        if file.suffix in {".py", ".so"}
    }


@pytest.mark.service
def test_what_the_package_imports_is_declared_and_what_is_declared_is_imported() -> None:
    """A dependency of a dependency may go any day, and nobody here decided on its version."""
    owner = owners()
    foreign = {
        module
        for module in imported(ROOT / "sidecar")
        if module.partition(".")[0] not in {"sidecar", *sys.stdlib_module_names}
    }
    used = {canonicalize_name(owner[module]) for module in foreign}
    assert used | LOADED_BY_NAME == set(requirements(RUNTIME))
