"""Runs migrations: Alembic without its files of configuration, for the scripts ship in the package.

It runs in a thread of its own connection, because Alembic is synchronous and
keeps its state in module globals.
"""

from pathlib import Path
from typing import Any, Final

from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.script import ScriptDirectory
from sqlalchemy import func
from sqlalchemy.engine import Connection

from sidecar.store.schema import metadata

LOCK: Final = 0x6C69746D7573
"""Number of PostgreSQL's advisory lock around migrations."""


def lock(connection: Connection) -> None:
    """Keep others from migrating until the transaction ends; on SQLite it does so by itself."""
    if connection.dialect.name == "postgresql":
        connection.execute(func.pg_advisory_xact_lock(LOCK).select())


def migration_scripts(folder: Path) -> tuple[Config, ScriptDirectory]:
    """Return the migrations in a folder, as Alembic wants to know them."""
    config = Config()
    config.set_main_option("script_location", str(folder).replace("%", "%%"))
    return config, ScriptDirectory.from_config(config)


def upgrade(connection: Connection, folder: Path) -> None:
    """Run what is missing, within the transaction of the connection."""
    config, scripts = migration_scripts(folder)

    def steps(revision: Any, _context: Any) -> Any:
        return scripts._upgrade_revs("head", revision)  # noqa: SLF001 - as alembic.command does; there is no public name

    with EnvironmentContext(config, scripts, fn=steps, destination_rev="head") as environment:
        environment.configure(connection=connection, target_metadata=metadata, transactional_ddl=True)
        environment.run_migrations()
