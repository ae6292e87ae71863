"""Snapshots read from memory and written through to the database, when it is there.

What is merged while it is away is kept per section, and merged into what is
stored once it is back: other replicas may have gone on meanwhile.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Sequence
from typing import Final

from sidecar.domain.errors import LeaseLostError, StoreError
from sidecar.domain.model import ProjectRef, Section, SectionResult, Snapshot
from sidecar.domain.ports import Lease, SnapshotHead
from sidecar.runtime.keyed_locks import KeyedLocks
from sidecar.runtime.turns import Work, in_slices, run_whole
from sidecar.store.engine.database import Database
from sidecar.store.engine.failures import StoreUnavailableError
from sidecar.store.engine.health import StoreHealth
from sidecar.store.snapshot_cache import SnapshotCache, SnapshotRow
from sidecar.store.snapshot_rows import load_revisions, load_rows, save_row
from sidecar.store.statements import require_lease, save_projects

ATTEMPTS: Final = 4
"""At a compare-and-set; every failure means that somebody else succeeded. Then others are kept out."""


class WriteThroughSnapshots:
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
        self._cache = SnapshotCache()
        self._merging: KeyedLocks[ProjectRef] = KeyedLocks()
        self._retained: frozenset[ProjectRef] | None = None
        """``None``: everything, until the catalog was read once."""
        self._unwritten: defaultdict[ProjectRef, dict[Section, list[SectionResult]]] = defaultdict(dict)
        """Results merged in memory only; per section the last success and what failed after it."""

    def get(self, project: ProjectRef) -> Snapshot | None:
        """See :meth:`ports.Snapshots.get`."""
        return self._cache.get(project)

    def head(self, project: ProjectRef) -> SnapshotHead | None:
        """See :meth:`ports.Snapshots.head`."""
        return self._cache.head(project)

    async def load(self, project: ProjectRef) -> Snapshot | None:
        """See :meth:`ports.Snapshots.load`."""
        return await in_slices(self._cache.load(project))

    async def merge(self, lease: Lease, results: Sequence[SectionResult]) -> Snapshot:
        """See :meth:`ports.Snapshots.merge`."""
        # One lane of a project after the other: else the slower would encode it all again.
        async with self._merging.of(lease.job.project):
            while True:
                if self._health.reason is None:
                    try:
                        return await self._merge_stored(lease, results)
                    except StoreUnavailableError as exc:
                        self._health.mark_lost(exc)
                shown = await self._merge_in_memory(lease, results)
                if shown is not None:
                    return shown

    async def _merge_stored(self, lease: Lease, results: Sequence[SectionResult]) -> Snapshot:
        """Merge and encode first, in slices, and write what came of it unless others wrote meanwhile."""
        project = lease.job.project
        for _ in range(ATTEMPTS):
            before, revision = self._cache.row(project), self._cache.revision(project)
            merged, row = await in_slices(self._merged(project, results, revision + 1))
            async with self._database.writing() as connection:
                key = await require_lease(connection, lease)
                if self._cache.row(project) is not before:
                    continue
                if await save_row(self._database, connection, key, row, expected=revision):
                    break
                for stored in await load_rows(connection, [key]):
                    # What was taken in while this was read is later than it.
                    if self._cache.revision(project) == revision:
                        self._take_in_stored(stored)
        else:
            merged, row = await self._merge_locked(lease, results)
        return self._take_in_written(merged, row)

    async def _merge_locked(
        self, lease: Lease, results: Sequence[SectionResult]
    ) -> tuple[Snapshot, SnapshotRow]:
        """Merge while nobody else can write, at once: a large project would lose to small writes for ever."""
        project = lease.job.project
        async with self._database.writing() as connection:
            key = await require_lease(connection, lease)
            found = await load_rows(connection, [key], locked=True)
            expected = found[0].revision if found else 0
            for stored in found:
                if self._cache.revision(project) != expected:
                    self._take_in_stored(stored)
            revision = max(expected, self._cache.revision(project)) + 1
            merged, row = run_whole(self._merged(project, results, revision))
            if not await save_row(self._database, connection, key, row, expected=expected):
                raise StoreError("What is stored of this project changes while nobody may change it.")
        return merged, row

    def _merged(
        self, project: ProjectRef, results: Sequence[SectionResult], revision: int
    ) -> Work[tuple[Snapshot, SnapshotRow]]:
        """Return what an attempt makes of the current snapshot, and its row; nothing is taken in."""
        merged = yield from self._cache.merged(project, results)
        return merged, (yield from self._cache.encoded(merged, revision))

    async def _merge_in_memory(self, lease: Lease, results: Sequence[SectionResult]) -> Snapshot | None:
        """Merge what the database is to get later; ``None`` if it came back, or others merged, meanwhile."""
        project = lease.job.project
        before, revision = self._cache.row(project), self._cache.revision(project)
        merged, row = await in_slices(self._merged(project, results, revision))
        # From here on nothing is awaited: what is shown and what is to be written belong together.
        if not self._holds(lease):
            raise LeaseLostError(f"The lease of {project} moved on while it was synchronised.")
        if self._health.reason is None or self._cache.row(project) is not before:
            return None
        for result in results:
            known = self._unwritten[project].get(result.section, [])
            kept = [one for one in known if one.error is None] if result.error else []
            self._unwritten[project][result.section] = [*kept, result]
        return self._cache.put(merged, row)

    def _merge_unwritten(self, project: ProjectRef, results: Sequence[SectionResult]) -> Snapshot:
        """Merge in memory what the database has yet to get; at once, for it seldom happens."""
        merged, row = run_whole(self._merged(project, results, self._cache.revision(project)))
        return self._cache.put(merged, row)

    def _take_in_written(self, written: Snapshot, row: SnapshotRow) -> Snapshot:
        """Take in what was just written, and over it what was merged in memory meanwhile."""
        shown = self._cache.put(written, row)
        later = self._results_unwritten(written.project)
        return self._merge_unwritten(written.project, later) if later else shown

    def _take_in_stored(self, row: SnapshotRow) -> None:
        """Take in what was read, and over it what is not written yet."""
        self._cache.adopt(row, restored=False)
        later = self._results_unwritten(row.project)
        if later:
            self._merge_unwritten(row.project, later)

    def _results_unwritten(self, project: ProjectRef) -> list[SectionResult]:
        return [result for results in self._unwritten.get(project, {}).values() for result in results]

    async def retain(self, projects: Collection[ProjectRef]) -> None:
        """See :meth:`ports.Snapshots.retain`."""
        self._retained = frozenset(projects)
        self._cache.retain(projects)
        for project in self._unwritten.keys() - self._retained:
            del self._unwritten[project]
        if self._health.reason is None:
            try:
                await self.refresh(restored=True)
            except StoreUnavailableError as exc:
                self._health.mark_lost(exc)

    async def refresh(self, *, restored: bool, only: ProjectRef | None = None) -> None:
        """Take over what is stored and unknown here: before our start (``restored``) or by other replicas.

        With ``only`` that is looked for one project alone.
        """
        revisions = await load_revisions(self._database, only)
        known = {project: self._cache.revision(project) for project in revisions}
        wanted = [
            key
            for project, (key, revision) in revisions.items()
            if self._is_wanted(project) and revision != known[project]
        ]
        if not wanted:
            return
        async with self._database.reading() as connection:
            rows = await load_rows(connection, wanted)
        for row in rows:
            # What we wrote or merged while this was read is later than it.
            is_news = self._cache.revision(row.project) == known.get(row.project, 0) != row.revision
            if is_news and self._is_wanted(row.project):
                self._cache.adopt(row, restored=restored and self._cache.revision(row.project) == 0)
                self._on_change(row.project)

    def _is_wanted(self, project: ProjectRef) -> bool:
        """Tell whether to read it: not what we still have to write, which is merged there."""
        return (self._retained is None or project in self._retained) and project not in self._unwritten

    @property
    def has_unwritten(self) -> bool:
        """Whether results wait to be written."""
        return bool(self._unwritten)

    async def write_back(self) -> None:
        """Write what the database lacks; more may have come in at the end.

        Raises:
            StoreUnavailableError: If it is still away.
        """
        stored = await load_revisions(self._database)
        lacking = [project for project in self._cache.projects if project not in stored]
        wanted = sorted({*lacking, *self._unwritten})
        for project in wanted:
            await self._write_back(project)

    async def _write_back(self, project: ProjectRef) -> None:
        await in_slices(self._cache.load(project))
        ours, revision = self._cache.get(project), self._cache.revision(project)
        results = self._results_unwritten(project)
        if ours is None:
            self._unwritten.pop(project, None)
            return
        async with self._database.writing() as connection:
            key = (await save_projects(self._database, connection, [project]))[project]
            found = await load_rows(connection, [key])
        expected = found[0].revision if found else 0
        merged = ours
        if found and expected != revision:
            # Should another replica have gone on meanwhile, what it has and we did not fetch since stays.
            merged = await in_slices(self._cache.merged_with(found[0], results))
        row = await in_slices(self._cache.encoded(merged, max(expected, revision) + 1))
        async with self._database.writing() as connection:
            if not await save_row(self._database, connection, key, row, expected=expected):
                raise StoreUnavailableError("locked")
        self._forget_written(project, results)
        # Unless the project left the catalog meanwhile.
        if self._cache.row(project) is not None:
            self._take_in_written(merged, row)

    def _forget_written(self, project: ProjectRef, written: Sequence[SectionResult]) -> None:
        """Keep of a project what came in while the rest was being written."""
        done = {id(result) for result in written}
        left = {
            section: later
            for section, results in self._unwritten.pop(project, {}).items()
            if (later := [result for result in results if id(result) not in done])
        }
        if left:
            self._unwritten[project] = left
