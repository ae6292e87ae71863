"""``python -m tests.store.make_fixtures``: write the database of a release, one file per engine.

For a release that has a migration which the last one had not. What is there
already was released, and is never written again. With a revision as
argument the schema is that older one, and the rows are what fits into it.
"""

import asyncio
import re
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from alembic.runtime.environment import EnvironmentContext
from sqlalchemy import Connection, MetaData, Table, func, insert, select

from sidecar.store.engine.migration import SCRIPTS, newest_revision
from sidecar.store.engine.upgrade import migration_scripts
from sidecar.store.schema import meta, metadata
from sidecar.store.store import open_store
from tests.store.postgres import find_programs, running_server
from tests.store.released import FIXTURES, fill, now
from tests.store.test_migrations import on_database

Rows = Mapping[str, Sequence[Mapping[str, Any]]]

MARK: Final = {"name": "healed_at_ms", "value": "1772452800000"}
_OF_A_SESSION: Final = re.compile(r"SET |--|\\|SELECT pg_catalog\.set_config|\s*$")
"""How lines of a dump begin that hold nothing of the database."""


def rows_of(connection: Connection) -> dict[str, list[dict[str, Any]]]:
    """Return every row of every table that there is, in the order of its key."""
    found = MetaData()
    found.reflect(connection)
    return {
        table.name: [
            dict(row) for row in connection.execute(select(table).order_by(*table.primary_key)).mappings()
        ]
        for table in found.sorted_tables
        if table.name != "alembic_version"
    }


def write_rows(connection: Connection, rows: Rows) -> None:
    """Write what fits into the tables that there are."""
    found = MetaData()
    found.reflect(connection)
    for table in found.sorted_tables:
        values = [
            {name: value for name, value in row.items() if name in table.columns}
            for row in rows.get(table.name, ())
        ]
        if values:
            connection.execute(insert(table), values)
        if connection.dialect.name == "postgresql" and "id" in table.columns:
            _count_on(connection, table)


def _count_on(connection: Connection, table: Table) -> None:
    """Let the numbers that PostgreSQL gives go on behind those of the rows."""
    sequence = connection.execute(select(func.pg_get_serial_sequence(table.name, "id"))).scalar_one()
    highest = connection.execute(select(func.max(table.c.id))).scalar_one()
    if sequence is not None and highest is not None:
        connection.execute(select(func.setval(sequence, highest)))


def migrate_to(connection: Connection, revision: str) -> None:
    """Build the schema of a revision in an empty database."""
    config, known = migration_scripts(SCRIPTS)

    def steps(current: Any, _context: Any) -> Any:
        return known._upgrade_revs(revision, current)  # noqa: SLF001 - see sidecar.store.engine.upgrade

    with EnvironmentContext(config, known, fn=steps, destination_rev=revision) as environment:
        environment.configure(connection=connection, target_metadata=metadata, transactional_ddl=True)
        environment.run_migrations()


async def _filled(url: str) -> None:
    async with open_store(url, clock=now, serves=True) as store:
        await fill(store)


def _sqlite_dump(file: Path) -> str:
    connection = sqlite3.connect(file)
    try:
        lines = "\n".join(connection.iterdump()).splitlines()
        return "\n".join(line.rstrip() for line in lines) + "\n"
    finally:
        connection.close()


def _postgresql_dump(url: str) -> str:
    told = subprocess.run(  # noqa: S603 - the program is found, the arguments are ours
        [find_programs() / "pg_dump", "--inserts", "--no-owner", "--no-privileges", url],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    return "\n".join(line for line in told.splitlines() if not _OF_A_SESSION.match(line)) + "\n"


def _write(engine: str, revision: str, dump: str) -> None:
    with (FIXTURES / f"{revision}.{engine}.sql").open("x", encoding="utf-8") as file:
        file.write(dump)


def main(revision: str) -> None:
    """Write both files."""
    kept = sorted(path.name for path in FIXTURES.glob(f"{revision}.*.sql"))
    if kept:
        sys.exit(f"{', '.join(kept)} was released and stays as it is.")
    with tempfile.TemporaryDirectory() as directory, running_server() as server:
        newest = f"sqlite:///{directory}/newest.db"
        asyncio.run(_filled(newest))
        rows = on_database(newest, rows_of)
        rows[meta.name] = [MARK]
        old = Path(directory) / "old.db"
        urls = {"sqlite": f"sqlite:///{old}", "postgresql": server.new_database()}
        for url in urls.values():
            on_database(url, lambda connection: migrate_to(connection, revision))
            on_database(url, lambda connection: write_rows(connection, rows))
        _write("sqlite", revision, _sqlite_dump(old))
        _write("postgresql", revision, _postgresql_dump(urls["postgresql"]))


if __name__ == "__main__":
    main(sys.argv[1] if sys.argv[1:] else newest_revision())
