"""A service that is killed amid a synchronisation: whoever comes after it does not wait for its lease."""

import asyncio
import json
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import psycopg
import pytest

from sidecar.simulator import ScriptedFault
from tests.e2e.conftest import Small
from tests.store.postgres import PostgresServer
from tests.support.databases import new_file
from tests.support.service import CEILING_SECONDS, QUICK_SYNC, config_for, eventually, open_service

Serve = Callable[[str], Awaitable[Process]]


@pytest.fixture
async def serve(small: Small, tmp_path: Path) -> AsyncIterator[Serve]:
    """Start a sidecar on a store, as a process of its own."""
    started: list[Process] = []
    path = tmp_path / "killed.yaml"

    async def run(url: str) -> Process:
        section = {
            "listen": {"port": 0},
            "instances": [{"name": "default", "baseUrl": small.simulator.url, "token": small.token}],
            "catalog": {"files": [str(small.catalog)]},
            "store": {"url": url},
            "sync": QUICK_SYNC,
        }
        path.write_text(json.dumps({"litmusSidecar": section}))
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "sidecar", "serve", "--config", str(path), stdout=PIPE, stderr=PIPE
        )
        started.append(process)
        return process

    yield run
    for process in started:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def served_from(small: Small, url: str) -> None:
    """Wait until a sidecar of ours, on the store, has everything of the small project."""
    config = config_for({"default": (small.simulator, small.token)}, small.catalog, store={"url": url})
    async with open_service(config) as running:
        await running.ready()


async def test_on_a_file_the_next_start_synchronises_at_once(
    small: Small, serve: Serve, tmp_path: Path
) -> None:
    new_file(tmp_path / "store.db")
    url = f"sqlite:///{tmp_path}/store.db"
    small.simulator.faults.add(ScriptedFault(root_field="listExperiment", never_answer=True, times=None))
    process = await serve(url)
    await eventually(lambda: small.simulator.asked("listExperiment") > 0)
    process.kill()
    await process.wait()
    small.simulator.clear()

    # In a time shorter than the lease.
    await served_from(small, url)


async def test_a_second_service_on_a_file_ends_with_one_sentence(
    small: Small, serve: Serve, tmp_path: Path
) -> None:
    url = f"sqlite:///{tmp_path}/store.db"
    config = config_for({"default": (small.simulator, small.token)}, small.catalog, store={"url": url})
    async with open_service(config) as running:
        second = await serve(url)
        async with asyncio.timeout(CEILING_SECONDS):
            out, err = await second.communicate()
        assert second.returncode == 2
        (line,) = (out + err).decode().splitlines()
        assert "store.url" in line
        assert "PostgreSQL" in line
        await running.ready()


async def test_work_is_kept_while_it_goes_on_and_moves_when_its_replica_dies(
    small: Small, serve: Serve, postgres: PostgresServer
) -> None:
    url = postgres.new_migrated_database()
    small.simulator.faults.add(ScriptedFault(root_field="listExperiment", never_answer=True, times=None))

    async def fast_lease() -> tuple[int, int] | None:
        async with await psycopg.AsyncConnection.connect(url) as connection:
            asked = await connection.execute("SELECT fence, leased_until_ms FROM jobs WHERE lane = 'fast'")
            row = await asked.fetchone()
        return row if row is not None and row[1] is not None else None

    process = await serve(url)
    await eventually(lambda: small.simulator.asked("listExperiment") > 0)
    first = await fast_lease()
    assert first is not None

    async def is_prolonged() -> bool:
        now = await fast_lease()
        return now is not None and now[0] == first[0] and now[1] > first[1]

    await eventually(is_prolonged)
    process.kill()
    await process.wait()
    small.simulator.clear()

    # In a time shorter than any work may take.
    await served_from(small, url)
