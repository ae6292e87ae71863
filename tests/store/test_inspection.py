"""A store is looked at before a start without a trace of it."""

import asyncio
import os
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool

from sidecar.config.store_url import parse_url
from sidecar.store.engine.failures import StoreUnavailableError
from sidecar.store.engine.inspection import Inspection, inspect
from sidecar.store.engine.migration import SchemaState
from sidecar.store.store import open_store
from tests.store.material import clock
from tests.store.postgres import PostgresServer


def execute(url: str, *statements: str) -> None:
    engine = create_engine(url.replace("postgresql://", "postgresql+psycopg://"), poolclass=NullPool)
    try:
        with engine.begin() as connection:
            for statement in statements:
                connection.execute(text(statement))
    finally:
        engine.dispose()


async def seen(url: str) -> Inspection:
    return await inspect(parse_url(url))


def files(directory: Path) -> dict[str, tuple[int, int]]:
    return {one.name: (one.stat().st_size, one.stat().st_mtime_ns) for one in directory.iterdir()}


@pytest.mark.parametrize(
    ("change", "state"),
    [
        ("SELECT 1", SchemaState.CURRENT),
        ("UPDATE alembic_version SET version_num = '0003'", SchemaState.OLDER),
        ("UPDATE alembic_version SET version_num = 'later'", SchemaState.NEWER),
        ("DROP TABLE alembic_version", SchemaState.ABSENT),
    ],
)
async def test_the_schema_is_compared_with_ours(url: str, change: str, state: SchemaState) -> None:
    execute(url, change)
    looked = await seen(url)
    assert (looked.schema, looked.lacks) == (state, [])


async def test_a_store_that_is_in_use_is_read_as_it_is(url: str) -> None:
    async with open_store(url, clock=clock):
        assert (await seen(url)).schema is SchemaState.CURRENT


async def test_looking_leaves_no_trace_beside_a_file(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/store.db"
    assert (await seen(url)).schema is SchemaState.ABSENT
    assert files(tmp_path) == {}
    async with open_store(url, clock=clock):
        during = set(files(tmp_path))
        await seen(url)
        assert set(files(tmp_path)) == during
    before = files(tmp_path)
    looked = await seen(url)
    assert looked.schema is SchemaState.CURRENT
    assert looked.free_bytes is not None
    assert files(tmp_path) == before


@pytest.mark.parametrize(("content", "reason"), [(None, "missing"), ("no database" * 100, "damaged")])
async def test_a_file_that_cannot_be_one_is_told_as_a_start_would(
    tmp_path: Path, content: str | None, reason: str
) -> None:
    file = tmp_path / "gone" / "store.db" if content is None else tmp_path / "store.db"
    if content is not None:
        file.write_text(content)
    with pytest.raises(StoreUnavailableError) as caught:
        await seen(f"sqlite:///{file}")
    assert caught.value.reason == reason


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_directory_that_may_not_be_written_is_told(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    assert asyncio.run(seen(f"sqlite:///{tmp_path}/store.db")).lacks == [f"make files in {tmp_path}"]


async def test_nobody_at_the_servers_address_is_told() -> None:
    with pytest.raises(StoreUnavailableError) as caught:
        await seen("postgresql://user:geheim@127.0.0.1:9/store")
    assert caught.value.reason == "unreachable"
    assert "geheim" not in str(caught.value)


def as_reader(url: str) -> str:
    """Return the address for a user with no right but to connect."""
    scheme, _, rest = url.partition("://")
    return f"{scheme}://reader@{rest.rpartition('@')[2]}"


async def test_a_user_of_the_server_without_rights_is_told_what_is_missing(postgres: PostgresServer) -> None:
    empty, ready = postgres.new_database(), postgres.new_migrated_database()
    postgres.execute("DROP ROLE IF EXISTS reader")
    postgres.execute("CREATE ROLE reader LOGIN")
    execute(empty, "REVOKE CREATE ON SCHEMA public FROM PUBLIC")
    execute(ready, "GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader")
    assert (await seen(as_reader(empty))).lacks == ["make tables in the schema"]
    (lack,) = (await seen(as_reader(ready))).lacks
    assert lack.startswith("use the tables action_claims, actions, ")
    execute(ready, "GRANT INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO reader")
    assert (await seen(as_reader(ready))).lacks == []
    execute(ready, "REVOKE DELETE ON runs FROM reader")
    assert (await seen(as_reader(ready))).lacks == ["use the table runs"]


async def test_a_server_that_only_reads_is_told(postgres: PostgresServer) -> None:
    url = postgres.new_migrated_database()
    name = url.partition("?")[0].rpartition("/")[2]
    postgres.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    assert (await seen(url)).lacks == ["write: the server only reads, as a standby does"]
