"""SIGHUP to a running service: it reads its files again, and follows them or stays as it was.

Rule: one process for the module, as a user starts it. Each test writes the files it needs, sends the signal
and waits for the line of the log that answers it; what that line says is in effect then, not a moment later.
"""

import asyncio
import json
import signal
import sys
from asyncio.subprocess import Process
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final

import aiohttp
import pytest
import pytest_asyncio

from tests.e2e.conftest import Small, open_small
from tests.support.service import CEILING_SECONDS, QUICK_SYNC, QUIET_SYNC, catalog_text, eventually

pytestmark = pytest.mark.asyncio(loop_scope="session")
OLD: Final = "old-key-0123456789abcdef"
NEW: Final = "new-key-0123456789abcdef"
ENTITIES: Final = "/api/v1/entities"
SERVING: Final = "Serving on "
RELOADED: Final = "configuration reloaded"
REFUSED: Final = "configuration not reloaded; the one before stays"
SCRAPES: Final = 'litmus_sidecar_requests_total{method="GET",outcome="ok",route="/metrics"}'
Section = dict[str, Any]


class Running:
    """A sidecar as a process, its files, and a client that keeps its connection."""

    def __init__(self, small: Small, folder: Path, session: aiohttp.ClientSession) -> None:
        self.small = small
        self.folder = folder
        self.config = folder / "app-config.yaml"
        self.log = folder / "log"
        self.session = session
        self.url = ""
        self._process: Process | None = None

    def section(self, **others: Any) -> Section:
        """Return the section that the process starts with, and these in it."""
        litmus = {"name": "default", "baseUrl": self.small.simulator.url, "token": self.small.token}
        section: Section = {
            "listen": {"port": 0},
            "instances": [litmus],
            "catalog": {"files": [str(self.small.catalog)], "interval": {"milliseconds": 100}},
            "store": {"url": f"sqlite:///{self.folder}/store.db"},
            "sync": QUIET_SYNC,
            "auth": {"keys": [key(OLD)]},
            "metrics": {"public": True},
        }
        return {**section, **others}

    async def start(self) -> None:
        self.config.write_text(json.dumps({"litmusSidecar": self.section()}))
        with self.log.open("w") as log:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "sidecar", "serve", "--config", str(self.config), stderr=log
            )
        process = self._process

        def has_started() -> bool:
            assert process.returncode is None, self.log.read_text()
            return any(line.startswith(SERVING) for line in self.lines())

        await eventually(has_started)
        (line,) = (line for line in self.lines() if line.startswith(SERVING))
        self.url = line.removeprefix(SERVING)

    async def end(self) -> None:
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
            await self._process.wait()

    async def reload(self, **others: Any) -> Section:
        """Let the file say this, send the signal, and return the line that answers it."""
        return await self.reload_text(json.dumps({"litmusSidecar": self.section(**others)}))

    async def reload_text(self, text: str) -> Section:
        self.config.write_text(text)
        told = len(self.answers())
        self.hang_up()
        await eventually(lambda: len(self.answers()) > told)
        return self.answers()[told]

    def hang_up(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGHUP)

    def answers(self) -> list[Section]:
        """Return the lines of the log about reloads."""
        lines = [line for line in self.lines() if '"configuration ' in line]
        return [line for line in map(json.loads, lines) if line["event"] in {RELOADED, REFUSED}]

    def lines(self) -> list[str]:
        """Return the lines of the log; the last may be written in part, and is none yet."""
        return self.log.read_text().split("\n")[:-1]

    async def get(self, path: str, secret: str = OLD, **headers: str) -> aiohttp.ClientResponse:
        sent = {"X-Litmus-Sidecar-Key": secret, **headers}
        async with self.session.get(self.url + path, headers=sent) as response:
            await response.read()
            return response

    async def status(self, secret: str) -> int:
        return (await self.get(ENTITIES, secret)).status

    async def metric(self, name: str) -> float:
        text = await (await self.get("/metrics")).text()
        (line,) = (line for line in text.splitlines() if line.startswith(f"{name} "))
        return float(line.split()[1])

    async def configuration(self, secret: str = OLD) -> Section:
        document: Section = await (await self.get("/readyz", secret)).json()
        found: Section = document["configuration"]
        return found


def key(secret: str, *scopes: str) -> Section:
    return {"name": "backstage", "secret": secret, "scopes": list(scopes or ("read",))}


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def process(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Running]:
    folder = tmp_path_factory.mktemp("reload")
    connector = aiohttp.TCPConnector(limit=1)
    async with open_small(folder) as small, aiohttp.ClientSession(connector=connector) as session:
        running = Running(small, folder, session)
        try:
            await running.start()
            yield running
        finally:
            await running.end()


@pytest_asyncio.fixture(loop_scope="session")
async def running(process: Running) -> Running:
    """The process, as it was configured at its start."""
    await process.reload()
    return process


async def test_a_key_that_was_replaced_holds_no_more_and_its_remembered_answers_neither(
    running: Running,
) -> None:
    for _ in range(3):
        assert await running.status(OLD) == 200
    line = await running.reload(auth={"keys": [key(NEW)]})
    assert await running.status(OLD) == 401
    assert (line["event"], line["changed"], line["needs_restart"]) == (RELOADED, ["auth.keys"], [])
    assert await running.status(NEW) == 200


async def test_a_scope_that_a_key_has_lost_is_gone(running: Running) -> None:
    await running.reload(auth={"keys": [key(OLD, "read", "admin")]})
    assert (await running.get("/api/v1/audit")).status != 403
    await running.reload()
    assert (await running.get("/api/v1/audit")).status == 403


@pytest.mark.parametrize(
    ("wrong", "word"),
    [
        ({"auth": {"keys": [key(NEW, "reed")]}}, "litmusSidecar.auth.keys[0].scopes[0]: must be one of"),
        ({"auth": {"keys": [{**key(NEW), "name": 7}]}}, "litmusSidecar.auth.keys[0].name: must be text"),
        ({"no": "such key"}, "litmusSidecar.no"),
        (
            {"auth": {"keys": [{"name": "a", "secretFile": "gone", "scopes": ["read"]}]}},
            "litmusSidecar.auth.keys[0].secretFile: the file",
        ),
        ({"tracing": {"endpoint": "no address"}}, "litmusSidecar.tracing.endpoint"),
    ],
)
async def test_a_bad_file_changes_nothing_and_one_line_says_what_is_wrong(
    running: Running, wrong: Section, word: str
) -> None:
    before = await running.metric("litmus_sidecar_config_last_reload_success_timestamp_seconds")
    line = await running.reload(**wrong)
    assert line["event"] == REFUSED
    assert line["level"] == "error"
    (problem,) = line["problems"]
    assert problem.startswith(word)
    assert NEW not in running.log.read_text()
    assert (await running.status(OLD), await running.status(NEW)) == (200, 401)
    assert await running.metric("litmus_sidecar_config_last_reload_successful") == 0
    assert await running.metric("litmus_sidecar_config_last_reload_success_timestamp_seconds") == before
    assert (await running.configuration())["problems"] == [problem]


@pytest.mark.parametrize("text", ["{", "litmusSidecar: [", "", "litmusSidecar: {}"])
async def test_a_file_that_is_half_written_changes_nothing(running: Running, text: str) -> None:
    assert (await running.reload_text(text))["event"] == REFUSED
    assert await running.status(OLD) == 200
    line = await running.reload()
    assert (line["event"], line["changed"]) == (RELOADED, [])
    assert await running.metric("litmus_sidecar_config_last_reload_successful") == 1
    assert (await running.configuration())["problems"] == []


async def test_what_needs_a_restart_is_named_and_waits_while_the_rest_takes_effect(running: Running) -> None:
    line = await running.reload(
        auth={"keys": [key(NEW)], "signIn": {"idle": "2h"}},
        store={"url": f"sqlite:///{running.folder}/other.db"},
    )
    assert line["level"] == "warning"
    assert line["changed"] == ["auth.keys"]
    assert line["needs_restart"] == ["auth.signIn.idle", "store.url"]
    assert (await running.status(OLD), await running.status(NEW)) == (401, 200)
    assert not (running.folder / "other.db").exists()
    assert await running.metric("litmus_sidecar_config_last_reload_successful") == 1
    assert await running.metric("litmus_sidecar_config_needs_restart") == 2
    assert (await running.configuration(NEW))["needsRestart"] == ["auth.signIn.idle", "store.url"]
    await running.reload()
    assert await running.metric("litmus_sidecar_config_needs_restart") == 0


async def test_settings_of_every_kind_take_effect_together(running: Running) -> None:
    more = running.folder / "more.yaml"
    more.write_text(catalog_text({"basket": running.small.project.project_id}))
    # A scrape is counted once it was answered; another test may have been the first, or none.
    await running.get("/metrics")
    answered = await running.metric(SCRAPES)
    origin = "https://backstage.example.com"
    await running.reload(
        publicUrl="https://sidecar.example.com/litmus-sidecar",
        listen={"port": 0, "allowedOrigins": [origin]},
        catalog={"files": [str(running.small.catalog), str(more)], "interval": {"milliseconds": 100}},
        sync={**QUIET_SYNC, "maxRequestsPerSecond": 7},
        auth={"keys": [key(OLD, "read", "run")]},
        actions={"policy": "disabled"},
        pages={"frameAncestors": [origin]},
    )
    page = await running.get("/litmus")
    assert f"frame-ancestors {origin}" in page.headers["Content-Security-Policy"]
    assert '"/litmus-sidecar/litmus' in await page.text()
    assert (await running.get(ENTITIES, Origin=origin)).headers["Access-Control-Allow-Origin"] == origin
    pace = (await (await running.get("/readyz")).json())["instances"]["default"]["pace"]
    assert pace["requestsPerSecond"] == 7
    path = "/api/v1/entities/component/default/cart/experiments/none/run"
    headers = {"X-Litmus-Sidecar-Key": OLD}
    async with running.session.post(running.url + path, json={}, headers=headers) as refused:
        assert (await refused.json())["code"] == "actions_disabled"

    async def names_both() -> bool:
        return "component:default/basket" in await (await running.get(ENTITIES)).text()

    await eventually(names_both)
    # The figures of the process go on.
    now = await running.metric(SCRAPES)
    assert now > answered


async def test_a_shorter_interval_holds_from_the_next_reading_which_whoever_asks_begins(
    running: Running,
) -> None:
    def readings() -> int:
        return running.small.simulator.asked("listExperiment")

    await eventually(lambda: readings() > 0)
    assert (await running.reload(sync=QUICK_SYNC))["changed"] == [
        "sync.interval",
        "sync.slowInterval",
        "sync.activeInterval",
    ]
    before = readings()

    async def goes_on() -> bool:
        assert await running.status(OLD) == 200
        await running.get("/api/v1/entities/component/default/cart/overview")
        return readings() > before + 3

    await eventually(goes_on)


async def test_signals_in_a_row_lose_no_request(running: Running) -> None:
    async def ask() -> set[int]:
        return {await running.status(OLD) for _ in range(60)}

    asking = asyncio.create_task(ask())
    told = len(running.answers())
    for _ in range(20):
        running.hang_up()
        await running.status(OLD)
    async with asyncio.timeout(CEILING_SECONDS):
        assert await asking == {200}
    await eventually(lambda: len(running.answers()) > told)
