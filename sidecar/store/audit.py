"""The audit in the database: rows are added, found, and forgotten after retention."""

from collections.abc import Sequence
from datetime import datetime

import msgspec
from sqlalchemy import Select, select
from sqlalchemy.ext.asyncio import AsyncConnection

from sidecar.domain.action import AuditEntry
from sidecar.domain.ports import AuditQuery
from sidecar.domain.unix_time import to_ms
from sidecar.store.engine.database import Database
from sidecar.store.engine.health import StoreHealth
from sidecar.store.json_columns import JsonColumn
from sidecar.store.schema import audit
from sidecar.store.statements import delete_rows, safe_text

_encode = msgspec.json.Encoder().encode
_decoder = msgspec.json.Decoder(AuditEntry)
_LOOKS = 20
"""How often more rows are read for one page where some cannot be read."""
_ROWS_AT_ONCE = 500


class SqlAudit:
    """:class:`ports.Audit` in the database."""

    def __init__(self, database: Database, health: StoreHealth) -> None:
        self._database = database
        self._health = health
        self._json = JsonColumn("audit")

    async def append(self, entry: AuditEntry) -> None:
        """See :meth:`ports.Audit.append`."""
        async with self._health.while_writable(), self._database.writing() as connection:
            await insert_entry(self._database, connection, entry)

    async def find(self, query: AuditQuery) -> Sequence[AuditEntry]:
        """See :meth:`ports.Audit.find`."""
        statement = select(audit.c.id, audit.c.body).order_by(audit.c.id.desc())
        if query.who is not None:
            statement = statement.where(audit.c.who == safe_text(query.who))
        if query.project is not None:
            statement = statement.where(
                audit.c.instance == query.project.instance,
                audit.c.project_id == safe_text(query.project.project_id),
            )
        if query.kind is not None:
            statement = statement.where(audit.c.kind == query.kind.value)
        if query.outcome is not None:
            statement = statement.where(audit.c.outcome == query.outcome.value)
        if query.since is not None:
            statement = statement.where(audit.c.at_ms >= to_ms(query.since))
        if query.until is not None:
            statement = statement.where(audit.c.at_ms < to_ms(query.until))
        if query.before_id is not None:
            statement = statement.where(audit.c.id < query.before_id)
        async with self._health.while_readable(), self._database.reading() as connection:
            return await self._readable(connection, statement, query.limit)

    async def _readable(
        self, connection: AsyncConnection, statement: Select[tuple[int, bytes]], limit: int
    ) -> list[AuditEntry]:
        """Return so many entries; rows that cannot be read are passed over, and more are read instead."""
        found: list[AuditEntry] = []
        wanted, page = limit, statement
        for _ in range(_LOOKS):
            rows = (await connection.execute(page.limit(wanted))).all()
            entries = [(row.id, self._json.read(_decoder, row.id, row.body)) for row in rows]
            found += [msgspec.structs.replace(one, id=row_id) for row_id, one in entries if one is not None]
            if len(found) >= limit or len(rows) < wanted:
                break
            wanted, page = max(limit, _ROWS_AT_ONCE), statement.where(audit.c.id < rows[-1].id)
        return found[:limit]

    async def prune(self, before: datetime, at_most: int) -> int:
        """See :meth:`ports.Audit.prune`."""
        old = select(audit.c.id).where(audit.c.at_ms < to_ms(before)).order_by(audit.c.id).limit(at_most)
        async with self._health.while_writable(), self._database.writing() as connection:
            return await delete_rows(connection, audit.c.id, audit.c.id.in_(old.scalar_subquery()))


async def insert_entry(database: Database, connection: AsyncConnection, entry: AuditEntry) -> None:
    """Add an entry within a transaction."""
    await connection.execute(
        database.insert(audit),
        {
            "at_ms": to_ms(entry.at),
            "who": safe_text(entry.who),
            "instance": entry.project.instance,
            "project_id": safe_text(entry.project.project_id),
            "kind": entry.kind.value,
            "outcome": entry.outcome.value,
            "body": _encode(entry),
        },
    )
