"""Whether requests should come here: once there is something to answer with of every project."""

import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

from sidecar.config import Config
from sidecar.simulator import ScriptedFault
from tests.e2e.conftest import Small
from tests.support.databases import new_file
from tests.support.service import config_for, open_service

SILENT = ScriptedFault(never_answer=True, times=None)


async def kept(small: Small, tmp_path: Path) -> Path:
    """Let a service keep everything of the small project in a file; Litmus answers nothing afterwards."""
    file = tmp_path / "store.db"
    new_file(file)
    async with open_service(config_on(small, file)) as service:
        await service.ready()
    small.simulator.clear()
    small.simulator.faults.add(SILENT)
    return file


def config_on(small: Small, file: Path) -> Config:
    """Return the configuration of a service on a file."""
    return config_for(
        {"default": (small.simulator, small.token)}, small.catalog, store={"url": f"sqlite:///{file}"}
    )


async def test_what_was_stored_suffices_while_litmus_is_silent(small: Small, tmp_path: Path) -> None:
    async with open_service(config_on(small, await kept(small, tmp_path))) as service:
        assert (await service.get("/readyz")).status == 200


async def test_what_was_stored_and_cannot_be_read_does_not(small: Small, tmp_path: Path) -> None:
    file = await kept(small, tmp_path)
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("UPDATE snapshots SET content = x'00'")
    async with open_service(config_on(small, file)) as service:
        for _ in range(2):
            ready = await service.get("/readyz")
            assert (ready.status, (await ready.json())["status"]) == (503, "starting")
        small.simulator.clear()


def test_what_few_starts_need_is_not_imported_for_all() -> None:
    code = "import sys, sidecar.cli.serve; print({name.partition('.')[0] for name in sys.modules})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)  # noqa: S603
    assert "'sqlalchemy'" in done.stdout
    # PostgreSQL's client, and what migrates: most stores are files that are up to date.
    for seldom in ("psycopg", "alembic", "opentelemetry"):
        assert f"'{seldom}'" not in done.stdout
