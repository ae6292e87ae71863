"""Statements that several tables share: a project's short key, whether a lease still holds, safe values."""

import asyncio
from collections.abc import Callable, Collection, Sequence
from typing import Any, Final, TypeVar

from sqlalchemy import Column, ColumnElement, Result, Row, ScalarSelect, bindparam, delete, select
from sqlalchemy.ext.asyncio import AsyncConnection

from sidecar.domain.errors import LeaseLostError
from sidecar.domain.model import ProjectRef
from sidecar.domain.ports import Lease
from sidecar.runtime.turns import Work, in_slices
from sidecar.store.engine.database import Database
from sidecar.store.schema import jobs, projects

T = TypeVar("T")

CHUNK: Final = 500
"""Rows or values given to one statement."""
FETCHED_AT_ONCE: Final = 1_000
"""Rows taken from the driver without a pause, about a millisecond."""
READ_AT_ONCE: Final = 100
"""Rows made values without a pause, some tenths of a millisecond."""

_INT64: Final = 2**63 - 1


def project_key(project: ProjectRef) -> ScalarSelect[int]:
    """Return the project's short key as part of a statement; no value if it was never planned."""
    return (
        select(projects.c.id)
        .where(projects.c.instance == project.instance, projects.c.project_id == project.project_id)
        .scalar_subquery()
    )


PROJECT_KEY: Final = (
    select(projects.c.id)
    .where(projects.c.instance == bindparam("of_instance"), projects.c.project_id == bindparam("of_project"))
    .scalar_subquery()
)
"""The same for a statement that is built once and given :func:`project_values`."""
_HELD: Final = (
    select(jobs.c.project)
    .where(
        jobs.c.project == PROJECT_KEY,
        jobs.c.lane == bindparam("lane"),
        jobs.c.fence == bindparam("fence"),
        jobs.c.planned,
    )
    .with_for_update(read=True)
)


def project_values(project: ProjectRef) -> dict[str, Any]:
    """Return what a statement with :data:`PROJECT_KEY` is given."""
    return {"of_instance": project.instance, "of_project": project.project_id}


async def save_projects(
    database: Database, connection: AsyncConnection, wanted: Collection[ProjectRef]
) -> dict[ProjectRef, int]:
    """Return the short keys of all projects ever planned, the wanted ones among them."""
    keys = await load_projects(connection)
    missing = sorted(ref for ref in wanted if ref not in keys)
    if missing:
        await connection.execute(
            database.insert(projects).on_conflict_do_nothing(),
            [{"instance": ref.instance, "project_id": ref.project_id} for ref in missing],
        )
        keys = await load_projects(connection)
    return keys


def project_of(row: Any) -> ProjectRef:
    """Return the project of a row that has its ``instance`` and ``project_id``."""
    return ProjectRef(instance=row.instance, project_id=row.project_id)


async def load_projects(connection: AsyncConnection) -> dict[ProjectRef, int]:
    """Return the short keys of all projects ever planned."""
    rows = await connection.execute(select(projects))
    return {project_of(row): row.id for row in rows}


async def require_lease(connection: AsyncConnection, lease: Lease) -> int:
    """Return the project's short key if the lease is the job's latest; it then stays so in this transaction.

    Raises:
        LeaseLostError: If the lease has moved on.
    """
    given = {**project_values(lease.job.project), "lane": lease.job.lane.value, "fence": lease.fence}
    held: int | None = await connection.scalar(_HELD, given)
    if held is None:
        raise LeaseLostError(f"The lease of {lease.job.project} moved on while it was synchronised.")
    return held


async def delete_rows(
    connection: AsyncConnection, column: Column[Any], condition: ColumnElement[bool]
) -> int:
    """Delete the rows of a column's table of which the condition holds; count them."""
    gone = await connection.scalars(delete(column.table).where(condition).returning(column))
    return len(gone.all())


async def fetched(result: Result[Any]) -> list[Row[Any]]:
    """Return all rows; who makes values of them waits for turns, and must hold no connection meanwhile."""
    rows: list[Row[Any]] = []
    while part := result.fetchmany(FETCHED_AT_ONCE):
        rows += part
        await asyncio.sleep(0)
    return rows


async def read_rows(rows: Sequence[Row[Any]], read: Callable[[Row[Any]], T]) -> list[T]:
    """Return what is read of each row, in slices."""

    def work() -> Work[list[T]]:
        found: list[T] = []
        for start in range(0, len(rows), READ_AT_ONCE):
            if start:
                yield
            found += map(read, rows[start : start + READ_AT_ONCE])
        return found

    return await in_slices(work())


def safe_text(text: str) -> str:
    """Return the text as both engines can keep it: PostgreSQL has no NUL."""
    return text.replace("\x00", "\ufffd")


def safe_int(number: int) -> int:
    """Return the number as both engines can keep it: 64 bits."""
    return min(max(number, -_INT64), _INT64)
