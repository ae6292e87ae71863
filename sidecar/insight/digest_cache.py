"""The runs of each project as a compact digest, kept until its history changes.

Views, pages and metrics read figures from these, so a warm read touches
neither the runs in the store nor Litmus. Digests are made in a thread, from a
history read in steps: thousands of runs must not hold the event loop.
"""

import asyncio
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import timedelta
from typing import Final

import msgspec
from cachetools import LRUCache

from sidecar.domain.errors import StoreError
from sidecar.domain.model import ProjectRef
from sidecar.domain.ports import History, RunQuery
from sidecar.domain.runs import HistoryState, Outcome, Run
from sidecar.insight.digest import ProjectRuns, project_runs
from sidecar.runtime.shared_tasks import SharedTasks
from sidecar.runtime.supervision import UnitErrors

CACHE_BYTES: Final = 256 * 1024 * 1024
BYTES_PER_RUN: Final = 40
"""Rough memory of a run in a digest; ``benchmarks/insight.py`` measures it."""
BYTES_PER_EXPERIMENT: Final = 1_024
LATEST_KEPT: Final = 50
"""Newest runs that a digest keeps whole, for the lists of overviews."""
BYTES_PER_WHOLE_RUN: Final = 600
"""Rough memory of such a run, its texts included."""
RUNS_AT_ONCE: Final = 500
"""Rows read in one go: about 5 ms of the event loop."""

WARM_PAUSE_SECONDS: Final = 5.0


class Digest(msgspec.Struct, frozen=True, kw_only=True):
    """A project's runs as of one version of its history."""

    runs: ProjectRuns
    state: HistoryState
    totals: Mapping[str, Mapping[Outcome, int]]
    """Runs that ever finished, by experiment and outcome; see :meth:`ports.History.totals`."""
    latest: Sequence[Run] = ()
    """The newest :data:`LATEST_KEPT` runs, newest first."""
    retention: timedelta | None = None
    """Runs created longer ago may have been forgotten; ``None``: all are kept."""


class Digests:
    """Digests of projects, bounded in bytes, each made once however many ask."""

    def __init__(self, history: History, *, retention: timedelta | None = None) -> None:
        self._history = history
        self._retention = retention
        self._kept: LRUCache[ProjectRef, Digest] = LRUCache(CACHE_BYTES, getsizeof=_size)
        self._making: SharedTasks[ProjectRef, Digest] = SharedTasks()

    async def of(self, project: ProjectRef) -> Digest:
        """Return the digest of the project's history as it is now; empty before its first synchronisation.

        Raises:
            StoreError: If the history cannot be read and never was.
        """
        state = await self._history.state(project)
        kept = self._kept.get(project)
        if kept is not None and kept.state.version == state.version:
            # The state also tells how complete and how old the history is; that changes without a version.
            return kept if kept.state == state else msgspec.structs.replace(kept, state=state)
        try:
            return await self._making.result(project, lambda: self._make(project, state))
        except StoreError:
            # The last digest, with the state it was made of, beats none while the database is away.
            if kept is None:
                raise
            return kept

    async def close(self) -> None:
        """Give up what is being made; nobody waits for it any more."""
        await self._making.close()

    async def latest(
        self, project: ProjectRef, digest: Digest, *, experiment_ids: Collection[str] | None, at_most: int
    ) -> Sequence[Run]:
        """Return the newest runs of these experiments, newest first; ``None`` for all experiments.

        The store is asked only where the digest does not reach far enough; while
        it is away, the runs that the digest has are all that is returned.
        """
        found = [
            run for run in digest.latest if experiment_ids is None or run.experiment_id in experiment_ids
        ]
        if len(found) < at_most and len(digest.latest) == LATEST_KEPT:
            query = RunQuery(limit=at_most, experiment_ids=experiment_ids)
            with suppress(StoreError):
                return await self._history.runs(project, query)
        return found[:at_most]

    async def keep_warm(self, projects: Callable[[], Iterable[ProjectRef]]) -> None:
        """Make digests before anybody asks, one at a time, until cancelled.

        The first portfolio after a start would else wait for the history of every project.
        """
        unit_errors = UnitErrors("digests")
        while True:
            # A database that is away is the store's to tell; the next round may find it back.
            with suppress(StoreError):
                for project in list(projects()):
                    if unit_errors.is_resting(str(project)):
                        continue
                    with unit_errors.contained(str(project)):
                        await self.of(project)
            await asyncio.sleep(WARM_PAUSE_SECONDS)

    async def _make(self, project: ProjectRef, state: HistoryState) -> Digest:
        experiments = await self._history.experiments(project)
        runs: list[Run] = []
        after: tuple[int, str, str] | None = None
        while True:
            part = await self._history.runs(project, RunQuery(after=after, limit=RUNS_AT_ONCE))
            runs.extend(part)
            if len(part) < RUNS_AT_ONCE:
                break
            after = (part[-1].created_at_ms, part[-1].experiment_id, part[-1].experiment_run_id)
        digest = Digest(
            runs=await asyncio.to_thread(project_runs, runs, experiments),
            state=state,
            totals=await self._history.totals(project),
            latest=tuple(runs[:LATEST_KEPT]),
            retention=self._retention,
        )
        if _size(digest) <= self._kept.maxsize:
            self._kept[project] = digest
        return digest


def _size(digest: Digest) -> int:
    runs = digest.runs
    return (
        BYTES_PER_RUN * len(runs.created_at_ms)
        + BYTES_PER_WHOLE_RUN * len(digest.latest)
        + BYTES_PER_EXPERIMENT * (1 + len(runs.experiments))
    )
