"""Snapshots in the database: rows keyed by project and format, written by compare-and-set."""

from collections.abc import Collection, Mapping
from typing import Any, Final

from sqlalchemy import Select, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from sidecar.domain.model import ProjectRef
from sidecar.store.codec import FORMAT
from sidecar.store.engine.database import Database
from sidecar.store.schema import projects, snapshots
from sidecar.store.snapshot_cache import SnapshotRow
from sidecar.store.statements import CHUNK, project_key

_OURS: Final[Select[Any]] = (
    select(snapshots, projects.c.instance, projects.c.project_id)
    .join(projects, projects.c.id == snapshots.c.project)
    .where(snapshots.c.format == FORMAT)
)


async def load_revisions(
    connection: AsyncConnection, project: ProjectRef | None = None
) -> Mapping[ProjectRef, tuple[int, int]]:
    """Return short key and revision of the rows of our format: of all projects, or of this one."""
    statement = _OURS.with_only_columns(
        projects.c.id, projects.c.instance, projects.c.project_id, snapshots.c.revision
    )
    if project is not None:
        statement = statement.where(snapshots.c.project == project_key(project))
    rows = await connection.execute(statement)
    return {_ref(row): (row.id, row.revision) for row in rows}


async def load_rows(connection: AsyncConnection, keys: Collection[int]) -> list[SnapshotRow]:
    """Return the rows of our format of these projects."""
    wanted = sorted(keys)
    found = []
    for start in range(0, len(wanted), CHUNK):
        chunk = wanted[start : start + CHUNK]
        rows = await connection.execute(_OURS.where(snapshots.c.project.in_(chunk)))
        found += [_stored(row) for row in rows]
    return found


async def save_row(
    database: Database, connection: AsyncConnection, key: int, row: SnapshotRow, *, expected: int
) -> bool:
    """Write the row if the stored revision is the expected one (0: there is no row); tell whether it was."""
    values = {"version": row.version, "revision": row.revision, "freshness": row.freshness}
    if expected == 0:
        statement: Any = (
            database.insert(snapshots)
            .values(project=key, format=FORMAT, content=row.content, **values)
            .on_conflict_do_nothing()
        )
    else:
        statement = (
            update(snapshots)
            .where(snapshots.c.project == key, snapshots.c.format == FORMAT, snapshots.c.revision == expected)
            .values(content=row.content, **values)
        )
    written = await connection.execute(statement.returning(snapshots.c.revision))
    return written.one_or_none() is not None


def _ref(row: Any) -> ProjectRef:
    return ProjectRef(instance=row.instance, project_id=row.project_id)


def _stored(row: Any) -> SnapshotRow:
    return SnapshotRow(
        project=_ref(row),
        version=row.version,
        revision=row.revision,
        content=row.content,
        freshness=row.freshness,
    )
