"""Snapshots in the database: rows keyed by project and format, written by compare-and-set."""

from collections.abc import Collection, Mapping
from typing import Any, Final

from sqlalchemy import Row, Select, bindparam, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from sidecar.domain.model import ProjectRef
from sidecar.store.codec import FORMAT
from sidecar.store.engine.database import Database
from sidecar.store.schema import projects, snapshots
from sidecar.store.snapshot_cache import SnapshotRow
from sidecar.store.statements import CHUNK, PROJECT_KEY, fetched, project_of, project_values, read_rows

_OURS: Final[Select[Any]] = (
    select(snapshots, projects.c.instance, projects.c.project_id)
    .join(projects, projects.c.id == snapshots.c.project)
    .where(snapshots.c.format == FORMAT)
)
_REVISIONS: Final = _OURS.with_only_columns(
    projects.c.id, projects.c.instance, projects.c.project_id, snapshots.c.revision
)
_REVISION_OF: Final = _REVISIONS.where(snapshots.c.project == PROJECT_KEY)
_UPDATE: Final = (
    update(snapshots)
    .where(
        snapshots.c.project == bindparam("of_key"),
        snapshots.c.format == FORMAT,
        snapshots.c.revision == bindparam("of_revision"),
    )
    .values({name: bindparam(f"next_{name}") for name in ("version", "revision", "freshness", "content")})
    .returning(snapshots.c.revision)
)


async def load_revisions(
    database: Database, project: ProjectRef | None = None
) -> Mapping[ProjectRef, tuple[int, int]]:
    """Return short key and revision of the rows of our format: of all projects, or of this one."""
    async with database.reading() as connection:
        if project is None:
            result = await connection.execute(_REVISIONS)
        else:
            result = await connection.execute(_REVISION_OF, project_values(project))
        rows = await fetched(result)
    return dict(await read_rows(rows, _revision_of))


async def load_rows(
    connection: AsyncConnection, keys: Collection[int], *, locked: bool = False
) -> list[SnapshotRow]:
    """Return the rows of our format of these projects.

    Those that are ``locked`` nobody else writes till the transaction ends.
    """
    asked = _OURS.with_for_update(of=snapshots) if locked else _OURS
    wanted = sorted(keys)
    found = []
    for start in range(0, len(wanted), CHUNK):
        chunk = wanted[start : start + CHUNK]
        rows = await connection.execute(asked.where(snapshots.c.project.in_(chunk)))
        found += [_stored(row) for row in rows]
    return found


async def save_row(
    database: Database, connection: AsyncConnection, key: int, row: SnapshotRow, *, expected: int
) -> bool:
    """Write the row if the stored revision is the expected one (0: there is no row); tell whether it was."""
    values = {
        "version": row.version,
        "revision": row.revision,
        "freshness": row.freshness,
        "content": row.content,
    }
    if expected == 0:
        insert = database.insert(snapshots).values(project=key, format=FORMAT, **values)
        new = insert.on_conflict_do_nothing().returning(snapshots.c.revision)
        written = await connection.execute(new)
    else:
        given = {f"next_{name}": value for name, value in values.items()}
        written = await connection.execute(_UPDATE, {**given, "of_key": key, "of_revision": expected})
    return written.one_or_none() is not None


def _revision_of(row: Row[Any]) -> tuple[ProjectRef, tuple[int, int]]:
    return project_of(row), (row.id, row.revision)


def _stored(row: Any) -> SnapshotRow:
    return SnapshotRow(
        project=project_of(row),
        version=row.version,
        revision=row.revision,
        content=row.content,
        freshness=row.freshness,
    )
