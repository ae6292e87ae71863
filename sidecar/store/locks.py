"""Locks, and which replica uses which token, in the database.

A lock is taken by one statement, whose row's lock orders replicas that ask at
once. *Now* is the database's clock on PostgreSQL, so that replicas whose
clocks differ agree.
"""

from collections.abc import Collection
from datetime import datetime, timedelta

from sqlalchemy import delete, or_, select

from sidecar.domain.ports import Clock, TokenUse
from sidecar.domain.unix_time import to_ms
from sidecar.store.engine.database import Database
from sidecar.store.engine.health import StoreHealth
from sidecar.store.schema import locks, token_uses
from sidecar.store.statements import delete_rows, safe_text


class SqlLocks:
    """:class:`ports.Locks` in the database."""

    def __init__(self, database: Database, health: StoreHealth, clock: Clock) -> None:
        self._database = database
        self._health = health
        self._clock = clock

    async def take(self, name: str, holder: str, hold: timedelta) -> bool:
        """See :meth:`ports.Locks.take`."""
        now_ms = self._database.now_ms(self._clock())
        insert = self._database.insert(locks).values(
            name=safe_text(name),
            holder=safe_text(holder),
            held_until_ms=now_ms + hold // timedelta(milliseconds=1),
        )
        statement = insert.on_conflict_do_update(
            index_elements=["name"],
            set_={column: insert.excluded[column] for column in ("holder", "held_until_ms")},
            where=or_(locks.c.held_until_ms <= now_ms, locks.c.holder == insert.excluded.holder),
        ).returning(locks.c.name)
        async with self._health.while_writable(), self._database.writing() as connection:
            return (await connection.execute(statement)).one_or_none() is not None

    async def release(self, name: str, holder: str) -> None:
        """See :meth:`ports.Locks.release`."""
        statement = delete(locks).where(locks.c.name == safe_text(name), locks.c.holder == safe_text(holder))
        async with self._health.while_writable(), self._database.writing() as connection:
            await connection.execute(statement)

    async def prune(self) -> int:
        """See :meth:`ports.Locks.prune`."""
        over = locks.c.held_until_ms <= self._database.now_ms(self._clock())
        async with self._health.while_writable(), self._database.writing() as connection:
            return await delete_rows(connection, locks.c.name, over)


class SqlTokenUses:
    """:class:`ports.TokenUses` in the database."""

    def __init__(self, database: Database, health: StoreHealth, clock: Clock) -> None:
        self._database = database
        self._health = health
        self._clock = clock

    async def report(self, instance: str, replica: str, token_id: str) -> None:
        """See :meth:`ports.TokenUses.report`."""
        insert = self._database.insert(token_uses).values(
            instance=safe_text(instance),
            replica=safe_text(replica),
            token_id=safe_text(token_id),
            told_at_ms=self._database.now_ms(self._clock()),
        )
        statement = insert.on_conflict_do_update(
            index_elements=["instance", "replica"],
            set_={column: insert.excluded[column] for column in ("token_id", "told_at_ms")},
        )
        async with self._health.while_writable(), self._database.writing() as connection:
            await connection.execute(statement)

    async def current(self, since: datetime) -> Collection[TokenUse]:
        """See :meth:`ports.TokenUses.current`."""
        now = self._clock()
        since_ms = self._database.now_ms(now) + (to_ms(since) - to_ms(now))
        statement = select(token_uses.c.instance, token_uses.c.replica, token_uses.c.token_id).where(
            token_uses.c.told_at_ms >= since_ms
        )
        async with self._health.while_writable(), self._database.reading() as connection:
            rows = await connection.execute(statement)
            return {TokenUse(**row) for row in rows.mappings()}

    async def forget(self, replica: str) -> None:
        """See :meth:`ports.TokenUses.forget`."""
        statement = delete(token_uses).where(token_uses.c.replica == safe_text(replica))
        async with self._health.while_writable(), self._database.writing() as connection:
            await connection.execute(statement)

    async def prune(self, before: datetime) -> int:
        """See :meth:`ports.TokenUses.prune`."""
        now = self._clock()
        before_ms = self._database.now_ms(now) + (to_ms(before) - to_ms(now))
        async with self._health.while_writable(), self._database.writing() as connection:
            return await delete_rows(connection, token_uses.c.replica, token_uses.c.told_at_ms < before_ms)
