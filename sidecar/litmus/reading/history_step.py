"""One step of reading a project's run history: what is asked, and what becomes of the answers.

A step asks at most three times, always narrowed by experiments, run ids or a
date: every page of a whole project would make Litmus join all its runs. A step
that fails changes nothing and is taken again.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

import msgspec
import structlog

from sidecar.domain.model import Snapshot
from sidecar.domain.ports import History, HistoryChange, RunQuery
from sidecar.domain.runs import UNFINISHED_PHASES, HistoryState, KnownExperiment, Run
from sidecar.domain.unix_time import to_ms
from sidecar.litmus.reading import history_patience, history_plan, history_sweep
from sidecar.litmus.reading.history_plan import HistorySchedule, Task
from sidecar.litmus.reading.history_progress import (
    Increment,
    MissingRuns,
    Sweep,
    SweepKind,
    TotalCheck,
    dump_progress,
    load_progress,
)
from sidecar.litmus.reading.history_requests import RunRequests, changes_since
from sidecar.litmus.reading.run_index import RunIndex, merge_experiments
from sidecar.runtime.turns import in_slices

REREAD_FOR: Final = timedelta(days=7)
"""So long an unfinished run is looked after by the increment; then by the reconciliation alone."""
_EXPERIMENTS_REREAD: Final = 5

_log = structlog.get_logger(__name__)


class HistoryStep:
    """One step: the state it began with, and what it found."""

    def __init__(
        self,
        requests: RunRequests,
        history: History,
        *,
        state: HistoryState,
        snapshot: Snapshot,
        schedule: HistorySchedule,
        now: datetime,
        horizon_ms: int,
    ) -> None:
        self._requests = requests
        self._project = requests.project
        self._history = history
        self._state = msgspec.structs.replace(state, first_synced_at=state.first_synced_at or now)
        self._progress = load_progress(state.progress)
        self._snapshot = snapshot
        self._schedule = schedule
        self._now = now
        self._horizon_ms = horizon_ms
        self._listed: list[Run] = []
        """Runs that Litmus listed in this step."""
        self._found: list[Run] = []
        """Those that are new or changed."""
        self._removed: list[Run] = []
        self._experiments: list[KnownExperiment] = []

    async def take(self) -> None:
        """Do what is next."""
        await self._merge_experiments()
        match history_plan.next_task(self._progress, self._state, self._snapshot, self._schedule, self._now):
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
        progress = self._progress
        state = msgspec.structs.replace(self._state, progress=dump_progress(progress))
        change = HistoryChange(
            state=state, runs=self._found, experiments=self._experiments, removed_runs=self._removed
        )
        more = (
            progress.increment is not None
            or progress.sweep is not None
            or (state.watermark_ms is not None and progress.seen_version != self._snapshot.version)
            or history_plan.sweep_due(progress, state, self._snapshot, self._schedule, self._now) is not None
            or history_plan.count_due(progress, state, self._schedule, self._now)
        )
        return change, more

    def _update(self, **changes: object) -> None:
        self._progress = msgspec.structs.replace(self._progress, **changes)

    async def _merge_experiments(self) -> None:
        read_at = history_plan.experiments_read_at(self._snapshot)
        if read_at is None or read_at == self._progress.merged_at:
            return
        self._experiments, absent = await in_slices(
            merge_experiments.work(
                await self._history.experiments(self._project),
                self._snapshot.content.experiments or (),
                self._progress.absent,
                read_at=read_at,
                now=self._now,
            )
        )
        gone = [one.experiment_id for one in self._experiments if one.removed_at is not None]
        if gone:
            runs = await self._history.runs(self._project, RunQuery(experiment_ids=gone))
            self._removed += [run for run in runs if not run.removed]
        self._update(absent=absent, merged_at=read_at)

    # What changed

    async def _increment(self) -> None:
        increment = self._progress.increment or history_plan.begin_increment(
            self._progress, self._state.watermark_ms or 0, self._snapshot, self._schedule
        )
        if self._progress.increment is None:
            self._update(seen_version=self._snapshot.version)
        while not increment.reading.is_done and self._requests.left > 0:
            increment = await self._read_changes(increment)
        unfinished = await self._unread_unfinished(increment) if increment.reading.is_done else None
        if unfinished is None or not await self._read_again(unfinished):
            self._update(increment=increment)
            return
        self._requests.size.passed()
        stats = self._snapshot.content.run_stats
        self._update(
            increment=None, total_check=self._progress.total_check.after(stats.total if stats else None)
        )
        moments = (self._state.watermark_ms, increment.greatest_ms)
        self._state = msgspec.structs.replace(
            self._state,
            synced_at=self._now,
            watermark_ms=max((one for one in moments if one is not None), default=None),
        )

    async def _count(self) -> None:
        """Look whether Litmus has fewer runs of some experiments than we keep: then some were deleted."""
        batch = history_plan.count_batch(self._progress, self._snapshot)
        self._update(counted_at=self._now, counted_to=batch[-1] if batch else "")
        if not batch:
            return
        kept = await self._history.count(self._project, batch)
        if kept and await self._requests.total({"experimentIDs": batch}) < kept:
            self._update(short_experiments=batch)

    async def _read_changes(self, increment: Increment) -> Increment:
        page = await self._requests.page(changes_since(increment), increment.reading.offset)
        if not page.rows and increment.experiment_ids is None and await self._ranges_fail(increment):
            self._update(ranges_failed_at=self._now)
            return history_plan.by_experiment(increment, self._snapshot)
        known = await self._known(page.items)
        self._keep(page.items, known)
        settled = increment.experiment_ids is not None and all(known.is_settled(run) for run in page.items)
        plausible = [
            run.updated_at_ms for run in page.items if history_plan.is_plausible(run.updated_at_ms, self._now)
        ]
        if increment.greatest_ms is not None:
            plausible.append(increment.greatest_ms)
        return msgspec.structs.replace(
            increment,
            reading=increment.reading.after(page, self._requests.size.current, enough=settled),
            greatest_ms=max(plausible, default=None),
        )

    async def _ranges_fail(self, increment: Increment) -> bool:
        """Tell whether an empty answer is wrong: the range includes a run that Litmus has.

        The run is asked for by its id, because it may have been deleted.
        """
        reference_run = self._progress.reference_run
        if (
            reference_run is None
            or reference_run.updated_at_ms < increment.since_ms
            or self._requests.left <= 0
        ):
            return False
        page = await self._requests.page({"experimentRunIDs": [reference_run.experiment_run_id]})
        return any(run.updated_at_ms >= increment.since_ms for run in page.items)

    async def _unread_unfinished(self, increment: Increment) -> list[Run]:
        """Return stored unfinished runs that the increment did not cover and that are due to be asked for."""
        since_ms = max(self._horizon_ms, to_ms(self._now - REREAD_FOR))
        stored = await self._history.runs(
            self._project, RunQuery(since_ms=since_ms, phases=UNFINISHED_PHASES)
        )
        listed = RunIndex(self._listed)
        # A range that holds nothing, not even the run at the watermark, proves nothing.
        by_date = increment.experiment_ids is None and increment.reading.total
        uncovered = [
            run
            for run in stored
            if not run.removed
            and listed.find(run) is None
            and not (by_date and run.updated_at_ms >= increment.since_ms)
        ]
        self._update(unchanged=history_patience.still_waiting(self._progress.unchanged, uncovered))
        return history_patience.due_runs(
            uncovered, self._progress.unchanged, self._schedule.increment_every, self._now
        )

    async def _read_again(self, unfinished: Sequence[Run]) -> bool:
        """Read these runs; ``False`` if that needs another step."""
        ids = [run.experiment_run_id for run in unfinished if run.experiment_run_id]
        ids = ids[: self._requests.size.current]
        nameless = list(dict.fromkeys(run.experiment_id for run in unfinished if not run.experiment_run_id))
        nameless = nameless[:_EXPERIMENTS_REREAD]
        narrows: list[Mapping[str, object]] = []
        if ids:
            narrows.append({"experimentRunIDs": ids})
        if nameless:
            narrows.append({"experimentIDs": nameless})
        if len(narrows) > self._requests.left:
            return False
        for narrow in narrows:
            page = await self._requests.page(narrow)
            self._keep(page.items, await self._known(page.items))
        asked = [
            run
            for run in unfinished
            if (run.experiment_run_id in ids if run.experiment_run_id else run.experiment_id in nameless)
        ]
        unchanged = history_patience.after_look(
            self._progress.unchanged, asked, RunIndex(self._listed), self._now
        )
        self._update(unchanged=unchanged)
        return True

    # Everything, slowly

    async def _sweep(self) -> None:
        sweep = self._progress.sweep or self._begin_sweep()
        expected = history_sweep.expected_runs(self._snapshot)
        while True:
            if not sweep.batch:
                sweep = history_sweep.next_batch(sweep, expected)
            if not sweep.batch:
                self._end_sweep(sweep)
                return
            if self._requests.left <= 0:
                break
            narrow = {"experimentIDs": sweep.batch}
            page = await self._requests.page(narrow, sweep.reading.offset)
            self._keep(page.items, await self._known(page.items))
            sweep = history_sweep.after_page(sweep, page, self._requests.size.current)
            if sweep.reading.is_done:
                sweep = msgspec.structs.replace(await self._compare(sweep), batch=())
        self._update(sweep=sweep)

    def _begin_sweep(self) -> Sweep:
        kind = history_plan.sweep_due(self._progress, self._state, self._snapshot, self._schedule, self._now)
        if kind is SweepKind.BACK_FILL or kind is None:
            # Runs that change from here on are the increment's; Litmus's own time says from where.
            self._state = msgspec.structs.replace(
                self._state,
                watermark_ms=self._state.watermark_ms
                or history_plan.newest_change_ms(self._snapshot, self._now),
            )
            self._update(seen_version=self._snapshot.version)
        return history_sweep.begin_sweep(
            kind or SweepKind.BACK_FILL, self._progress, self._snapshot, self._horizon_ms
        )

    async def _compare(self, sweep: Sweep) -> Sweep:
        if sweep.kind is SweepKind.BACK_FILL:
            return sweep
        stored = await self._history.runs(
            self._project, RunQuery(experiment_ids=sweep.batch, since_ms=sweep.horizon_ms)
        )
        missing = history_sweep.missing_runs(sweep, stored)
        if sweep.kind in {SweepKind.COMPARE, SweepKind.LOOK}:
            return history_sweep.with_missing(sweep, missing)
        self._removed += history_sweep.missing_twice(self._progress.missing, missing)
        return sweep

    def _end_sweep(self, sweep: Sweep) -> None:
        missing = None
        if sweep.missing:
            missing = MissingRuns(runs=sweep.missing, experiment_ids=sweep.missing_in, found_at=self._now)
        self._update(sweep=None, missing=missing, short_experiments=())
        self._requests.size.passed()
        if sweep.left_out:
            _log.warning(
                "runs left out that Litmus gave no time or no data",
                project=str(self._project),
                runs=sweep.left_out,
            )
        if sweep.kind in {SweepKind.CONFIRM, SweepKind.LOOK}:
            return
        stats = self._snapshot.content.run_stats
        self._update(
            total_check=TotalCheck(total=stats.total if stats else None),
            # A Litmus that was upgraded since may be asked by date again.
            ranges_failed_at=None,
            # What was just listed needs no count.
            counted_at=self._now,
        )
        self._state = msgspec.structs.replace(
            self._state,
            is_complete=True,
            reconciled_at=self._now,
            synced_at=self._state.synced_at or self._now,
        )

    # What was listed

    async def _known(self, listed: Sequence[Run]) -> RunIndex:
        if not listed:
            return RunIndex(())
        times = [run.created_at_ms for run in listed]
        query = RunQuery(
            experiment_ids={run.experiment_id for run in listed},
            since_ms=min(times),
            until_ms=max(times) + 1,
        )
        return RunIndex(await self._history.runs(self._project, query))

    def _keep(self, listed: Sequence[Run], known: RunIndex) -> None:
        recent = [run for run in listed if run.created_at_ms >= self._horizon_ms]
        already = RunIndex(self._listed)
        new = sum(known.find(run) is None and already.find(run) is None for run in recent)
        self._listed += listed
        self._found += [run for run in recent if known.find(run) != run]
        total_check = self._progress.total_check
        self._update(
            reference_run=history_plan.newest_reference_run(self._progress.reference_run, listed, self._now),
            total_check=msgspec.structs.replace(total_check, found=total_check.found + new),
        )
