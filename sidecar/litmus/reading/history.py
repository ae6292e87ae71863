"""Reads the run history of a project from Litmus, one bounded step at a time.

A step asks at most three times, always narrowed by experiments, run ids or a
date: every page of a whole project would make Litmus join all its runs. What
to read next is decided in ``history_notes``, how it is asked in
``history_questions``; here is what becomes of the answers. A step that fails
changes nothing and is taken again.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

import msgspec
import structlog
from cachetools import LRUCache

from sidecar.domain.model import (
    OUTCOME_OF_PHASE,
    UNFINISHED,
    HistoryState,
    KnownExperiment,
    ProjectRef,
    Run,
    Snapshot,
)
from sidecar.domain.ports import Clock, History, HistoryChange, RunQuery
from sidecar.litmus.reading import history_notes as notes_of
from sidecar.litmus.reading.history_notes import (
    RUNS_PER_PAGE,
    HistoryPace,
    Increment,
    Sweep,
    SweepKind,
    Task,
    to_ms,
)
from sidecar.litmus.reading.history_requests import RunQuestions, changes_since
from sidecar.litmus.reading.paging import PageSize
from sidecar.litmus.reading.run_index import KnownRuns, follow_experiments
from sidecar.litmus.transport.client import LitmusClient

TIMEOUT_SECONDS: Final = 30.0
REREAD_FOR: Final = timedelta(days=7)
"""So long an unfinished run is looked after by the increment; then by the reconciliation alone."""
_EXPERIMENTS_REREAD: Final = 5
_PROJECTS_REMEMBERED: Final = 10_000
_UNFINISHED_PHASES: Final = tuple(
    phase for phase, outcome in OUTCOME_OF_PHASE.items() if outcome in UNFINISHED
)

_log = structlog.get_logger(__name__)


class LitmusHistory:
    """Implements :class:`~sidecar.domain.ports.HistorySource` over the client of one instance."""

    def __init__(
        self,
        client: LitmusClient,
        history: History,
        clock: Clock,
        *,
        retention: timedelta,
        pace: HistoryPace = HistoryPace(),  # noqa: B008 - frozen
        timeout_seconds: float = TIMEOUT_SECONDS,
    ) -> None:
        """Take what it needs.

        Args:
            client: Of the instance.
            history: Read, never written: what is known decides what to ask.
            clock: The time.
            retention: Runs created longer ago are not read.
            pace: How often, and how far back.
            timeout_seconds: Of one request.
        """
        self._client = client
        self._history = history
        self._clock = clock
        self._retention = retention
        self._pace = pace
        self._timeout_seconds = timeout_seconds
        self._sizes: LRUCache[ProjectRef, PageSize] = LRUCache(_PROJECTS_REMEMBERED)

    async def step(
        self, project: ProjectRef, state: HistoryState, snapshot: Snapshot | None
    ) -> tuple[HistoryChange, bool]:
        """See :meth:`ports.HistorySource.step`.

        Without a list of experiments nothing is asked: it narrows every question.
        """
        if snapshot is None or snapshot.content.experiments is None:
            return HistoryChange(state=state), False
        now = self._clock()
        questions = RunQuestions(
            self._client,
            project,
            self._sizes.setdefault(project, PageSize(RUNS_PER_PAGE)),
            self._timeout_seconds,
        )
        horizon_ms = to_ms(now - self._retention)
        step = _Step(
            questions,
            self._history,
            state=state,
            snapshot=snapshot,
            pace=self._pace,
            now=now,
            horizon_ms=horizon_ms,
        )
        await step.take()
        return step.result()


class _Step:
    """One step: the state it began with, and what it found."""

    def __init__(
        self,
        questions: RunQuestions,
        history: History,
        *,
        state: HistoryState,
        snapshot: Snapshot,
        pace: HistoryPace,
        now: datetime,
        horizon_ms: int,
    ) -> None:
        self._ask = questions
        self._project = questions.project
        self._history = history
        self._state = msgspec.structs.replace(state, first_synced_at=state.first_synced_at or now)
        self._notes = notes_of.load_notes(state.progress)
        self._snapshot = snapshot
        self._pace = pace
        self._now = now
        self._horizon_ms = horizon_ms
        self._told: list[Run] = []
        """Runs that Litmus listed in this step."""
        self._found: list[Run] = []
        """Those that are new or changed."""
        self._removed: list[Run] = []
        self._experiments: list[KnownExperiment] = []

    async def take(self) -> None:
        """Do what is next."""
        await self._follow_experiments()
        match notes_of.next_task(self._notes, self._state, self._snapshot, self._pace, self._now):
            case Task.INCREMENT:
                await self._increment()
            case Task.SWEEP:
                await self._sweep()
            case Task.COUNT:
                await self._count()
            case Task.NOTHING:
                # No experiment ever ran, says the snapshot.
                self._state = msgspec.structs.replace(self._state, synced_at=self._now)

    def result(self) -> tuple[HistoryChange, bool]:
        """Return what was found, and whether more is due at once."""
        notes = self._notes
        state = msgspec.structs.replace(self._state, progress=notes_of.dump_notes(notes))
        change = HistoryChange(
            state=state, runs=self._found, experiments=self._experiments, removed_runs=self._removed
        )
        more = (
            notes.increment is not None
            or notes.sweep is not None
            or (state.watermark_ms is not None and notes.seen_version != self._snapshot.version)
            or notes_of.sweep_due(notes, state, self._snapshot, self._pace, self._now) is not None
            or notes_of.count_due(notes, state, self._pace, self._now)
        )
        return change, more

    def _note(self, **changes: object) -> None:
        self._notes = msgspec.structs.replace(self._notes, **changes)

    async def _follow_experiments(self) -> None:
        read_at = notes_of.experiments_read_at(self._snapshot)
        if read_at is None or read_at == self._notes.followed_at:
            return
        self._experiments, absent = follow_experiments(
            await self._history.experiments(self._project),
            self._snapshot.content.experiments or (),
            self._notes.absent,
            read_at=read_at,
            now=self._now,
        )
        gone = [one.experiment_id for one in self._experiments if one.removed_at is not None]
        if gone:
            runs = await self._history.runs(self._project, RunQuery(experiment_ids=gone))
            self._removed += [run for run in runs if not run.removed]
        self._note(absent=absent, followed_at=read_at)

    # What changed

    async def _increment(self) -> None:
        increment = self._notes.increment or notes_of.begin_increment(
            self._notes, self._state.watermark_ms or 0, self._snapshot, self._pace
        )
        if self._notes.increment is None:
            self._note(seen_version=self._snapshot.version)
        while not increment.reading.is_done and self._ask.left > 0:
            increment = await self._read_changes(increment)
        unfinished = await self._unread_unfinished(increment) if increment.reading.is_done else None
        if unfinished is None or not await self._read_again(unfinished):
            self._note(increment=increment)
            return
        self._ask.size.passed()
        stats = self._snapshot.content.run_stats
        self._note(increment=None, balance=self._notes.balance.after(stats.total if stats else None))
        moments = (self._state.watermark_ms, increment.greatest_ms)
        self._state = msgspec.structs.replace(
            self._state,
            synced_at=self._now,
            watermark_ms=max((one for one in moments if one is not None), default=None),
        )

    async def _count(self) -> None:
        """Look whether Litmus has fewer runs of some experiments than we keep: then some were deleted."""
        batch = notes_of.count_batch(self._notes, self._snapshot)
        self._note(counted_at=self._now, counted_to=batch[-1] if batch else "")
        if not batch:
            return
        kept = await self._history.count(self._project, batch)
        if kept and await self._ask.total({"experimentIDs": batch}) < kept:
            self._note(doubted=batch)

    async def _read_changes(self, increment: Increment) -> Increment:
        page = await self._ask.page(changes_since(increment), increment.reading.offset)
        if not page.rows and increment.experiment_ids is None and await self._ranges_fail(increment):
            self._note(ranges_failed_at=self._now)
            return notes_of.by_experiment(increment, self._snapshot)
        known = await self._known(page.items)
        self._keep(page.items, known)
        settled = increment.experiment_ids is not None and all(known.is_settled(run) for run in page.items)
        plausible = [
            run.updated_at_ms for run in page.items if notes_of.is_plausible(run.updated_at_ms, self._now)
        ]
        if increment.greatest_ms is not None:
            plausible.append(increment.greatest_ms)
        return msgspec.structs.replace(
            increment,
            reading=increment.reading.after(page, self._ask.size.current, enough=settled),
            greatest_ms=max(plausible, default=None),
        )

    async def _ranges_fail(self, increment: Increment) -> bool:
        """Tell whether an empty answer is wrong: the range includes a run that Litmus has.

        The run is asked for by its id, because it may have been deleted.
        """
        anchor = self._notes.anchor
        if anchor is None or anchor.updated_at_ms < increment.since_ms or self._ask.left <= 0:
            return False
        page = await self._ask.page({"experimentRunIDs": [anchor.experiment_run_id]})
        return any(run.updated_at_ms >= increment.since_ms for run in page.items)

    async def _unread_unfinished(self, increment: Increment) -> list[Run]:
        """Return stored unfinished runs that the increment did not cover."""
        since_ms = max(self._horizon_ms, to_ms(self._now - REREAD_FOR))
        stored = await self._history.runs(
            self._project, RunQuery(since_ms=since_ms, phases=_UNFINISHED_PHASES)
        )
        told = KnownRuns(self._told)
        # A range that holds nothing, not even the run at the watermark, proves nothing.
        by_date = increment.experiment_ids is None and increment.reading.total
        return [
            run
            for run in stored
            if not run.removed
            and told.find(run) is None
            and not (by_date and run.updated_at_ms >= increment.since_ms)
        ]

    async def _read_again(self, unfinished: Sequence[Run]) -> bool:
        """Read these runs; ``False`` if that needs another step."""
        ids = [run.experiment_run_id for run in unfinished if run.experiment_run_id]
        nameless = list(dict.fromkeys(run.experiment_id for run in unfinished if not run.experiment_run_id))
        narrows: list[Mapping[str, object]] = []
        if ids:
            narrows.append({"experimentRunIDs": ids[: self._ask.size.current]})
        if nameless:
            narrows.append({"experimentIDs": nameless[:_EXPERIMENTS_REREAD]})
        if len(narrows) > self._ask.left:
            return False
        for narrow in narrows:
            page = await self._ask.page(narrow)
            self._keep(page.items, await self._known(page.items))
        return True

    # Everything, slowly

    async def _sweep(self) -> None:
        sweep = self._notes.sweep or self._begin_sweep()
        counts = notes_of.run_counts(self._snapshot)
        while True:
            if not sweep.batch:
                sweep = notes_of.next_batch(sweep, counts)
            if not sweep.batch:
                self._end_sweep(sweep)
                return
            if self._ask.left <= 0:
                break
            narrow = {"experimentIDs": sweep.batch}
            page = await self._ask.page(narrow, sweep.reading.offset)
            self._keep(page.items, await self._known(page.items))
            sweep = notes_of.take_in(sweep, page, self._ask.size.current)
            if sweep.reading.is_done:
                sweep = msgspec.structs.replace(await self._compare(sweep), batch=())
        self._note(sweep=sweep)

    def _begin_sweep(self) -> Sweep:
        kind = notes_of.sweep_due(self._notes, self._state, self._snapshot, self._pace, self._now)
        if kind is SweepKind.BACK_FILL or kind is None:
            # Runs that change from here on are the increment's; Litmus's own time says from where.
            self._state = msgspec.structs.replace(
                self._state,
                watermark_ms=self._state.watermark_ms or notes_of.newest_change_ms(self._snapshot, self._now),
            )
            self._note(seen_version=self._snapshot.version)
        return notes_of.begin_sweep(
            kind or SweepKind.BACK_FILL, self._notes, self._snapshot, self._horizon_ms
        )

    async def _compare(self, sweep: Sweep) -> Sweep:
        if sweep.kind is SweepKind.BACK_FILL:
            return sweep
        stored = await self._history.runs(
            self._project, RunQuery(experiment_ids=sweep.batch, since_ms=sweep.horizon_ms)
        )
        missing = notes_of.missing_runs(sweep, stored)
        if sweep.kind in {SweepKind.COMPARE, SweepKind.LOOK}:
            return notes_of.suspect(sweep, missing)
        self._removed += notes_of.confirmed(self._notes.suspects, missing)
        return sweep

    def _end_sweep(self, sweep: Sweep) -> None:
        suspects = None
        if sweep.suspects:
            suspects = notes_of.Suspects(
                runs=sweep.suspects, experiment_ids=sweep.suspected_experiments, found_at=self._now
            )
        self._note(sweep=None, suspects=suspects, doubted=())
        self._ask.size.passed()
        if sweep.left_out:
            _log.warning(
                "runs left out that Litmus gave no time or no data",
                project=str(self._project),
                runs=sweep.left_out,
            )
        if sweep.kind in {SweepKind.CONFIRM, SweepKind.LOOK}:
            return
        stats = self._snapshot.content.run_stats
        # A Litmus that was upgraded since may be asked by date again.
        self._note(balance=notes_of.Balance(total=stats.total if stats else None), ranges_failed_at=None)
        self._state = msgspec.structs.replace(
            self._state,
            is_complete=True,
            reconciled_at=self._now,
            synced_at=self._state.synced_at or self._now,
        )

    # What was told

    async def _known(self, told: Sequence[Run]) -> KnownRuns:
        if not told:
            return KnownRuns(())
        times = [run.created_at_ms for run in told]
        query = RunQuery(
            experiment_ids={run.experiment_id for run in told},
            since_ms=min(times),
            until_ms=max(times) + 1,
        )
        return KnownRuns(await self._history.runs(self._project, query))

    def _keep(self, told: Sequence[Run], known: KnownRuns) -> None:
        recent = [run for run in told if run.created_at_ms >= self._horizon_ms]
        already = KnownRuns(self._told)
        new = sum(known.find(run) is None and already.find(run) is None for run in recent)
        self._told += told
        self._found += [run for run in recent if known.find(run) != run]
        balance = self._notes.balance
        self._note(
            anchor=notes_of.best_anchor(self._notes.anchor, told, self._now),
            balance=msgspec.structs.replace(balance, found=balance.found + new),
        )
