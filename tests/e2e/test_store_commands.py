"""``store``: what is backed up beside a running service is restored, and nothing is lost by mistake."""

import asyncio
import json
import os
import re
import shlex
import sqlite3
import stat
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from sidecar.cli.main import main
from sidecar.cli.store import size_text
from sidecar.domain.model import Lane
from sidecar.domain.ports import RunQuery
from sidecar.store.store import Store, open_store
from tests.store.material import SHOP, change, clock, plan_and_take, run
from tests.store.postgres import PostgresServer, find_programs, new_address
from tests.store.test_accounts_contract import share

LONG_AGO_MS = 1_000


class Commands:
    """Runs ``store`` commands on a store."""

    def __init__(self, url: str, directory: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.url = url
        self._capsys = capsys
        self._config = directory / "app-config.json"
        section = {
            "instances": [{"name": "default", "baseUrl": "http://127.0.0.1:9", "token": "a-token"}],
            "catalog": {"files": []},
            "store": {"url": url},
        }
        self._config.write_text(json.dumps({"litmusSidecar": section}))

    async def __call__(self, name: str, *arguments: str | Path) -> tuple[int, str]:
        """Return the exit code and all that was printed."""
        line = ["store", name, "--config", str(self._config), *map(str, arguments)]
        code = await asyncio.to_thread(main, line, {})
        return code, "".join(self._capsys.readouterr())


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Where the store is; its name is no address by itself."""
    return tmp_path / "a store#1.db"


@pytest.fixture
def store_command(file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Commands:
    return Commands(f"sqlite:///{file}", tmp_path, capsys)


def names_in(directory: Path) -> set[str]:
    return {path.name for path in directory.iterdir()}


def contents(directory: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in directory.iterdir()}


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def remove(file: Path) -> None:
    """Remove a database with all that SQLite has beside it."""
    for path in file.parent.glob(f"{file.name}*"):
        path.unlink()


def run_as_postgres(line: list[str]) -> None:
    subprocess.run(  # noqa: S603 - the command that we print
        [find_programs() / line[0], *line[1:]], env={**os.environ, "PGUSER": "postgres"}, check=True
    )


@asynccontextmanager
async def serving(file: Path) -> AsyncIterator[Store]:
    async with open_store(f"sqlite:///{file}", clock=clock, serves=True) as store:
        assert store.health.state == "ok"
        yield store


async def record(store: Store, *run_ids: str, **given: Any) -> None:
    lease = await plan_and_take(store, lane=Lane.HISTORY)
    await store.history.record(lease, change(*(run(one, **given) for one in run_ids)))
    await store.leases.release(lease, clock() + timedelta(hours=1), failed=False)


async def run_ids(store: Store) -> set[str]:
    return {one.experiment_run_id for one in await store.history.runs(SHOP, RunQuery())}


async def test_backup_of_a_running_service_is_restored(
    file: Path, store_command: Commands, tmp_path: Path
) -> None:
    backup = tmp_path / "backup.db"
    async with serving(file) as store:
        await record(store, "before")
        code, told = await store_command("backup", backup)
        assert (code, told.count("\n")) == (0, 1)
        await record(store, "after")
    assert mode_of(backup) == 0o600
    assert {name for name in names_in(tmp_path) if name.startswith("backup")} == {"backup.db"}

    code, told = await store_command("restore", "--replace", backup)
    assert code == 0
    assert "Revoke again" in told
    async with serving(file) as store:
        assert await run_ids(store) == {"before"}
        await record(store, "later")


async def test_backup_is_restored_where_there_is_no_store(
    file: Path, store_command: Commands, tmp_path: Path
) -> None:
    async with serving(file) as store:
        await record(store, "before")
    await store_command("backup", tmp_path / "backup.db")
    remove(file)

    assert (await store_command("restore", tmp_path / "backup.db"))[0] == 0
    assert mode_of(file) == 0o600
    async with serving(file) as store:
        assert await run_ids(store) == {"before"}


async def test_nothing_that_exists_is_overwritten_unasked(
    file: Path, store_command: Commands, tmp_path: Path
) -> None:
    async with serving(file) as store:
        await record(store, "before")
    other = tmp_path / "other.db"
    other.write_text("somebody's")

    code, told = await store_command("backup", other)
    assert (code, other.read_text()) == (1, "somebody's")
    assert f"{other} exists already" in told
    await store_command("backup", tmp_path / "backup.db")
    async with serving(file) as store:
        await record(store, "after")
    code, told = await store_command("restore", tmp_path / "backup.db")
    assert code == 1
    assert "--replace" in told
    async with serving(file) as store:
        assert await run_ids(store) == {"before", "after"}


async def test_store_that_a_service_uses_is_not_restored(
    file: Path, store_command: Commands, tmp_path: Path
) -> None:
    async with serving(file) as store:
        await store_command("backup", tmp_path / "backup.db")
        await record(store, "after")
        code, told = await store_command("restore", "--replace", tmp_path / "backup.db")
        assert code == 1
        assert "in use by a service" in told
        assert await run_ids(store) == {"after"}


@pytest.mark.parametrize("kind", ["missing", "text", "another database", "itself", "cut off", "damaged"])
async def test_what_is_no_backup_changes_nothing(
    file: Path, store_command: Commands, tmp_path: Path, kind: str
) -> None:
    async with serving(file) as store:
        await record(store, "before", "before too")
    backup = tmp_path / "backup.db"
    if kind == "text":
        backup.write_text("no database at all " * 100)
    elif kind == "another database":
        with sqlite3.connect(backup) as connection:
            connection.execute("CREATE TABLE notes (note TEXT)")
        connection.close()
    elif kind == "itself":
        backup = file
    elif kind in {"cut off", "damaged"}:
        await store_command("backup", backup)
        content = backup.read_bytes()
        half = content[: len(content) // 2]
        backup.write_bytes(half if kind == "cut off" else half + b"?" * len(half))

    code, told = await store_command("restore", "--replace", backup)
    assert code == 1
    assert told.startswith("error: ")
    assert told.count("\n") == 1
    assert str(backup) in told
    async with serving(file) as store:
        assert await run_ids(store) == {"before", "before too"}
    # Nor is anything left where there was no store.
    remove(file)
    if kind != "itself":
        assert (await store_command("restore", backup))[0] == 1
        assert file.name not in names_in(tmp_path)


async def test_where_there_is_no_store_nothing_is_made(store_command: Commands, tmp_path: Path) -> None:
    for line in (("backup", tmp_path / "backup.db"), ("stats",), ("prune",)):
        code, told = await store_command(*line)
        assert code == 1, line
        assert "does not exist" in told
    assert names_in(tmp_path) == {"app-config.json"}


async def test_backup_that_cannot_be_written_leaves_nothing(
    file: Path, store_command: Commands, tmp_path: Path
) -> None:
    async with serving(file):
        pass
    code, told = await store_command("backup", tmp_path / "nowhere/backup.db")
    assert code == 1
    assert "cannot be created: No such file or directory." in told


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
async def test_stats_count_rows_and_bytes(
    request: pytest.FixtureRequest, tmp_path: Path, capsys: pytest.CaptureFixture[str], kind: str
) -> None:
    url = new_address(request, tmp_path, kind)
    store_command = Commands(url, tmp_path, capsys)
    async with open_store(url, clock=clock, serves=True) as store:
        await record(store, "one", "two", "three")
        code, printed = await store_command("stats", "--json")
    assert code == 0
    shape = json.loads(printed)
    rows = {table["name"]: table["rows"] for table in shape["tables"]}
    assert (rows["runs"], rows["projects"], rows["audit"]) == (3, 2, 0)
    assert shape["schema"] == shape["newestSchema"]
    assert shape["sizeBytes"] > 20_000
    assert (shape["freeBytes"] is None) == (kind == "postgresql")

    code, printed = await store_command("stats")
    assert code == 0
    assert re.search(r"^runs +3 rows$", printed, re.MULTILINE)
    assert re.search(r"^size +\d+\.\d KiB", printed, re.MULTILINE)


async def test_stats_leave_a_file_as_it_is(file: Path, store_command: Commands, tmp_path: Path) -> None:
    async with serving(file) as store:
        await record(store, "one")
    # What comes from a backup does not write ahead yet; the next start of a service begins that.
    await store_command("backup", tmp_path / "backup.db")
    remove(file)
    await store_command("restore", tmp_path / "backup.db")
    before = contents(tmp_path)
    code, printed = await store_command("stats")
    assert code == 0
    assert re.search(r"^runs +1 row$", printed, re.MULTILINE)
    assert contents(tmp_path) == before


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
async def test_prune_removes_what_is_old_or_over_and_nothing_else(
    request: pytest.FixtureRequest, tmp_path: Path, capsys: pytest.CaptureFixture[str], kind: str
) -> None:
    url = new_address(request, tmp_path, kind)
    now_ms = int(clock().timestamp() * 1000)
    async with open_store(url, clock=clock, serves=True) as store:
        await record(store, *(f"old-{number}" for number in range(1_203)), created_at_ms=LONG_AGO_MS)
        await record(store, "new", created_at_ms=now_ms)
        await store.shares.add(share("over", expires_at=clock() - timedelta(days=1)))
        await store.shares.add(share("holds", expires_at=clock() + timedelta(days=1)))

        code, told = await Commands(url, tmp_path, capsys)("prune")

        assert code == 0
        assert "1,203 runs, 0 actions, 0 entries of the audit; and 1 shares" in told
        assert await run_ids(store) == {"new"}
        assert [one.id for one in await store.shares.of("component:default/shop")] == ["holds"]


async def test_commands_for_postgresql_that_are_named_back_up_and_restore(
    postgres: PostgresServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    url = postgres.new_migrated_database().replace("postgres@", "postgres:a-secret@", 1)
    store_command = Commands(url, tmp_path, capsys)
    async with open_store(url, clock=clock, serves=True) as store:
        await record(store, "before")
    for name, changed in (("backup", "after"), ("restore", "later")):
        code, told = await store_command(name, tmp_path / "backup.dump")
        assert code == 1
        assert "secret" not in told
        line = shlex.split(told.partition(": ")[2].rpartition(": ")[2])
        await asyncio.to_thread(run_as_postgres, line)
        async with open_store(url, clock=clock, serves=True) as store:
            assert await run_ids(store) == {"before"}
            await record(store, changed)


async def test_what_keeps_nothing_has_nothing_to_back_up(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for line in (("backup", "x"), ("restore", "x"), ("stats",), ("prune",)):
        code, told = await Commands("memory:", tmp_path, capsys)(*line)
        assert code == 2
        assert "store.url is memory:" in told


@pytest.mark.parametrize(
    ("size_bytes", "told"),
    [(0, "0 bytes"), (1023, "1023 bytes"), (1536, "1.5 KiB"), (5 * 1024**4, "5.0 TiB")],
)
def test_bytes_are_told_with_their_unit(size_bytes: int, told: str) -> None:
    assert size_text(size_bytes) == told
