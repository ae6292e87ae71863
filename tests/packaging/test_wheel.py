"""The wheel: everything is in it, and it works where there is nothing else of the repository."""

import asyncio
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import venv
import zipfile
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from email.parser import Parser
from pathlib import Path
from typing import Any, Final

import aiohttp
import pytest
from packaging.requirements import Requirement

from sidecar import __version__
from sidecar.simulator.demo_catalog import demo_catalog
from tests.packaging.test_dockerfile import files_of
from tests.packaging.test_docs import PROJECT, ROOT
from tests.support.service import CEILING_SECONDS, eventually

pytestmark = pytest.mark.service

NAME: Final = "backstage_litmus_sidecar"
SOURCES: Final = (
    "pyproject.toml",
    "MANIFEST.in",
    "README.md",
    "LICENSE",
    "CHANGELOG.md",
    "requirements",
    "sidecar",
)
STATS: Final = "query ($projectID: ID!) { getExperimentStats(projectID: $projectID) { totalExperiments } }"


def run(*command: str | Path, **options: Any) -> str:
    done: subprocess.CompletedProcess[str] = subprocess.run(  # noqa: S603 - ours
        command, capture_output=True, text=True, check=False, **options
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory of both distributions, built as `make release` does, of a copy of the checkout."""
    directory = tmp_path_factory.mktemp("built")
    source = directory / "source"
    source.mkdir()
    for name in (*SOURCES, *(path.name for path in ROOT.glob("*.example.yaml"))):
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, source / name)
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", directory / "dist", source)
    shutil.rmtree(source)
    return directory / "dist"


class Installed:
    """The wheel in an environment of its own, which sees what is locked and nothing of the checkout."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.home = directory / "home"
        self.home.mkdir()
        # Nothing of the caller's Python: it would lend the checkout.
        kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
        self.environ: Final = {**kept, "HOME": str(self.home)}

    def bin(self, name: str) -> Path:
        return self.directory / "environment/bin" / name

    def run(self, name: str, *arguments: str | Path, **environ: str) -> str:
        return run(self.bin(name), *arguments, cwd=self.home, env={**self.environ, **environ})

    @asynccontextmanager
    async def demo(self) -> AsyncIterator[str]:
        """Run the demonstration on any port; gives its address."""
        process = await asyncio.create_subprocess_exec(
            self.bin("litmus-sidecar"),
            *("demo", "--port", "0", "--log-level", "error"),
            stdout=PIPE,
            cwd=self.home,
            env=self.environ,
        )
        try:
            yield await _told(process)
            process.terminate()
            async with asyncio.timeout(CEILING_SECONDS):
                assert await process.wait() == 0
        finally:
            if process.returncode is None:
                process.kill()
            await process.communicate()


async def _told(process: Process) -> str:
    """Return the address in the first line that the demonstration prints."""
    assert process.stdout is not None
    async with asyncio.timeout(CEILING_SECONDS):
        found = re.search(rb" on (http://\S+)", await process.stdout.readline())
    assert found is not None
    return found[1].decode()


@pytest.fixture(scope="module")
def installed(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    environment = Installed(tmp_path_factory.mktemp("installed"))
    venv.create(environment.directory / "environment", with_pip=False, symlinks=True)
    (wheel,) = built.glob("*.whl")
    python = environment.bin("python")
    run(
        sys.executable,
        "-m",
        "pip",
        "--python",
        python,
        "install",
        "--no-index",
        "--no-deps",
        "--no-compile",
        wheel,
    )
    packages = Path(
        environment.run("python", "-c", "import sysconfig; print(sysconfig.get_path('purelib'))").strip()
    )
    # What the wheel needs comes from where the tests have it. No .pth file is read there, so the checkout is
    # not on the path.
    lent = {path for path in sys.path if Path(path).name == "site-packages"} | {sysconfig.get_path("purelib")}
    (packages / "lent.pth").write_text("".join(f"{path}\n" for path in sorted(lent)))
    return environment


def test_wheel_and_source_distribution_have_all_of_the_package(built: Path, tmp_path: Path) -> None:
    wheel, source = built / f"{NAME}-{__version__}-py3-none-any.whl", built / f"{NAME}-{__version__}.tar.gz"
    assert {path.name for path in built.iterdir()} == {wheel.name, source.name}
    shutil.unpack_archive(wheel, tmp_path / "wheel", "zip")
    shutil.unpack_archive(source, tmp_path, filter="data")
    unpacked = tmp_path / source.name.removesuffix(".tar.gz")
    expected = files_of(ROOT / "sidecar")
    assert "py.typed" in expected
    assert files_of(tmp_path / "wheel/sidecar") == expected
    assert files_of(unpacked / "sidecar") == expected
    assert {"CHANGELOG.md", "LICENSE", "README.md"} <= {path.name for path in unpacked.iterdir()}
    assert {path.name.partition("-")[0] for path in (tmp_path / "wheel").iterdir()} == {"sidecar", NAME}
    run(sys.executable, "-m", "twine", "check", "--strict", wheel, source)


def test_wheel_says_what_it_needs_and_what_for_its_extra(built: Path) -> None:
    with zipfile.ZipFile(built / f"{NAME}-{__version__}-py3-none-any.whl") as archive:
        said = Parser().parsestr(archive.read(f"{NAME}-{__version__}.dist-info/METADATA").decode())
    needed = [Requirement(line) for line in said.get_all("Requires-Dist", [])]
    always = {one.name for one in needed if one.marker is None or "extra" not in str(one.marker)}
    traced = {one.name for one in needed if one.marker is not None and 'extra == "otel"' in str(one.marker)}
    assert always == {Requirement(line).name for line in PROJECT["dependencies"]}
    assert traced == {Requirement(line).name for line in PROJECT["optional-dependencies"]["otel"]}


async def test_installed_wheel_serves_the_demonstration(installed: Installed) -> None:
    found = installed.run("python", "-c", "import sidecar; print(sidecar.__file__)").strip()
    assert Path(found).is_relative_to(installed.directory)
    assert installed.run("litmus-sidecar", "--version").split()[-1] == __version__

    async with installed.demo() as url, aiohttp.ClientSession(url) as session:

        async def is_ready() -> bool:
            async with session.get("/readyz") as response:
                answer = await response.json()
            # Its store is a SQLite file that the migrations made.
            return bool(answer["status"] == "ok" and answer["store"]["state"] == "ok")

        await eventually(is_ready)
        async with session.get("/litmus") as page:
            text = await page.text()
        assert page.status == 200
        assets = set(re.findall(r'(?:href|src)="(/litmus/assets/[^"]+)"', text))
        assert assets
        for path in assets:
            async with session.get(path) as asset:
                assert asset.status == 200, path
        project = re.search(r"litmuschaos\.io/project-id: (\S+)", demo_catalog())
        assert project is not None
        asked = {"query": STATS, "variables": {"projectID": project[1].strip("'\"")}}
        async with session.post("/api/query", json=asked) as response:
            answer = await response.json()
        assert answer["data"]["getExperimentStats"]["totalExperiments"] > 0

        (installed.home / "app-config.yaml").write_text(
            f"litmusSidecar: {{ listen: {{ port: {url.rpartition(':')[2]} }} }}\n"
        )
        told = await asyncio.to_thread(installed.run, "litmus-sidecar", "health")
        assert told.endswith("is well.\n")


def test_installed_wheel_can_trace_and_reads_the_example(installed: Installed) -> None:
    for path in ROOT.glob("*.example.yaml"):
        shutil.copy(path, installed.home)
    (installed.home / "tracing.yaml").write_text(
        "litmusSidecar: { tracing: { endpoint: 'http://127.0.0.1:4318' } }\n"
    )
    files = ("--config", "app-config.example.yaml", "--config", "tracing.yaml")
    keys = {
        "LITMUS_AUTH_TOKEN": "a-token",
        "SIDECAR_KEY": "0123456789abcdef-1",
        "SIDECAR_METRICS_KEY": "0123456789abcdef-2",
    }
    told = installed.run("litmus-sidecar", "check", "--offline", *files, **keys)
    assert told.endswith("No findings.\n")
