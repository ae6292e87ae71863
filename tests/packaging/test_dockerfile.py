"""The Dockerfile, as far as it can be held to its word without a container engine."""

import importlib.metadata
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple

import pip
import pytest
from packaging.utils import canonicalize_name

from sidecar import __version__
from tests.support.locks import read_lock

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.service

BUILD: Final = "build"
NOBODY: Final = 65_534
EXAMPLE_ENVIRON: Final = {
    "LITMUS_AUTH_TOKEN": "a-litmus-token",
    "SIDECAR_KEY": "0123456789abcdef-1",
    "SIDECAR_METRICS_KEY": "0123456789abcdef-2",
}


class Instruction(NamedTuple):
    """One instruction of the Dockerfile, its continued lines joined."""

    stage: str
    """Name of its stage; ``""`` for the last one."""
    word: str
    rest: str


def run(*command: str | Path, **options: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603 - the commands are the Dockerfile's and this file's
        command, capture_output=True, text=True, check=False, **options
    )


def read_dockerfile() -> tuple[Instruction, ...]:
    lines = [line for line in (ROOT / "Dockerfile").read_text().splitlines() if not line.startswith("#")]
    stage = ""
    instructions = []
    for line in re.sub(r"\\\n\s*", "", "\n".join(lines)).splitlines():
        word, _, rest = line.partition(" ")
        if word == "FROM":
            stage = rest.partition(" AS ")[2]
        if word:
            instructions.append(Instruction(stage, word, rest))
    return tuple(instructions)


def all_of(word: str, stage: str = "") -> list[str]:
    return [found.rest for found in read_dockerfile() if found[:2] == (stage, word)]


def test_hadolint_has_nothing_to_say() -> None:
    hadolint = Path(sys.executable).parent / "hadolint"
    done = run(hadolint, ROOT / "Dockerfile")
    assert (done.returncode, done.stdout) == (0, "")


def test_every_stage_starts_from_one_base_of_an_exact_tag_and_digest() -> None:
    bases = [found.rest for found in read_dockerfile() if found.word == "FROM"]
    assert re.fullmatch(r"python:3\.\d+\.\d+-slim-[a-z]+@sha256:[0-9a-f]{64} AS base", bases[0])
    assert {base.partition(" ")[0] for base in bases[1:]} == {"base"}


def test_the_final_image_runs_as_a_user_without_privileges() -> None:
    (user,) = all_of("USER")
    assert re.fullmatch(r"[1-9]\d{3,}:[1-9]\d{3,}", user)


def test_the_final_image_installs_no_tools_and_has_no_pip() -> None:
    steps = " ".join(all_of("RUN"))
    assert not re.search(r"\b(apt|apt-get|apk|curl|wget|gcc|make)\b|\bpip install", steps)
    assert "pip uninstall" in steps
    assert "--without-pip" in " ".join(all_of("RUN", BUILD))


def test_everything_that_is_installed_was_locked_with_its_hashes() -> None:
    """Or is our own wheel, which was built a line above and brings nothing with it."""
    installs = [
        command
        for step in all_of("RUN", BUILD)
        for command in step.split("&&")
        if re.search(r"\bpip\b.*\b(install|wheel)\b", command)
    ]
    assert len(installs) == 4
    for command in installs:
        locked = "--require-hashes --only-binary=:all:" in command and " -r requirements/" in command
        assert locked or "--no-deps" in command, command


def test_the_image_serves_the_mounted_configuration() -> None:
    assert json.loads(all_of("ENTRYPOINT")[0]) == ["litmus-sidecar"]
    assert json.loads(all_of("CMD")[0])[:2] == ["serve", "--config"]


def test_everything_that_is_copied_exists_and_is_sent_to_the_builder() -> None:
    sent = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    assert {source.removeprefix("./") for source in copied()} == sent
    assert all((ROOT / source).exists() for source in copied())


def copied() -> list[str]:
    """Return what the build takes from the checkout."""
    return [source for rest in all_of("COPY", BUILD) for source in rest.split()[:-1]]


def test_the_health_check_asks_by_the_configuration_that_is_served() -> None:
    (rest,) = all_of("HEALTHCHECK")
    _, *served = json.loads(all_of("CMD")[0])
    assert json.loads(rest[rest.index("[") :]) == ["litmus-sidecar", "health", *served]


class Unprivileged:
    """Runs commands in a directory of its own, as a user without privileges."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._as_nobody: dict[str, Any] = (
            {"user": NOBODY, "group": NOBODY, "extra_groups": []} if os.geteuid() == 0 else {}
        )
        if self._as_nobody:
            os.chown(directory, NOBODY, NOBODY)

    def run(self, *command: str | Path, path: Path | None = None, **environ: str) -> str:
        """Run a command, ``path`` before all other programs, and return its output."""
        search = f"{path}:{os.environ['PATH']}" if path else os.environ["PATH"]
        # The caller's own environment of Python must not leak in: it would lend its packages.
        kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
        env = {**kept, "HOME": str(self.directory), "PATH": search, **environ}
        # Byte code is made when it is needed; that of all dependencies is most of an install.
        env["PIP_COMPILE"] = "0"
        done = run(*command, cwd=self.directory, env=env, **self._as_nobody)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def may_run(self, program: str) -> bool:
        try:
            return run(program, "--version", **self._as_nobody).returncode == 0
        except OSError:
            return False

    def give(self, source: Path, target: Path) -> None:
        """Copy a file or a directory into ours, to be the user's own."""
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, target)
        if self._as_nobody:
            for path in [target, *target.rglob("*")]:
                os.chown(path, NOBODY, NOBODY)


@pytest.fixture
def unprivileged() -> Iterator[Unprivileged]:
    # Not below pytest's own directory, which only its user may enter.
    with tempfile.TemporaryDirectory(prefix="litmus-sidecar-image-") as directory:
        yield Unprivileged(Path(directory))


def build_environ() -> dict[str, str]:
    """Return what the build's steps find in their environment."""
    (rest,) = all_of("ENV", BUILD)
    return dict(pair.split("=", 1) for pair in rest.split())


def test_the_install_steps_give_a_command_that_needs_nothing_of_the_checkout(
    unprivileged: Unprivileged, program: Callable[[str, str], str]
) -> None:
    directory = unprivileged.directory
    own = f"{sys.base_prefix}/bin/python3"
    # An interpreter in somebody's home directory is closed to others; Debian's is not.
    python = own if unprivileged.may_run(own) else program("/usr/bin/python3", "python3-venv")
    unprivileged.run(python, "-m", "venv", "--without-pip", directory / "image")
    (packages,) = directory.glob("image/lib/python*/site-packages")
    # As new as that of the image, which venv's own is not, and not to be compiled before it is used.
    unprivileged.give(Path(pip.__file__).parent, packages / "pip")
    unprivileged.run("mkdir", "src", "opt")
    for name in copied():
        unprivileged.give(ROOT / name, directory / "src" / name)
    for step in all_of("RUN", BUILD):
        here = re.sub(r"(?<![\w./])/(opt|wheels|build-tools)\b", rf"{directory}/\1", step)
        unprivileged.run("sh", "-ec", f"cd src\n{here}", path=directory / "image/bin", **build_environ())
    shutil.rmtree(directory / "src")
    for example in ("app-config.example.yaml", "catalog-info.example.yaml"):
        unprivileged.give(ROOT / example, directory / example)

    installed = directory / "opt/litmus-sidecar/bin"
    version = unprivileged.run("litmus-sidecar", "--version", path=installed)
    assert version.split()[-1] == __version__
    checked = unprivileged.run(
        "litmus-sidecar",
        *("check", "--offline", "--config", "app-config.example.yaml"),
        path=installed,
        **EXAMPLE_ENVIRON,
    )
    assert checked.endswith("No findings.\n")
    assert_described(directory / "opt/litmus-sidecar")
    (package,) = directory.glob("opt/litmus-sidecar/lib/python*/site-packages/sidecar")
    assert files_of(package) == files_of(ROOT / "sidecar")
    assert not (installed / "pip").exists()


def assert_described(environment: Path) -> None:
    """Assert that the bill of materials names just what is installed, which is just what was locked."""
    (packages,) = environment.glob("lib/python*/site-packages")
    installed = {
        (canonicalize_name(one.name), one.version)
        for one in importlib.metadata.distributions(path=[str(packages)])
    }
    bill = json.loads((environment / "sbom.cdx.json").read_text())
    itself = bill["metadata"]["component"]
    listed = {(canonicalize_name(one["name"]), one["version"]) for one in bill["components"]}
    assert bill["bomFormat"] == "CycloneDX"
    assert (itself["name"], itself["version"]) == ("backstage-litmus-sidecar", __version__)
    assert listed | {(itself["name"], itself["version"])} == installed
    locked = {(pin.name, pin.version) for pin in read_lock("runtime") if pin.applies}
    assert listed - {(itself["name"], itself["version"])} == locked


def files_of(package: Path) -> set[str]:
    """Return the files of a package, data included, that are not made by running it."""
    return {
        str(path.relative_to(package))
        for path in package.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
