"""How PostgreSQL is reached: through a pooler, by a list of hosts, into a schema of one's own."""

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest

from sidecar.config.store_url import parse_url
from sidecar.store.engine.database import Database
from sidecar.store.engine.failures import StoreUnavailableError
from sidecar.store.engine.inspection import inspect
from sidecar.store.store import open_store
from tests.store.material import SHOP, change, clock, plan_and_take, run
from tests.store.postgres import CEILING_SECONDS, PostgresServer, unprivileged


def find_pgbouncer() -> str:
    """Return the program, or skip; in CI a lack of it fails."""
    found = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if found is None and os.environ.get("LITMUS_SIDECAR_CI"):
        pytest.fail("pgbouncer is missing; install the package pgbouncer")
    if found is None:
        pytest.skip("pgbouncer is missing; install the package pgbouncer")
    return found


def free_port() -> int:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        port: int = bound.getsockname()[1]
        return port


@contextmanager
def pooled(database_url: str, pool_mode: str = "transaction") -> Iterator[str]:
    """A PgBouncer that lends two sessions, each for one transaction; yields the address through it."""
    program, user, port = find_pgbouncer(), unprivileged(), free_port()
    server = parse_url(database_url).parameters
    with tempfile.TemporaryDirectory(prefix="pgbouncer-", dir="/tmp") as directory:
        settings = Path(directory) / "pgbouncer.ini"
        settings.write_text(
            f"[databases]\n{server['dbname']} = host={server['host']} user={server['user']}\n"
            f"[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\n"
            f"auth_type = any\npool_mode = {pool_mode}\ndefault_pool_size = 2\n"
        )
        for path in (Path(directory), settings):
            if user is not None:
                os.chown(path, user.pw_uid, user.pw_gid)
        process = subprocess.Popen(  # noqa: S603 - the program is found above, the arguments are ours
            [program, "-q", settings],
            stderr=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            user=user and user.pw_uid,
            group=user and user.pw_gid,
            extra_groups=user and [],
        )
        try:
            _wait_for(port, process)
            yield f"postgresql://any@127.0.0.1:{port}/{server['dbname']}"
        finally:
            process.terminate()
            process.wait(CEILING_SECONDS)


def _wait_for(port: int, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + CEILING_SECONDS
    while True:
        assert process.poll() is None, "pgbouncer ended at once"
        try:
            socket.create_connection(("127.0.0.1", port), timeout=5).close()
        except OSError:
            assert time.monotonic() < deadline, "pgbouncer does not answer"
            time.sleep(0.02)
        else:
            return


async def test_replicas_share_the_few_sessions_of_a_pooler_in_transaction_mode(
    postgres: PostgresServer,
) -> None:
    with pooled(postgres.new_database()) as url:
        async with open_store(url, clock=clock) as first, open_store(url, clock=clock) as second:
            assert (first.health.reason, second.health.reason) == (None, None)
            lease = await plan_and_take(first)
            for number in range(12):
                # More often than a driver waits before it prepares a statement on the server.
                await first.history.record(lease, change(run(f"run-{number}")))
                assert await second.locks.take("one", "second", timedelta(minutes=1))
                await second.history.totals(SHOP)
            assert (first.health.outages, second.health.outages) == (0, 0)


async def test_a_pooler_that_gives_no_transactions_is_named_as_the_fault(postgres: PostgresServer) -> None:
    with pooled(postgres.new_database(), "statement") as url:
        with pytest.raises(StoreUnavailableError, match="pool_mode = transaction") as raised:
            await inspect(parse_url(url))
        assert raised.value.reason == "pooled"
        async with open_store(url, clock=clock) as store:
            assert store.health.reason == "pooled"


async def test_timeouts_hold_for_a_transaction_and_stay_in_no_session(postgres: PostgresServer) -> None:
    with pooled(postgres.new_database()) as url:
        database = Database(parse_url(url))
        async with database.writing() as connection:
            told = await connection.exec_driver_sql("SHOW statement_timeout")
            assert told.scalar_one() == "15s"
        await database.close()
        with psycopg.connect(url, autocommit=True) as stranger:
            assert stranger.execute("SHOW statement_timeout").fetchone() == ("0",)


async def test_the_first_host_of_a_list_that_serves_is_used(postgres: PostgresServer) -> None:
    server = parse_url(postgres.new_database()).parameters
    url = f"postgresql://postgres@/{server['dbname']}?host=127.0.0.1,{server['host']}&port={free_port()},5432"

    async with open_store(url, clock=clock) as store:
        assert store.health.reason is None


async def test_tables_go_to_the_schema_that_the_options_of_the_address_name(postgres: PostgresServer) -> None:
    url = postgres.new_database()
    name = parse_url(url).parameters["dbname"]
    postgres.execute("DROP SCHEMA public", name)
    postgres.execute("CREATE SCHEMA sidecar", name)

    async with open_store(f"{url}&options=-csearch_path%3Dsidecar", clock=clock) as store:
        assert store.health.reason is None
        await plan_and_take(store)

    postgres.execute("SELECT 1 FROM sidecar.alembic_version, sidecar.jobs", name)


async def test_a_timeout_in_the_options_of_the_address_counts_more_than_ours(
    postgres: PostgresServer,
) -> None:
    database = Database(parse_url(f"{postgres.new_database()}&options=-cstatement_timeout%3D7s"))
    async with database.reading() as connection:
        told = await connection.exec_driver_sql("SHOW statement_timeout")
        assert told.scalar_one() == "7s"
    await database.close()
