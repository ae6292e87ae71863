"""Actions in the database; who may begin one is decided by one statement per claim.

``INSERT … ON CONFLICT DO UPDATE … WHERE`` the holder's time is over: the row's
lock orders replicas that ask at once, and each sees what the one before wrote.
Claims go by the database's clock on PostgreSQL, so replicas agree on a window.
"""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec
from sqlalchemy import Row, delete, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from sidecar.domain.action import Action, ActionOutcome, AuditEntry
from sidecar.domain.errors import StoreRefusedError
from sidecar.domain.model import ProjectRef
from sidecar.domain.ports import Claim, Clock
from sidecar.domain.unix_time import to_ms
from sidecar.store.audit import insert_entry
from sidecar.store.engine.database import Database
from sidecar.store.engine.health import StoreHealth
from sidecar.store.json_columns import JsonColumn
from sidecar.store.schema import action_claims, actions
from sidecar.store.statements import delete_rows, project_of, safe_text

_encode = msgspec.json.Encoder().encode
_decoder = msgspec.json.Decoder(Action)


class SqlActions:
    """:class:`ports.Actions` in the database."""

    def __init__(self, database: Database, health: StoreHealth, clock: Clock) -> None:
        self._database = database
        self._health = health
        self._clock = clock
        self._json = JsonColumn("actions")

    def _read(self, row: Row[Any, Any] | None) -> Action | None:
        return None if row is None else self._json.read(_decoder, row.id, row.body)

    async def claim(self, action: Action, claims: Sequence[Claim]) -> Action | None:
        """See :meth:`ports.Actions.claim`."""
        async with self._health.while_writable(), self._database.writing() as connection:
            for number, one in enumerate(claims):
                if not await self._take(connection, one, action.id):
                    # Whoever held it when we asked came first, even if the time has run out since.
                    row = await self._holding(connection, one.name, even_if_over=True)
                    if row is not None:
                        holder = self._read(row)
                        if holder is None:
                            # Acting beside it might do the same twice.
                            raise StoreRefusedError(
                                "Another release of the sidecar acts here; try again later."
                            )
                        names = [earlier.name for earlier in claims[:number]]
                        await _follow(connection, names, holder.id)
                        return holder
            await connection.execute(self._database.insert(actions), _row(action))
        return None

    async def _take(self, connection: AsyncConnection, claim: Claim, action_id: str) -> bool:
        """Hold a claim, in one statement; tell whether it was free."""
        now_ms = self._database.now_ms(self._clock())
        insert = self._database.insert(action_claims).values(
            name=claim.name,
            action_id=action_id,
            held_until_ms=now_ms + _ms(claim.hold),
            is_window=claim.is_window,
        )
        statement = insert.on_conflict_do_update(
            index_elements=["name"],
            set_={name: insert.excluded[name] for name in ("action_id", "held_until_ms", "is_window")},
            where=None if claim.seize else action_claims.c.held_until_ms <= now_ms,
        ).returning(action_claims.c.action_id)
        return (await connection.execute(statement)).one_or_none() is not None

    async def _holding(
        self, connection: AsyncConnection, name: str, *, even_if_over: bool = False
    ) -> Row[Any, Any] | None:
        statement = (
            select(actions.c.id, actions.c.body)
            .join(action_claims, action_claims.c.action_id == actions.c.id)
            .where(action_claims.c.name == name)
        )
        if not even_if_over:
            statement = statement.where(action_claims.c.held_until_ms > self._database.now_ms(self._clock()))
        return (await connection.execute(statement)).one_or_none()

    async def holder(self, names: Sequence[str]) -> Action | None:
        """See :meth:`ports.Actions.holder`."""
        async with self._health.while_readable(), self._database.reading() as connection:
            for name in names:
                found = self._read(await self._holding(connection, name))
                if found is not None:
                    return found
        return None

    async def get(self, action_id: str) -> Action | None:
        """See :meth:`ports.Actions.get`."""
        async with self._health.while_readable(), self._database.reading() as connection:
            rows = await connection.execute(
                select(actions.c.id, actions.c.body).where(actions.c.id == safe_text(action_id))
            )
            return self._read(rows.one_or_none())

    async def settle(
        self, action: Action, entry: AuditEntry | None, hold: timedelta | None = None
    ) -> Action | None:
        """See :meth:`ports.Actions.settle`."""
        written = msgspec.structs.replace(action, revision=action.revision + 1)
        async with self._health.while_writable(), self._database.writing() as connection:
            changed = await connection.execute(
                update(actions)
                .where(actions.c.id == action.id, actions.c.revision == action.revision)
                .values(is_open=not written.is_resolved, revision=written.revision, body=_encode(written))
                .returning(actions.c.id)
            )
            if changed.one_or_none() is None:
                return None
            await self._hold(connection, written, hold)
            if entry is not None:
                await insert_entry(self._database, connection, entry)
        return written

    async def _hold(self, connection: AsyncConnection, action: Action, hold: timedelta | None) -> None:
        """Set how long the window of an action is held from now; a failed one lets go of its key, too."""
        is_failed = action.outcome is ActionOutcome.FAILED
        if hold is None and not is_failed:
            return
        mine = action_claims.c.action_id == action.id
        # Over, not gone: who asks at this moment still finds whom they came behind.
        until_ms = self._database.now_ms(self._clock()) + _ms(
            timedelta(0) if is_failed or hold is None else hold
        )
        await connection.execute(
            update(action_claims)
            .where(mine if is_failed else mine & action_claims.c.is_window)
            .values(held_until_ms=until_ms)
        )

    async def unresolved(self, since: datetime) -> Collection[ProjectRef]:
        """See :meth:`ports.Actions.unresolved`."""
        statement = (
            select(actions.c.instance, actions.c.project_id)
            .where(actions.c.is_open, actions.c.created_at_ms >= to_ms(since))
            .distinct()
        )
        async with self._health.while_writable(), self._database.reading() as connection:
            rows = await connection.execute(statement)
            return [project_of(row) for row in rows]

    async def recent(self, project: ProjectRef, since: datetime) -> Sequence[Action]:
        """See :meth:`ports.Actions.recent`."""
        statement = (
            select(actions.c.id, actions.c.body)
            .where(
                actions.c.instance == project.instance,
                actions.c.project_id == project.project_id,
                actions.c.created_at_ms >= to_ms(since),
            )
            .order_by(actions.c.created_at_ms, actions.c.id)
        )
        async with self._health.while_readable(), self._database.reading() as connection:
            found = [self._read(row) for row in await connection.execute(statement)]
            return [action for action in found if action is not None]

    async def prune(self, before: datetime, at_most: int) -> int:
        """See :meth:`ports.Actions.prune`."""
        old = (
            select(actions.c.id)
            .where(actions.c.created_at_ms < to_ms(before))
            .order_by(actions.c.created_at_ms)
            .limit(at_most)
        )
        now_ms = self._database.now_ms(self._clock())
        free = select(action_claims.c.name).where(action_claims.c.held_until_ms <= now_ms).limit(at_most)
        async with self._health.while_writable(), self._database.writing() as connection:
            await connection.execute(
                delete(action_claims).where(
                    action_claims.c.name.in_(free.scalar_subquery()),
                    action_claims.c.held_until_ms <= now_ms,
                )
            )
            return await delete_rows(connection, actions.c.id, actions.c.id.in_(old.scalar_subquery()))


async def _follow(connection: AsyncConnection, names: Sequence[str], action_id: str) -> None:
    """Let claims that were just taken lead to the action that came first."""
    if names:
        await connection.execute(
            update(action_claims)
            .where(action_claims.c.name.in_(names), ~action_claims.c.is_window)
            .values(action_id=action_id)
        )


def _row(action: Action) -> dict[str, object]:
    return {
        "id": action.id,
        "instance": action.project.instance,
        "project_id": action.project.project_id,
        "created_at_ms": to_ms(action.created_at),
        "is_open": not action.is_resolved,
        "revision": action.revision,
        "body": _encode(action),
    }


def _ms(span: timedelta) -> int:
    return int(span.total_seconds() * 1000)
