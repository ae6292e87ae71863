"""What is asked and written of jobs, each statement built once.

Their values are bound by name: SQLAlchemy compares and compiles a statement by
its parts, so one that is put together anew each time costs more than SQLite takes to run it.
"""

from datetime import datetime
from typing import Any, Final

from sqlalchemy import BigInteger, Boolean, Integer, and_, bindparam, case, exists, not_, or_, select, update

from sidecar.domain.ports import Job
from sidecar.store.engine.database import Database
from sidecar.store.schema import jobs, projects
from sidecar.store.statements import PROJECT_KEY, project_values

AT_ONCE_MS: Final = 0
"""When a job is due that was hurried: before all others."""


class LeaseStatements:
    """The statements of one database; ``*_values`` return what each is given beside its own values."""

    def __init__(self, database: Database, lease_ms: int) -> None:
        self._database = database
        self._now = database.now
        self._is_free = or_(jobs.c.leased_until_ms.is_(None), jobs.c.leased_until_ms <= self._now)
        self._is_job = and_(jobs.c.project == PROJECT_KEY, jobs.c.lane == bindparam("of_lane"))
        # Not joined: SQLite would begin with the projects, all of them, and not with what is due.
        of_instance = exists().where(
            projects.c.id == jobs.c.project, projects.c.instance == bindparam("of_instance")
        )
        self._of_lanes = and_(of_instance, database.among(jobs.c.lane, "lanes"))
        self.take: Final = self._take(lease_ms)
        """Of ``of_instance`` and ``lanes``: takes of what is due that which is late first."""
        self.next_due: Final = self._next_due()
        """Of ``of_instance`` and ``lanes``: ``free_ms``, ``leased_ms`` (``None``: none) and ``now_ms``."""
        self.release: Final = self._release()
        """Of a job, with ``of_fence``, ``next_failures``, ``in_ms``, ``patience_ms``."""
        self.hurry: Final = self._hurry()
        """Of a job, with ``again``."""

    def now_values(self, now: datetime) -> dict[str, Any]:
        """Return what every statement is given."""
        return self._database.now_values(now)

    def job_values(self, job: Job, now: datetime) -> dict[str, Any]:
        """Return what a statement of one job is given."""
        return {**self.now_values(now), **project_values(job.project), "of_lane": job.lane.value}

    def _take(self, lease_ms: int) -> Any:
        free = and_(jobs.c.planned, jobs.c.due_at_ms <= self._now, self._is_free)
        latest = (
            select(jobs.c.id)
            .where(self._of_lanes, free)
            # Of what was hurried first what people see: "fast" is first in the alphabet.
            .order_by(jobs.c.late_at_ms, jobs.c.due_at_ms, jobs.c.lane, jobs.c.id)
            .limit(1)
            .with_for_update(skip_locked=True, of=jobs)
            .scalar_subquery()
        )
        project_id = select(projects.c.project_id).where(projects.c.id == jobs.c.project).scalar_subquery()
        return (
            update(jobs)
            .where(jobs.c.id == latest, free)
            .values(fence=jobs.c.fence + 1, leased_until_ms=self._now + lease_ms, hurried=False)
            .returning(
                project_id.label("project_id"),
                jobs.c.lane,
                jobs.c.fence,
                jobs.c.failures,
                jobs.c.due_at_ms,
                self._now.label("now_ms"),
            )
        )

    def _next_due(self) -> Any:
        # Both are found at the beginning of an index, however many jobs there are.
        awaited = and_(jobs.c.planned, self._of_lanes)
        waits_for_lease = jobs.c.leased_until_ms > jobs.c.due_at_ms
        free_ms = (
            select(jobs.c.due_at_ms)
            .where(awaited, or_(jobs.c.leased_until_ms.is_(None), not_(waits_for_lease)))
            .order_by(jobs.c.due_at_ms)
            .limit(1)
            .scalar_subquery()
        )
        leased_ms = (
            select(jobs.c.leased_until_ms)
            .where(awaited, jobs.c.leased_until_ms.is_not(None), waits_for_lease)
            .order_by(jobs.c.leased_until_ms)
            .limit(1)
            .scalar_subquery()
        )
        return select(free_ms.label("free_ms"), leased_ms.label("leased_ms"), self._now.label("now_ms"))

    def _release(self) -> Any:
        due_ms = self._now + bindparam("in_ms", type_=BigInteger())
        return (
            update(jobs)
            .where(self._is_job, jobs.c.fence == bindparam("of_fence"), jobs.c.planned)
            .values(
                leased_until_ms=None,
                failures=bindparam("next_failures", type_=Integer()),
                due_at_ms=case((jobs.c.hurried, AT_ONCE_MS), else_=due_ms),
                late_at_ms=case(
                    (jobs.c.hurried, AT_ONCE_MS),
                    else_=due_ms + bindparam("patience_ms", type_=BigInteger()),
                ),
                hurried=False,
            )
        )

    def _hurry(self) -> Any:
        again = bindparam("again", type_=Boolean())
        return (
            update(jobs)
            .where(self._is_job, jobs.c.planned)
            .values(
                due_at_ms=case((self._is_free, AT_ONCE_MS), else_=jobs.c.due_at_ms),
                late_at_ms=case((self._is_free, AT_ONCE_MS), else_=jobs.c.late_at_ms),
                hurried=case((self._is_free, jobs.c.hurried), else_=or_(jobs.c.hurried, again)),
            )
        )
