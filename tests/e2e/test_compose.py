"""The try-out with Compose: its services' own commands and files, started here without containers.

Addresses and paths are this machine's. What is not here, Grafana and
oauth2-proxy, is held to what it is given.
"""

import asyncio
import json
import os
import re
import sys
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any, Final

import aiohttp
import pytest

from sidecar.config import load_config
from sidecar.simulator import demo_catalog
from tests.packaging.test_deploy import run
from tests.support.deployed import DEPLOY, dashboard, load, rules
from tests.support.findings import findings
from tests.support.prometheus import open_prometheus
from tests.support.service import eventually

COMPOSE: Final = DEPLOY / "compose"
FILE: Final = load(COMPOSE / "compose.yaml")
SERVICES: Final[dict[str, Any]] = FILE["services"]
SET: Final = dict(
    line.split("=", 1) for line in (COMPOSE / ".env").read_text().splitlines() if not line.startswith("#")
)
Program = Callable[[str, str], str]
Start = Callable[..., Awaitable[Path]]


def filled(text: str, **more: str) -> str:
    """Return a text with its variables, as Compose puts them in."""
    known = {**SET, **more}
    return re.sub(r"\$\{(\w+)(?::-([^}]*))?\}", lambda found: known.get(found[1]) or found[2] or "", text)


def mounts(service: str) -> dict[str, Path]:
    """Return what of the repository is mounted where."""
    parts = [one.split(":") for one in SERVICES[service]["volumes"]]
    return {inside: (COMPOSE / outside).resolve() for outside, inside, *_ in parts if outside.startswith(".")}


def command(service: str) -> list[str]:
    return [filled(one) for one in SERVICES[service]["command"]]


@pytest.fixture
async def start() -> AsyncIterator[Start]:
    """Start a command of the image and return its log; what still runs at the end is killed."""
    started: list[Process] = []

    async def begin(*arguments: str, directory: Path, **environ: str) -> Path:
        written = directory / f"{arguments[0]}.log"
        with written.open("wb") as log:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                *("-m", "sidecar", *arguments),
                stdout=log,
                stderr=log,
                cwd=directory,
                env={"PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join(sys.path), **environ},
            )
        started.append(process)
        return written

    yield begin
    for process in started:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def told(log: Path, pattern: str) -> str:
    """Wait until a log has what is looked for, and return it."""
    found: list[str] = []

    def there() -> bool:
        found[:] = re.findall(pattern, log.read_text())
        return bool(found)

    await eventually(there)
    return found[0]


def test_the_catalog_is_the_one_of_the_simulated_litmus() -> None:
    assert (COMPOSE / "sidecar/catalog-info.yaml").read_text() == demo_catalog()


def test_nothing_is_published_beyond_this_machine() -> None:
    for service in SERVICES.values():
        for port in service.get("ports", ()):
            assert port.startswith("127.0.0.1:")


def test_every_file_that_is_mounted_or_built_exists_and_is_read_only() -> None:
    for name, service in SERVICES.items():
        if "volumes" in service:
            for path in mounts(name).values():
                assert path.exists(), path
            assert all(one.endswith(":ro") for one in service["volumes"] if one.startswith("."))
        if "build" in service:
            assert (COMPOSE / service["build"] / "Dockerfile").is_file()
        else:
            assert re.search(r":v?\d+\.\d+", service["image"]), name


def test_the_health_check_reads_what_is_served() -> None:
    sidecar = SERVICES["sidecar"]
    configs = [one for one in command("sidecar") if one.startswith("--config=")]
    assert [filled(one) for one in sidecar["healthcheck"]["test"]] == [
        "CMD",
        "litmus-sidecar",
        "health",
        *configs,
    ]


def test_who_signs_people_in_is_alone_trusted_to_name_them() -> None:
    proxy = SERVICES["oauth2-proxy"]
    assert proxy["network_mode"] == "service:sidecar"
    assert "127.0.0.1:4180:4180" in SERVICES["sidecar"]["ports"]
    config = load(COMPOSE / "sidecar/app-config.yaml")["litmusSidecar"]
    assert config["auth"]["proxy"]["trustedProxies"] == ["127.0.0.1/32"]
    assert "--upstream=http://127.0.0.1:8080/" in proxy["command"]


def test_ones_own_litmus_is_taken_from_two_variables() -> None:
    environ = {name: filled(text) for name, text in SERVICES["sidecar"]["environment"].items()}
    environ |= {"LITMUS_BASE_URL": "https://litmus.example.com", "LITMUS_AUTH_TOKEN": "a-litmus-token"}
    files = [COMPOSE / "sidecar/app-config.yaml", COMPOSE / "sidecar/yours.yaml"]
    config = load_config(files, environ)
    assert [str(one.base_url).rstrip("/") for one in config.instances] == ["https://litmus.example.com"]
    assert findings(config) == ()


def test_promtool_has_nothing_to_say_about_the_configuration(program: Program, tmp_path: Path) -> None:
    """With the rules where the container has them."""
    text = (COMPOSE / "prometheus/prometheus.yaml").read_text()
    for inside, path in mounts("prometheus").items():
        text = text.replace(inside, str(path))
    (tmp_path / "prometheus.yaml").write_text(text)
    run(program("promtool", "prometheus"), "check", "config", str(tmp_path / "prometheus.yaml"))


def test_grafana_gets_our_dashboard_and_a_source_for_it() -> None:
    inside = mounts("grafana")
    (provider,) = load(COMPOSE / "grafana/provisioning/dashboards/litmus-sidecar.yaml")["providers"]
    shown = [path for place, path in inside.items() if place.startswith(provider["options"]["path"] + "/")]
    assert [json.loads(path.read_text()) for path in shown] == [dashboard()]
    (source,) = load(COMPOSE / "grafana/provisioning/datasources/prometheus.yaml")["datasources"]
    kinds = [one["query"] for one in dashboard()["templating"]["list"] if one["type"] == "datasource"]
    assert kinds == [source["type"]]
    assert source["url"] == "http://prometheus:9090"


async def test_simulator_sidecar_on_postgresql_and_prometheus_work_together(
    start: Start, shared_store: str, program: Program, tmp_path: Path
) -> None:
    simulator = await start(
        *(one.replace("9002", "0").replace("0.0.0.0", "127.0.0.1") for one in command("litmus")),  # noqa: S104
        directory=tmp_path,
    )
    litmus = {name: await told(simulator, rf"{name}: (http://\S+)") for name in ("default", "staging")}

    here = tmp_path / "etc"
    here.mkdir()
    ((inside, outside),) = mounts("sidecar").items()
    for path in outside.glob("*.yaml"):
        text = path.read_text().replace("http://litmus:9002", litmus["default"])
        (here / path.name).write_text(text.replace("http://litmus:9003", litmus["staging"]))
    environ = {name: filled(text) for name, text in SERVICES["sidecar"]["environment"].items()}
    sidecar = await start(
        *(one.replace(inside, str(here)) for one in command("sidecar")),
        directory=tmp_path,
        **{**environ, "STORE_URL": shared_store, "APP_CONFIG_litmusSidecar_listen_port": "0"},
    )
    port = (await told(sidecar, r"on (http://\S+)")).rpartition(":")[2].rstrip("/")
    url = f"http://127.0.0.1:{port}"
    async with aiohttp.ClientSession(
        url, headers={"X-Litmus-Sidecar-Key": environ["SIDECAR_KEY"]}
    ) as session:

        async def ready() -> bool:
            async with session.get("/readyz") as response:
                return response.status == 200 and (await response.json())["status"] == "ok"

        await eventually(ready)
        async with session.get("/api/v1/entities") as response:
            assert len((await response.json())["entities"]) >= 6

    text = (COMPOSE / "prometheus/prometheus.yaml").read_text().replace("sidecar:8080", f"127.0.0.1:{port}")
    for place, path in mounts("prometheus").items():
        text = text.replace(place, str(path))
    (tmp_path / "prometheus.yaml").write_text(text)
    config = load(tmp_path / "prometheus.yaml")
    config["global"] = {"scrape_interval": "500ms", "evaluation_interval": "500ms"}
    async with open_prometheus(program("prometheus", "prometheus"), config, tmp_path) as prometheus:

        async def scraped() -> bool:
            return bool(await prometheus.query("owner:backstage_litmus_owner_score:max"))

        await eventually(scraped)
        groups = (await prometheus.get("rules"))["groups"]
        assert sum(len(group["rules"]) for group in groups) == len(rules())
