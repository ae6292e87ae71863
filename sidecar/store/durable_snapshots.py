"""Snapshots read from memory and written through to the database, when it is there.

What is merged while it is away is kept per section, and merged into what is
stored once it is back: other replicas may have gone on meanwhile.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Sequence
from typing import Final

import msgspec

from sidecar.errors import LeaseLostError, StoreError
from sidecar.model import ProjectRef, Section, SectionResult, Snapshot
from sidecar.ports import Lease, SnapshotHead
from sidecar.snapshots import merge
from sidecar.store.database import Database
from sidecar.store.failures import StoreUnavailableError
from sidecar.store.health import StoreHealth
from sidecar.store.keys import require_lease, save_projects
from sidecar.store.snapshot_rows import load_revisions, load_rows, save_row
from sidecar.store.view import SnapshotView

ATTEMPTS: Final = 5
"""At a compare-and-set; every failure means that somebody else succeeded."""


class DurableSnapshots:
    """:class:`ports.Snapshots`: read from memory, written through to the database."""

    def __init__(
        self,
        database: Database,
        health: StoreHealth,
        holds: Callable[[Lease], bool],
        on_change: Callable[[ProjectRef], None],
    ) -> None:
        self._database = database
        self._health = health
        self._holds = holds
        self._on_change = on_change
        self._view = SnapshotView()
        self._kept: frozenset[ProjectRef] | None = None
        """``None``: everything, until the catalog was read once."""
        self._unwritten: defaultdict[ProjectRef, dict[Section, list[SectionResult]]] = defaultdict(dict)
        """Results merged in memory only; per section the last success and what failed after it."""

    def get(self, project: ProjectRef) -> Snapshot | None:
        """See :meth:`ports.Snapshots.get`."""
        return self._view.get(project)

    def head(self, project: ProjectRef) -> SnapshotHead | None:
        """See :meth:`ports.Snapshots.head`."""
        return self._view.head(project)

    async def merge(self, lease: Lease, results: Sequence[SectionResult]) -> Snapshot:
        """See :meth:`ports.Snapshots.merge`."""
        if self._health.reason is None:
            try:
                return await self._merge_stored(lease, results)
            except StoreUnavailableError as exc:
                self._health.lose(exc)
        return self._merge_in_memory(lease, results)

    async def _merge_stored(self, lease: Lease, results: Sequence[SectionResult]) -> Snapshot:
        project = lease.job.project
        async with self._database.writing() as connection:
            key = await require_lease(connection, lease)
            for _ in range(ATTEMPTS):
                revision = self._view.revision(project)
                merged = merge(self._view.get(project), project, results)
                row = self._view.encoded(merged, revision + 1)
                if await save_row(self._database, connection, key, row, expected=revision):
                    break
                for stored in await load_rows(connection, [key]):
                    self._view.adopt(stored, restored=False)
            else:
                raise StoreError("Other replicas write this project all the time.")
        self._view.put(merged, row)
        return merged

    def _merge_in_memory(self, lease: Lease, results: Sequence[SectionResult]) -> Snapshot:
        project = lease.job.project
        if not self._holds(lease):
            raise LeaseLostError(f"The lease of {project} moved on while it was synchronised.")
        merged = merge(self._view.get(project), project, results)
        self._view.put(merged, self._view.encoded(merged, self._view.revision(project)))
        for result in results:
            before = self._unwritten[project].get(result.section, [])
            kept = [one for one in before if one.error is None] if result.error else []
            self._unwritten[project][result.section] = [*kept, result]
        return merged

    async def retain(self, projects: Collection[ProjectRef]) -> None:
        """See :meth:`ports.Snapshots.retain`."""
        self._kept = frozenset(projects)
        self._view.retain(projects)
        for project in self._unwritten.keys() - self._kept:
            del self._unwritten[project]
        if self._health.reason is None:
            try:
                await self.refresh(restored=True)
            except StoreUnavailableError as exc:
                self._health.lose(exc)

    async def refresh(self, *, restored: bool) -> None:
        """Take over what is stored and unknown here: before our start (``restored``) or by other replicas."""
        async with self._database.reading() as connection:
            revisions = await load_revisions(connection)
            known = {project: self._view.revision(project) for project in revisions}
            wanted = [
                key
                for project, (key, revision) in revisions.items()
                if self._is_wanted(project) and revision != known[project]
            ]
            rows = await load_rows(connection, wanted)
        for row in rows:
            # What we wrote while this was read is later than it.
            if self._view.revision(row.project) == known.get(row.project, 0) != row.revision:
                self._view.adopt(row, restored=restored and self._view.revision(row.project) == 0)
                self._on_change(row.project)

    def _is_wanted(self, project: ProjectRef) -> bool:
        """Tell whether to read it: not what we still have to write, which is merged there."""
        return (self._kept is None or project in self._kept) and project not in self._unwritten

    async def write_back(self) -> bool:
        """Write what the database lacks; tell whether there was anything.

        Raises:
            StoreUnavailableError: If it is still away.
        """
        async with self._database.reading() as connection:
            stored = await load_revisions(connection)
        lacking = [project for project in self._view.projects if project not in stored]
        wanted = sorted({*lacking, *self._unwritten})
        for project in wanted:
            await self._write_back(project)
        return bool(wanted)

    async def _write_back(self, project: ProjectRef) -> None:
        ours = self._view.get(project)
        unwritten = dict(self._unwritten.get(project, {}))
        if ours is None:
            self._unwritten.pop(project, None)
            return
        async with self._database.writing() as connection:
            key = (await save_projects(self._database, connection, [project]))[project]
            revision = self._view.revision(project)
            found = await load_rows(connection, [key])
            if found and found[0].revision != revision:
                # Another replica went on meanwhile: what it has and we did not fetch since stays.
                told = [result for results in unwritten.values() for result in results]
                merged = merge(self._view.decoded(found[0]), project, told)
                if merged.content != ours.content and merged.version <= ours.version:
                    merged = msgspec.structs.replace(merged, version=ours.version + 1)
            else:
                merged = ours
            expected = found[0].revision if found else 0
            row = self._view.encoded(merged, max(expected, revision) + 1)
            if not await save_row(self._database, connection, key, row, expected=expected):
                raise StoreUnavailableError("locked")
        if self._unwritten.get(project, {}) == unwritten:
            self._unwritten.pop(project, None)
        self._view.put(merged, row)
