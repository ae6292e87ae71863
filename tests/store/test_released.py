"""Databases as releases left them: migrations keep what is in them, and the release still works on them."""

import sqlite3
from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import msgspec
import psycopg
import pytest
from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Connection,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    create_engine,
    inspect,
    text,
)
from sqlalchemy.pool import NullPool

from sidecar.config.store_url import parse_url
from sidecar.domain.model import Lane
from sidecar.domain.ports import AuditQuery, RunQuery
from sidecar.store.codec import FORMAT
from sidecar.store.engine.migration import migrate, newest_revision
from sidecar.store.schema import metadata
from sidecar.store.store import open_store
from tests.store import released
from tests.store.make_fixtures import rows_of, write_rows
from tests.store.material import SHOP, change, clock, plan_and_take, run
from tests.store.postgres import PostgresServer, new_address
from tests.store.test_migrations import on_database

REVISIONS: Final = sorted({path.name.partition(".")[0] for path in released.FIXTURES.glob("*.sql")})

Schema = Mapping[str, Any]
"""What there is of each table, by its name."""


class Released:
    """The database of a release, restored from its dump."""

    def __init__(self, url: str, revision: str, engine: str) -> None:
        self.url = url
        self.revision = revision
        dump = (released.FIXTURES / f"{revision}.{engine}.sql").read_text()
        if engine == "sqlite":
            with sqlite3.connect(parse_url(url).file or "") as connection:
                connection.executescript(dump)
            connection.close()
        else:
            with psycopg.connect(url) as server:
                server.execute(dump.encode())

    def rows(self) -> dict[str, list[dict[str, Any]]]:
        rows: dict[str, list[dict[str, Any]]] = on_database(self.url, rows_of)
        return rows

    def schema(self) -> Schema:
        schema: Schema = on_database(self.url, schema_of)
        return schema


@pytest.fixture(params=released.ENGINES)
def engine(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture(params=REVISIONS)
def old(request: pytest.FixtureRequest, engine: str, tmp_path: Path) -> Released:
    """A database as a release left it."""
    if engine == "sqlite":
        return Released(f"sqlite:///{tmp_path}/released.db", request.param, engine)
    server: PostgresServer = request.getfixturevalue("postgres")
    return Released(server.new_database(), request.param, engine)


def schema_of(connection: Connection) -> dict[str, Any]:
    """Return of each table its columns (type, nullable, with a default) and rules."""
    seen = inspect(connection)
    return {
        name: {
            "columns": {
                one["name"]: (str(one["type"]), one["nullable"], one["default"] is not None)
                for one in seen.get_columns(name)
            },
            "rules": {
                ("primary key", tuple(seen.get_pk_constraint(name)["constrained_columns"])),
                *(("unique", tuple(one["column_names"])) for one in seen.get_unique_constraints(name)),
                *(
                    ("unique", tuple(str(column) for column in one["column_names"]))
                    for one in seen.get_indexes(name)
                    if one["unique"]
                ),
                *(
                    ("foreign key", tuple(one["constrained_columns"]), one["referred_table"])
                    for one in seen.get_foreign_keys(name)
                ),
                *(("check", one["sqltext"]) for one in seen.get_check_constraints(name)),
            },
        }
        for name in seen.get_table_names()
    }


def breaking(before: Schema, after: Schema) -> Iterator[str]:
    """Yield what makes a release that knows the schema before fail on the one after."""
    for name, table in before.items():
        if name not in after:
            yield f"table {name} is gone"
            continue
        columns = after[name]["columns"]
        for column, is_as in table["columns"].items():
            if columns.get(column) != is_as:
                yield f"{name}.{column} was {is_as} and is {columns.get(column, 'gone')}"
        for column, (_, is_nullable, has_default) in columns.items():
            if column not in table["columns"] and not (is_nullable or has_default):
                yield f"{name}.{column} is new, and must be given"
        for rule in table["rules"] ^ after[name]["rules"]:
            yield f"{name}: {rule} differs"


def test_there_is_a_database_of_a_release_with_rows_in_every_table(old: Released) -> None:
    rows = old.rows()
    assert all(rows.values()), [name for name, found in rows.items() if not found]
    assert rows.keys() <= metadata.tables.keys()
    if old.revision == newest_revision():
        assert rows.keys() == metadata.tables.keys()


def test_migrations_keep_every_row_and_every_value(old: Released) -> None:
    before = old.rows()
    migrate(parse_url(old.url))
    after = old.rows()
    for name, rows in before.items():
        assert [
            {column: value for column, value in row.items() if column in rows[0]} for row in after[name]
        ] == rows


def test_migrations_only_add_so_that_the_release_goes_on_working(old: Released) -> None:
    before = old.schema()
    migrate(parse_url(old.url))
    assert list(breaking(before, old.schema())) == []


def test_what_the_release_writes_is_accepted_by_the_newest_schema(
    old: Released, engine: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    """As a replica of it does that still runs during the upgrade: it knows its own columns only."""
    rows = old.rows()
    url = new_address(request, tmp_path, engine)

    on_database(url, lambda connection: write_rows(connection, rows))

    assert {name: len(found) for name, found in on_database(url, rows_of).items() if found} == {
        name: len(found) for name, found in rows.items()
    }


async def test_rows_of_the_release_are_read(old: Released) -> None:
    formats = {row["format"] for row in old.rows()["snapshots"]}
    async with open_store(old.url, clock=clock, serves=True) as store:
        assert store.health.state == "ok"
        snapshot = store.snapshots.get(SHOP)
        if FORMAT in formats:
            assert snapshot is not None
            assert [one.name for one in snapshot.content.hubs or ()] == ["a-hub"]
            assert [one.experiment_id for one in snapshot.content.experiments or ()] == ["experiment-1"]
        assert set(await store.history.runs(SHOP, RunQuery())) == set(released.RUNS)
        assert await store.history.totals(SHOP) == released.TOTALS
        assert list(await store.history.experiments(SHOP)) == [released.KNOWN]
        state = await store.history.state(SHOP)
        assert msgspec.structs.replace(state, version=0) == released.STATE
        assert await store.actions.get(released.ACTION.id) == released.ACTION
        (entry,) = await store.audit.find(AuditQuery())
        assert msgspec.structs.replace(entry, id=released.ENTRY.id) == released.ENTRY
        assert await store.shares.get(released.SHARE.id) == released.SHARE
        assert await store.sessions.get(released.SESSION.id) == released.SESSION
        assert set(await store.token_uses.current(released.MOMENT - timedelta(days=1))) == {released.USE}
        name, value = released.SECRET
        assert await store.secrets.keep(name, "made anew") == value
        named = {} if old.revision < "0005" else {released.NAMING}
        assert set(await store.namings.all()) == set(named)


async def test_work_goes_on_from_where_the_release_was(old: Released) -> None:
    async with open_store(old.url, clock=clock, serves=True) as store:
        fences = {row["lane"]: row["fence"] for row in old.rows()["jobs"]}
        lease = await plan_and_take(store, lane=Lane.HISTORY)
        assert lease.fence > fences["history"]
        await store.history.record(lease, change(run("run-new")))
        await store.audit.append(released.ENTRY)
        assert len(await store.audit.find(AuditQuery())) == 2
        totals = await store.history.totals(SHOP)
        assert sum(totals["experiment-1"].values()) == sum(released.TOTALS["experiment-1"].values()) + 1


def table_with(*changes: Any, without: tuple[str, ...] = ()) -> Schema:
    """Return the schema of a table of two columns, changed."""
    columns: list[Any] = [Column("id", Integer, primary_key=True), Column("name", Text)]
    made = MetaData()
    Table("things", made, *(one for one in columns if one.name not in without), *changes)
    engine = create_engine("sqlite://", poolclass=NullPool)
    with engine.connect() as connection:
        made.create_all(connection)
        return schema_of(connection)


@pytest.mark.parametrize(
    ("changes", "without", "expected"),
    [
        ([Column("more", Text)], (), 0),
        ([Column("more", Boolean, nullable=False, server_default=text("0"))], (), 0),
        ([Index("ix_name", "name")], (), 0),
        ([Column("more", Boolean, nullable=False)], (), 1),
        ([], ("name",), 1),
        ([Column("name", BigInteger)], ("name",), 1),
        ([Column("name", Text, nullable=False)], ("name",), 1),
        ([UniqueConstraint("name")], (), 1),
        ([Index("ix_name", "name", unique=True)], (), 1),
    ],
)
def test_what_would_break_a_release_is_found(
    changes: list[Any], without: tuple[str, ...], expected: int
) -> None:
    assert len(list(breaking(table_with(), table_with(*changes, without=without)))) == expected


def test_table_that_is_gone_is_found() -> None:
    assert list(breaking(table_with(), {})) == ["table things is gone"]
