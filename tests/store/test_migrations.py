"""The schema: built by steps, once, and as the code describes it."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, create_engine, text
from sqlalchemy.pool import NullPool

from sidecar.config.store_url import parse_url
from sidecar.domain.model import Lane
from sidecar.domain.runs import Outcome
from sidecar.store.engine.migration import SCRIPTS, known_revisions, migrate
from sidecar.store.engine.upgrade import migration_scripts
from sidecar.store.schema import metadata
from sidecar.store.store import open_store
from tests.store.forked import start
from tests.store.material import SHOP, change, clock, plan_and_take, run
from tests.store.postgres import PostgresServer


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of a new database without any table."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/store.db"
    server: PostgresServer = request.getfixturevalue("postgres")
    return server.new_database()


def on_database(url: str, work: Any) -> Any:
    """Run a function on a synchronous connection and commit."""
    engine = create_engine(url.replace("postgresql://", "postgresql+psycopg://"), poolclass=NullPool)
    try:
        with engine.begin() as connection:
            return work(connection)
    finally:
        engine.dispose()


def test_migrations_build_what_the_tables_say(url: str) -> None:
    migrate(parse_url(url))

    def differences(connection: Connection) -> list[Any]:
        return list(compare_metadata(MigrationContext.configure(connection), metadata))

    assert on_database(url, differences) == []


def test_the_names_of_the_scripts_begin_with_their_revisions() -> None:
    _, scripts = migration_scripts(SCRIPTS)
    assert [script.revision for script in scripts.walk_revisions()] == [*reversed(known_revisions())]


async def test_runs_that_were_stored_before_there_were_totals_are_counted(url: str) -> None:
    migrate(parse_url(url))
    phases = [
        "Completed",
        "Succeeded",
        "Completed_With_Probe_Failure",
        "Timeout",
        "Running",
        "Queued",
        "Skipped",
    ]

    def age(connection: Connection) -> None:
        connection.execute(text("DROP INDEX ix_jobs_leased_until_ms"))
        connection.execute(text("ALTER TABLE jobs DROP COLUMN late_at_ms"))
        connection.execute(text("DROP TABLE namings"))
        connection.execute(text("DROP TABLE run_totals"))
        connection.execute(text("ALTER TABLE runs DROP COLUMN counted"))
        connection.execute(text("ALTER TABLE history_state DROP COLUMN pruned_before_ms"))
        connection.execute(text("UPDATE alembic_version SET version_num = '0003'"))
        connection.execute(text("INSERT INTO projects (instance, project_id) VALUES ('default', 'shop')"))
        for number, phase in enumerate(phases):
            connection.execute(
                text(
                    "INSERT INTO runs (project, experiment_id, identity, experiment_run_id, experiment_name,"
                    " phase, created_at_ms, updated_at_ms, removed)"
                    " VALUES (1, 'one', :run, :run, 'one', :phase, :at, :at, :removed)"
                ),
                {"run": f"run-{number}", "phase": phase, "at": number, "removed": number == 0},
            )

    on_database(url, age)
    async with open_store(url, clock=clock) as store:
        expected = {Outcome.PASSED: 2, Outcome.PROBE_FAILED: 1, Outcome.TIMEOUT: 1, Outcome.OTHER: 1}
        assert await store.history.totals(SHOP) == {"one": expected}

        lease = await plan_and_take(store, lane=Lane.HISTORY)
        told = [
            run(f"run-{number}", experiment_id="one", phase=phase, created_at_ms=number)
            for number, phase in enumerate(phases)
        ]
        await store.history.record(lease, change(*told))
        assert await store.history.totals(SHOP) == {"one": expected}


async def test_database_of_a_newer_release_is_used_as_it_is(url: str) -> None:
    migrate(parse_url(url))

    def age(connection: Connection) -> None:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
        connection.execute(text("ALTER TABLE jobs ADD COLUMN note TEXT NOT NULL DEFAULT ''"))

    on_database(url, age)
    async with open_store(url, clock=clock) as store:
        await plan_and_take(store)
        assert store.health.state == "ok"

    def revision(connection: Connection) -> Any:
        return connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one()

    assert on_database(url, revision) == "9999"


@pytest.mark.service
async def test_processes_starting_at_once_migrate_once(url: str) -> None:
    starters = [await start("tests.store.starter", url) for _ in range(3)]

    answers = await asyncio.gather(*(starter.stdout.read() for starter in starters))

    assert answers == [b"ok\n"] * 3
    assert [await starter.wait() for starter in starters] == [0] * 3
