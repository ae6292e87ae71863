"""Who named which project since when, in the database."""

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import RowMapping, case, delete, select, tuple_

from sidecar.domain.catalog import Naming
from sidecar.domain.model import ProjectRef
from sidecar.domain.unix_time import from_ms, to_ms
from sidecar.store.engine.database import Database
from sidecar.store.engine.health import StoreHealth
from sidecar.store.schema import namings
from sidecar.store.statements import CHUNK, safe_text

_KEY = (namings.c.instance, namings.c.project_id, namings.c.owner)


class SqlNamings:
    """:class:`ports.Namings` in the database."""

    def __init__(self, database: Database, health: StoreHealth) -> None:
        self._database = database
        self._health = health

    async def all(self) -> Sequence[Naming]:
        """See :meth:`ports.Namings.all`."""
        async with self._health.while_writable(), self._database.reading() as connection:
            return [_naming(row) for row in (await connection.execute(select(namings))).mappings()]

    async def keep(self, wanted: Collection[Naming], *, gone_before: datetime) -> Sequence[Naming]:
        """See :meth:`ports.Namings.keep`."""
        # In one order, or two replicas could wait for each other's rows.
        rows = sorted((_row(one) for one in wanted), key=lambda row: [str(row[part.name]) for part in _KEY])
        keys = [tuple(row[part.name] for part in _KEY) for row in rows]
        insert = self._database.insert(namings)
        new, old = insert.excluded, namings.c
        first = case(
            (new.first_seen_at_ms < old.first_seen_at_ms, new.first_seen_at_ms), else_=old.first_seen_at_ms
        )
        upsert = insert.on_conflict_do_update(
            index_elements=[part.name for part in _KEY],
            set_={"first_seen_at_ms": first, "gone_at_ms": new.gone_at_ms},
        )
        kept: list[Naming] = []
        async with self._health.while_writable(), self._database.writing() as connection:
            await connection.execute(delete(namings).where(namings.c.gone_at_ms <= to_ms(gone_before)))
            for start in range(0, len(rows), CHUNK):
                await connection.execute(upsert, rows[start : start + CHUNK])
                found = select(namings).where(tuple_(*_KEY).in_(keys[start : start + CHUNK]))
                kept += [_naming(row) for row in (await connection.execute(found)).mappings()]
        return kept


def _row(one: Naming) -> dict[str, str | int | None]:
    return {
        "instance": safe_text(one.project.instance),
        "project_id": safe_text(one.project.project_id),
        "owner": safe_text(one.owner),
        "first_seen_at_ms": to_ms(one.first_seen_at),
        "gone_at_ms": None if one.gone_at is None else to_ms(one.gone_at),
    }


def _naming(row: RowMapping) -> Naming:
    return Naming(
        project=ProjectRef(instance=row["instance"], project_id=row["project_id"]),
        owner=row["owner"],
        first_seen_at=from_ms(row["first_seen_at_ms"]),
        gone_at=from_ms(row["gone_at_ms"]),
    )
