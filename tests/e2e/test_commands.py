"""The command line, as processes and as calls."""

import asyncio
import json
import os
import re
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from sidecar.cli.main import main
from sidecar.config import display_uid
from sidecar.simulator import ScriptedFault
from tests.e2e.conftest import Small
from tests.replica.documents import RUN_STATS
from tests.support.service import CEILING_SECONDS, eventually

Start = Callable[..., Awaitable[Process]]


@pytest.fixture
async def start() -> AsyncIterator[Start]:
    """Start the command with arguments and environment; what still runs at the end is killed."""
    started: list[Process] = []

    async def run(*arguments: str, **environ: str) -> Process:
        process = await _start(*arguments, **environ)
        started.append(process)
        return process

    yield run
    for process in started:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def _start(*arguments: str, **environ: str) -> Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "sidecar",
        *arguments,
        stdout=PIPE,
        stderr=PIPE,
        env={**os.environ, **environ},
    )


async def url_of(stream: asyncio.StreamReader | None) -> str:
    assert stream is not None
    async with asyncio.timeout(CEILING_SECONDS):
        while line := await stream.readline():
            if found := re.search(rb"on (http://\S+)", line):
                return found[1].decode()
    raise AssertionError("the process ended without telling its address")


async def end(process: Process) -> tuple[int, str]:
    async with asyncio.timeout(CEILING_SECONDS):
        out, err = await process.communicate()
    assert process.returncode is not None
    return process.returncode, (out + err).decode()


def app_config(small: Small, directory: Path, **listen: object) -> Path:
    path = directory / "app-config.yaml"
    section = {
        "listen": {"port": 0, **listen},
        "instances": [{"name": "default", "baseUrl": small.simulator.url, "token": "${TOKEN}"}],
        "catalog": {"files": ["catalog-info.yaml"]},
        "store": {"url": f"sqlite:///{directory / 'sidecar.db'}"},
    }
    litmus = {"baseUrl": "https://litmus.example.com", "apiToken": "eyJhbGciOiJub25lIn0.eyJ1aWQiOiJiIn0."}
    path.write_text(json.dumps({"litmus": litmus, "litmusSidecar": section}))
    return path


async def test_the_demo_serves_within_moments_and_ends_cleanly(start: Start) -> None:
    process = await start("demo", "--port", "0")
    try:
        url = await url_of(process.stdout)
        async with aiohttp.ClientSession() as session, session.get(f"{url}/api/v1/entities") as response:
            assert len((await response.json())["entities"]) >= 6
    finally:
        process.send_signal(signal.SIGINT)
    code, _ = await end(process)
    assert code == 0


async def test_sigterm_drains_then_finishes_what_is_asked_and_ends_well(
    start: Start, small: Small, tmp_path: Path
) -> None:
    small.simulator.faults.add(ScriptedFault(root_field="listExperiment", delay_seconds=1.0, times=None))
    process = await start(
        "serve", "--config", str(app_config(small, tmp_path)), "--log-level", "debug", TOKEN=small.token
    )
    url = await url_of(process.stderr)
    sent = asyncio.Event()

    async def note(*_: object) -> None:
        sent.set()

    tracing = aiohttp.TraceConfig()
    tracing.on_request_chunk_sent.append(note)
    async with aiohttp.ClientSession(trace_configs=[tracing]) as session:
        body = {"query": RUN_STATS, "variables": {"projectID": small.project.project_id}}

        async def ask() -> dict[str, Any]:
            async with session.post(f"{url}/api/query", json=body) as response:
                answer: dict[str, Any] = await response.json()
                return answer

        async def catalog_read() -> bool:
            async with session.get(f"{url}/readyz") as response:
                return bool((await response.json())["catalog"]["entities"])

        await eventually(catalog_read)
        asked = asyncio.create_task(ask())
        await sent.wait()
        process.send_signal(signal.SIGTERM)

        async def draining() -> bool:
            async with session.get(f"{url}/readyz") as response:
                return response.status == 503 and (await response.json())["status"] == "draining"

        await eventually(draining)
        answer = await asked
        assert answer["data"]
        assert "errors" not in answer
    code, log = await end(process)
    assert code == 0
    assert small.token not in log
    lines = [json.loads(line) for line in log.splitlines() if line.startswith("{")]
    assert any(line["event"] == "request" and line["request_id"] for line in lines)
    assert lines[-1]["event"] == "ended"


async def test_a_port_that_is_taken_is_one_sentence(start: Start, small: Small, tmp_path: Path) -> None:
    path = app_config(small, tmp_path, port=small.simulator.port)
    code, log = await end(await start("serve", "--config", str(path), TOKEN=small.token))
    assert code == 1
    assert "Traceback" not in log
    assert "address already in use" in log


def test_bad_configuration_is_told_whole_and_ends_with_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "app-config.yaml"
    path.write_text("litmusSidecar:\n  listen: {port: ninety}\n  snyc: {}\n")
    assert main(["serve", "--config", str(path)], {}) == 2
    told = capsys.readouterr().err
    assert "litmusSidecar.listen.port" in told
    assert "litmusSidecar.snyc" in told


async def test_check_prints_what_would_be_used_with_secrets_masked(
    small: Small, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = app_config(small, tmp_path)
    (tmp_path / "catalog-info.yaml").write_text(small.catalog.read_text())
    line = ["check", "--config", str(path), "--json"]
    code = await asyncio.to_thread(main, line, {"TOKEN": small.token})
    printed, said = capsys.readouterr()
    assert code == 0, printed + said
    assert json.loads(printed)["findings"] == []
    assert small.token not in printed + said


async def test_check_names_a_project_the_token_may_not_read(
    small: Small, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = app_config(small, tmp_path)
    stranger = small.world.issue_token(small.world.add_user("stranger"))
    line = ["check", "--config", str(path)]
    assert await asyncio.to_thread(main, line, {"TOKEN": stranger}) == 1
    assert small.project.project_id in "".join(capsys.readouterr())
    assert await asyncio.to_thread(main, [*line, "--offline"], {"TOKEN": stranger}) == 0


def test_a_display_token_is_printed_and_an_empty_uid_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["display-token", "--uid", "backstage"], {}) == 0
    assert display_uid(capsys.readouterr().out.strip()) == "backstage"
    assert main(["display-token", "--uid", " "], {}) == 2


def test_an_unknown_command_is_bad_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sreve"], {}) == 2
    assert "sreve" in capsys.readouterr().err


def test_the_version_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"], {}) == 0
    assert "litmus-sidecar" in capsys.readouterr().out
