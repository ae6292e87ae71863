"""Reads the run history of a project from Litmus, one bounded step at a time.

What to read next is decided in ``history_plan``, what a sweep compares in ``history_sweep``, how it is
asked in ``history_requests``, what becomes of the answers in ``history_step``.
"""

from datetime import timedelta
from typing import Final

from cachetools import LRUCache

from sidecar.domain.model import ProjectRef, Snapshot
from sidecar.domain.ports import Clock, History, HistoryChange
from sidecar.domain.runs import HistoryState
from sidecar.domain.unix_time import to_ms
from sidecar.litmus.reading.history_plan import HistorySchedule
from sidecar.litmus.reading.history_requests import RunRequests
from sidecar.litmus.reading.history_step import HistoryStep
from sidecar.litmus.reading.history_sweep import RUNS_PER_PAGE
from sidecar.litmus.reading.paging import PageSize
from sidecar.litmus.transport.client import LitmusClient

_PROJECTS_REMEMBERED: Final = 10_000


class LitmusHistorySource:
    """Implements :class:`~sidecar.domain.ports.HistorySource` over the client of one instance."""

    def __init__(
        self,
        client: LitmusClient,
        history: History,
        clock: Clock,
        *,
        retention: timedelta,
        schedule: HistorySchedule = HistorySchedule(),  # noqa: B008 - frozen
    ) -> None:
        """Take what it needs.

        Args:
            client: Of the instance.
            history: Read, never written: what is known decides what to ask.
            clock: The time.
            retention: Runs created longer ago are not read.
            schedule: How often, and how far back.
        """
        self._client = client
        self._history = history
        self._clock = clock
        self._retention = retention
        self._schedule = schedule
        self._sizes: LRUCache[ProjectRef, PageSize] = LRUCache(_PROJECTS_REMEMBERED)

    def configure(self, schedule: HistorySchedule) -> None:
        """Read by another schedule from the next step on."""
        self._schedule = schedule

    async def step(
        self, project: ProjectRef, state: HistoryState, snapshot: Snapshot | None
    ) -> tuple[HistoryChange, bool]:
        """See :meth:`ports.HistorySource.step`.

        Without a list of experiments nothing is asked: it narrows every question.
        """
        if snapshot is None or snapshot.content.experiments is None:
            return HistoryChange(state=state), False
        now = self._clock()
        requests = RunRequests(
            self._client,
            project,
            self._sizes.setdefault(project, PageSize(RUNS_PER_PAGE)),
        )
        horizon_ms = to_ms(now - self._retention)
        step = HistoryStep(
            requests,
            self._history,
            state=state,
            snapshot=snapshot,
            schedule=self._schedule,
            now=now,
            horizon_ms=horizon_ms,
        )
        await step.take()
        return step.result()
