"""Shared pictures, sessions and secrets of our own, in the database.

Sessions and shares end by their row's deletion, which one replica alone gets
back; whoever looks later, anywhere, finds none.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, TypeVar

import msgspec
from sqlalchemy import RowMapping, delete, or_, select, tuple_, update

from sidecar.domain.ports import Session, SharedPicture
from sidecar.domain.unix_time import from_ms, to_ms
from sidecar.store.engine.database import Database
from sidecar.store.engine.health import StoreHealth
from sidecar.store.schema import secrets, sessions, shares
from sidecar.store.statements import delete_rows, safe_text

_Kept = TypeVar("_Kept", SharedPicture, Session)


class SqlShares:
    """:class:`ports.Shares` in the database."""

    def __init__(self, database: Database, health: StoreHealth) -> None:
        self._database = database
        self._health = health

    async def add(self, share: SharedPicture) -> None:
        """See :meth:`ports.Shares.add`."""
        async with self._health.while_writable(), self._database.writing() as connection:
            await connection.execute(self._database.insert(shares), _row(share))

    async def get(self, share_id: str) -> SharedPicture | None:
        """See :meth:`ports.Shares.get`."""
        statement = select(shares).where(shares.c.id == safe_text(share_id))
        async with self._health.while_readable(), self._database.reading() as connection:
            row = (await connection.execute(statement)).mappings().one_or_none()
        return None if row is None else _struct(row, SharedPicture)

    async def of(self, entity_ref: str) -> Sequence[SharedPicture]:
        """See :meth:`ports.Shares.of`."""
        statement = (
            select(shares)
            .where(shares.c.entity_ref == safe_text(entity_ref))
            .order_by(shares.c.created_at_ms.desc(), shares.c.id)
        )
        async with self._health.while_readable(), self._database.reading() as connection:
            return [_struct(row, SharedPicture) for row in (await connection.execute(statement)).mappings()]

    async def revoke(self, share_id: str) -> bool:
        """See :meth:`ports.Shares.revoke`."""
        statement = delete(shares).where(shares.c.id == safe_text(share_id)).returning(shares.c.id)
        async with self._health.while_writable(), self._database.writing() as connection:
            return (await connection.execute(statement)).one_or_none() is not None

    async def prune(self, now: datetime) -> int:
        """See :meth:`ports.Shares.prune`."""
        async with self._health.while_writable(), self._database.writing() as connection:
            return await delete_rows(connection, shares.c.id, shares.c.expires_at_ms <= to_ms(now))


class SqlSessions:
    """:class:`ports.Sessions` in the database."""

    def __init__(self, database: Database, health: StoreHealth) -> None:
        self._database = database
        self._health = health

    async def add(self, session: Session) -> None:
        """See :meth:`ports.Sessions.add`."""
        async with self._health.while_writable(), self._database.writing() as connection:
            await connection.execute(self._database.insert(sessions), _row(session))

    async def get(self, session_id: str) -> Session | None:
        """See :meth:`ports.Sessions.get`."""
        statement = select(sessions).where(sessions.c.id == safe_text(session_id))
        async with self._health.while_readable(), self._database.reading() as connection:
            row = (await connection.execute(statement)).mappings().one_or_none()
        return None if row is None else _struct(row, Session)

    async def touch(self, session_id: str, seen_at: datetime) -> None:
        """See :meth:`ports.Sessions.touch`."""
        seen_at_ms = to_ms(seen_at)
        statement = (
            update(sessions)
            .where(sessions.c.id == safe_text(session_id), sessions.c.seen_at_ms < seen_at_ms)
            .values(seen_at_ms=seen_at_ms)
        )
        async with self._health.while_writable(), self._database.writing() as connection:
            await connection.execute(statement)

    async def retire(self, session_id: str, retired_id: str, now: datetime) -> Session | None:
        """See :meth:`ports.Sessions.retire`."""
        statement = (
            update(sessions)
            .where(sessions.c.id == safe_text(session_id))
            .values(id=safe_text(retired_id), expires_at_ms=to_ms(now))
            .returning(sessions)
        )
        async with self._health.while_writable(), self._database.writing() as connection:
            row = (await connection.execute(statement)).mappings().one_or_none()
        return None if row is None else _struct(row, Session)

    async def end(self, session_id: str) -> Session | None:
        """See :meth:`ports.Sessions.end`."""
        statement = delete(sessions).where(sessions.c.id == safe_text(session_id)).returning(sessions)
        async with self._health.while_writable(), self._database.writing() as connection:
            row = (await connection.execute(statement)).mappings().one_or_none()
        return None if row is None else _struct(row, Session)

    async def expired(
        self, *, instance: str, seen_before: datetime, now: datetime, after: Session | None, at_most: int
    ) -> Sequence[Session]:
        """See :meth:`ports.Sessions.expired`."""
        place = tuple_(sessions.c.seen_at_ms, sessions.c.id)
        statement = (
            select(sessions)
            .where(
                sessions.c.instance == safe_text(instance),
                or_(sessions.c.seen_at_ms < to_ms(seen_before), sessions.c.expires_at_ms <= to_ms(now)),
            )
            .order_by(sessions.c.seen_at_ms, sessions.c.id)
            .limit(at_most)
        )
        if after is not None:
            statement = statement.where(place > (to_ms(after.seen_at), safe_text(after.id)))
        async with self._health.while_writable(), self._database.reading() as connection:
            return [_struct(row, Session) for row in (await connection.execute(statement)).mappings()]

    async def prune(self, before: datetime) -> int:
        """See :meth:`ports.Sessions.prune`."""
        async with self._health.while_writable(), self._database.writing() as connection:
            return await delete_rows(connection, sessions.c.id, sessions.c.expires_at_ms <= to_ms(before))


class SqlSecrets:
    """:class:`ports.Secrets` in the database."""

    def __init__(self, database: Database, health: StoreHealth) -> None:
        self._database = database
        self._health = health

    async def keep(self, name: str, made: str) -> str:
        """See :meth:`ports.Secrets.keep`; who inserts second waits, and reads what the first wrote."""
        insert = self._database.insert(secrets).values(name=name, value=made).on_conflict_do_nothing()
        async with self._health.while_writable(), self._database.writing() as connection:
            await connection.execute(insert)
            stored = await connection.execute(select(secrets.c.value).where(secrets.c.name == name))
            value: str = stored.scalar_one()
        return value


def _row(value: SharedPicture | Session) -> dict[str, object]:
    """Return the columns of a struct: times as whole milliseconds, the rest under its own name."""
    row: dict[str, object] = {}
    for name, field in msgspec.structs.asdict(value).items():
        if isinstance(field, datetime):
            row[f"{name}_ms"] = to_ms(field)
        else:
            row[name] = safe_text(field) if isinstance(field, str) else field
    return row


def _struct(row: RowMapping, kind: type[_Kept]) -> _Kept:
    """Return the struct of a row, see :func:`_row`."""
    fields: dict[str, Any] = {
        name.removesuffix("_ms"): from_ms(value) if name.endswith("_ms") else value
        for name, value in row.items()
    }
    return kind(**fields)
