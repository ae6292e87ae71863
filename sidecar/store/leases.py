"""What is due, shared by all replicas through the database.

*Now* is the database's clock on PostgreSQL, so that replicas whose clocks
differ agree; moments given to us and given back are in our clock's time, and
converted by their distance from now.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, and_, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from sidecar.domain.model import Lane, ProjectRef
from sidecar.domain.ports import Clock, Job, Lease, Patience
from sidecar.domain.unix_time import to_ms
from sidecar.store.engine.database import Database
from sidecar.store.lease_statements import AT_ONCE_MS, LeaseStatements
from sidecar.store.local_leases import lanes_in_turn
from sidecar.store.schema import jobs
from sidecar.store.statements import CHUNK, project_key, save_projects

SHARED_LEASE_TIME: Final = timedelta(seconds=15)
"""How long a lease lasts from its last renewal where there may be other replicas."""
_MILLISECOND: Final = timedelta(milliseconds=1)
PLAN_LOCK: Final = 0x706C616E
"""Two replicas do not plan at once: they would wait for each other's rows."""


class SqlLeases:
    """:class:`ports.Leases` in the database."""

    def __init__(self, database: Database, clock: Clock, *, lease_time: timedelta) -> None:
        self._database = database
        self._clock = clock
        self._lease_ms: Final = int(lease_time.total_seconds() * 1000)
        self._statements = LeaseStatements(database, self._lease_ms)

    async def plan(self, jobs_: Collection[Job], now: datetime, patience: Patience | None = None) -> None:
        """See :meth:`ports.Leases.plan`."""
        wait = patience or lanes_in_turn
        async with self._database.writing() as connection:
            await self._database.lock(connection, PLAN_LOCK)
            keys = await save_projects(self._database, connection, {job.project for job in jobs_})
            wanted = {(keys[job.project], job.lane.value): wait(job) // _MILLISECOND for job in jobs_}
            known = {
                (row.project, row.lane): row
                for row in await connection.execute(
                    select(jobs.c.id, jobs.c.project, jobs.c.lane, jobs.c.planned)
                )
            }
            now_ms = await connection.scalar(select(self._database.now_ms(now))) or 0
            new = {key: wanted[key] for key in sorted(wanted.keys() - known.keys())}
            await self._insert(connection, new, now_ms)
            returned = defaultdict(list)
            for key, row in known.items():
                if key in wanted and not row.planned:
                    returned[wanted[key]].append(row.id)
            gone = [row.id for key, row in known.items() if key not in wanted and row.planned]
            free = {"leased_until_ms": None, "failures": 0, "hurried": False}
            for patience_ms, ids in returned.items():
                due = {"planned": True, "due_at_ms": now_ms, "late_at_ms": now_ms + patience_ms}
                await _update_all(connection, ids, {**due, **free})
            # A worker that still holds the lease of a forgotten job loses it.
            await _update_all(connection, gone, {"planned": False, "fence": jobs.c.fence + 1, **free})

    async def _insert(
        self, connection: AsyncConnection, new: Mapping[tuple[int, str], int], now_ms: int
    ) -> None:
        if new:
            await connection.execute(
                self._database.insert(jobs).on_conflict_do_nothing(),
                [
                    {
                        "project": project,
                        "lane": lane,
                        "planned": True,
                        "due_at_ms": now_ms,
                        "late_at_ms": now_ms + patience_ms,
                        # Not from 0: a lease of a database that was lost is none in the one after it.
                        "fence": now_ms,
                        "failures": 0,
                        "hurried": False,
                    }
                    for (project, lane), patience_ms in new.items()
                ],
            )

    async def take(self, instance: str, lanes: Collection[Lane], now: datetime) -> Lease | None:
        """See :meth:`ports.Leases.take`; one statement, or two workers would take the same job."""
        given = self._lanes_values(instance, lanes, now)
        async with self._database.writing() as connection:
            row = (await connection.execute(self._statements.take, given)).one_or_none()
        if row is None:
            return None
        behind = timedelta(milliseconds=row.now_ms - row.due_at_ms)
        return Lease(
            job=Job(project=ProjectRef(instance=instance, project_id=row.project_id), lane=Lane(row.lane)),
            fence=row.fence,
            due_at=None if row.due_at_ms == AT_ONCE_MS else now - behind,
            expires_at=now + timedelta(milliseconds=self._lease_ms),
            failures=row.failures,
        )

    async def renew(self, leases: Collection[Lease], now: datetime) -> None:
        """Let those of the leases that are still the latest of their jobs last a lease's time from now."""
        now_ms = self._database.now_ms(now)
        # One that somebody changes now is left for the next time: to wait for several is to wait crosswise.
        still_held = (
            select(jobs.c.id)
            .where(
                or_(*[and_(_is(lease.job), jobs.c.fence == lease.fence) for lease in leases]),
                jobs.c.leased_until_ms.is_not(None),
                jobs.c.planned,
            )
            .with_for_update(skip_locked=True)
        )
        async with self._database.writing() as connection:
            await connection.execute(
                update(jobs).where(jobs.c.id.in_(still_held)).values(leased_until_ms=now_ms + self._lease_ms)
            )

    async def free_all(self) -> None:
        """End all leases: whoever had them is no more."""
        async with self._database.writing() as connection:
            await connection.execute(
                update(jobs)
                .where(jobs.c.leased_until_ms.is_not(None))
                .values(leased_until_ms=None, hurried=False, fence=jobs.c.fence + 1)
            )

    async def release(
        self, lease: Lease, due_at: datetime, *, failed: bool, patience: timedelta = timedelta(0)
    ) -> None:
        """See :meth:`ports.Leases.release`."""
        now = self._clock()
        given = {
            **self._statements.job_values(lease.job, now),
            "of_fence": lease.fence,
            "next_failures": lease.failures + 1 if failed else 0,
            "in_ms": to_ms(due_at) - to_ms(now),
            "patience_ms": patience // _MILLISECOND,
        }
        async with self._database.writing() as connection:
            await connection.execute(self._statements.release, given)

    async def hurry(self, job: Job, now: datetime, *, again: bool) -> None:
        """See :meth:`ports.Leases.hurry`."""
        given = {**self._statements.job_values(job, now), "again": again}
        async with self._database.writing() as connection:
            await connection.execute(self._statements.hurry, given)

    async def next_due(self, instance: str, lanes: Collection[Lane]) -> datetime | None:
        """See :meth:`ports.Leases.next_due`."""
        now = self._clock()
        given = self._lanes_values(instance, lanes, now)
        async with self._database.reading() as connection:
            row = (await connection.execute(self._statements.next_due, given)).one()
        due_ms = min((ms for ms in (row.free_ms, row.leased_ms) if ms is not None), default=None)
        if due_ms is None:
            return None
        # What was hurried is due now; its mark is no moment.
        return now if due_ms == AT_ONCE_MS else now + timedelta(milliseconds=due_ms - row.now_ms)

    def _lanes_values(self, instance: str, lanes: Collection[Lane], now: datetime) -> dict[str, Any]:
        return {
            **self._statements.now_values(now),
            "of_instance": instance,
            "lanes": [lane.value for lane in lanes],
        }


def _is(job: Job) -> ColumnElement[bool]:
    return and_(jobs.c.project == project_key(job.project), jobs.c.lane == job.lane.value)


async def _update_all(connection: AsyncConnection, ids: list[int], values: dict[str, object]) -> None:
    for start in range(0, len(ids), CHUNK):
        chunk = ids[start : start + CHUNK]
        await connection.execute(update(jobs).where(jobs.c.id.in_(chunk)).values(**values))
