"""The wheel: everything is in it, and it works where there is nothing else of the repository."""

import asyncio
import os
import re
import shutil
import stat
import subprocess
import sys
import sysconfig
import venv
import zipfile
from email.parser import Parser
from pathlib import Path
from typing import Any, Final

import aiohttp
import pytest
from packaging.requirements import Requirement

from benchmarks.newcomer import Newcomer, at_their_litmus, newcomers_environ
from sidecar import __version__
from sidecar.simulator.demo_catalog import demo_catalog
from tests.packaging.test_dockerfile import files_of
from tests.packaging.test_docs import PROJECT, ROOT
from tests.support.service import eventually

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
DEMO: Final = "exec litmus-sidecar demo --port 0 --log-level error"
HURRIED: Final = {
    "APP_CONFIG_litmusSidecar_listen_port": "0",
    "APP_CONFIG_litmusSidecar_sync_maxRequestsPerSecond": "500",
}
"""Any free port, and a pace at which a test need not wait."""
PLUGIN_ASKS: Final = (
    ["getExperimentRunStats"],
    ["getExperimentStats", "getChaosHubStats", "getInfraStats", "getGitOpsDetails"],
    ["listChaosHub"],
    ["listEnvironments"],
    ["listExperiment"],
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

    def newcomer(self, directory: Path) -> Newcomer:
        """Return somebody at a shell in which the command is found."""
        path = f"{self.bin('')}:{self.environ['PATH']}"
        return Newcomer(directory, newcomers_environ({**self.environ, "PATH": path}))


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
    # Not by the interpreter: its first 3.11 unpacks without a filter alone, those after 3.13 only with one.
    run("tar", "--extract", "--file", source, "--directory", tmp_path)
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

    newcomer = installed.newcomer(installed.home)
    with newcomer.leave_running(DEMO, r" on (http://\S+)") as demo:
        (url,) = demo.told
        await assert_demonstrated(url, installed)
    assert demo.code == 0


async def assert_demonstrated(url: str, installed: Installed) -> None:
    """Assert that the demonstration is ready, whole and answers."""
    async with aiohttp.ClientSession(url) as session:

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


async def test_a_newcomer_gets_from_the_wheel_to_the_answers_of_the_plugin(
    installed: Installed, tmp_path: Path
) -> None:
    """As ``make newcomer`` does, which installs from an index too."""
    newcomer = installed.newcomer(tmp_path)
    with at_their_litmus(newcomer, **HURRIED) as served:
        headers = {"X-Litmus-Sidecar-Key": served.key}
        async with aiohttp.ClientSession(served.url, headers=headers) as session:

            async def ready() -> bool:
                async with session.get("/readyz") as response:
                    return response.status == 200 and (await response.json())["status"] == "ok"

            await eventually(ready)
            async with session.get("/api/v1/entities") as response:
                entities = {one["entityRef"] for one in (await response.json())["entities"]}
    assert len(entities) == 3
    assert "component:default/web-shop" in entities
    assert [list(data) for data in served.answers] == [*PLUGIN_ASKS]
    assert all(value is not None for data in served.answers for value in data.values())
    assert newcomer.printed.rstrip().endswith("No findings.")
    assert [(one.name, one.is_done) for one in newcomer.steps] == [
        ("litmus-sidecar init", True),
        ("litmus-sidecar check", True),
        ("litmus-sidecar serve", True),
        ("the plugin's five answers", True),
    ]
    # One file alone has secrets, and its owner alone reads it.
    environment = tmp_path / "litmus.env"
    assert stat.S_IMODE(environment.stat().st_mode) == 0o600
    secrets = [line.split("=", 1)[1] for line in environment.read_text().splitlines()]
    assert len(secrets) == 2
    shown = (tmp_path / "app-config.litmus.yaml").read_text() + newcomer.printed
    assert [secret for secret in secrets if secret in shown] == []


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
