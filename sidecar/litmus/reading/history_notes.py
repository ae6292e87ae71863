"""The collector's own notes between two steps of reading the history, and what follows from them.

Pure: what to read next, how far a list was read, which runs are missing from
it. The notes travel as :attr:`HistoryState.progress`; notes of another
release are dropped, and then work begins anew without losing a run.
"""

import hashlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

import msgspec

from sidecar.domain.model import Experiment, HistoryState, Run, Section, Snapshot
from sidecar.domain.unreadable import UNREADABLE
from sidecar.litmus.wire.values import Page

RUNS_PER_PAGE: Final = 50
FUTURE: Final = timedelta(days=1)
"""A run changed later than this from now has a wrong clock: it is kept, but moves no watermark."""
MAX_RESTARTS: Final = 3
_SMALL: Final = 10
"""Litmus lists ten recent runs; with fewer, an experiment has hardly more runs than are listed."""
_EXPERIMENTS_PER_BATCH: Final = 20
_DIGEST_BYTES: Final = 8


class HistoryPace(msgspec.Struct, frozen=True, kw_only=True):
    """How often, and how far back, the history is read."""

    overlap: timedelta = timedelta(minutes=5)
    """The increment begins so long before the watermark: agents' clocks differ."""
    increment_every: timedelta = timedelta(minutes=10)
    """At the latest, while the snapshot shows no change."""
    reconcile_every: timedelta = timedelta(days=1)
    unexplained_after: timedelta = timedelta(hours=1)
    """Shortest time between two reconciliations, however odd the totals are."""
    confirm_after: timedelta = timedelta(minutes=5)
    """Between the two passes that confirm a deletion."""


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """How far a list was read that is longer than a step."""

    offset: int = 0
    """Rows read; pages may have shrunk since, so not a number of pages."""
    total: int | None = None
    restarts: int = 0
    is_done: bool = False

    def after(self, page: Page[Run], size: int, *, enough: bool = False) -> "Reading":
        """Return the position behind a page of ``size`` that begins at or before :attr:`offset`.

        A list that became shorter moved rows to pages already read, so it is
        read again from its beginning. ``enough`` ends it here.
        """
        shrunk = self.total is not None and page.total < self.total
        if shrunk and self.restarts < MAX_RESTARTS:
            return Reading(restarts=self.restarts + 1)
        offset = (self.offset // size + 1) * size
        return Reading(
            offset=offset,
            total=page.total,
            restarts=self.restarts,
            is_done=enough or not page.rows or offset >= page.total,
        )


class Increment(msgspec.Struct, frozen=True, kw_only=True):
    """A reading of what changed since the watermark."""

    since_ms: int
    experiment_ids: tuple[str, ...] | None = None
    """``None``: by date. Else the date range is of no use (Litmus before 3.18), and the newest
    runs of these experiments are read instead."""
    reading: Reading = Reading()
    greatest_ms: int | None = None
    """Greatest ``updatedAt`` met so far that is no nonsense."""


class SweepKind(StrEnum):
    """Why every experiment's runs are read."""

    BACK_FILL = "backFill"
    COMPARE = "compare"
    LOOK = "look"
    """Of a few experiments, of which Litmus has fewer runs than we."""
    CONFIRM = "confirm"


class Sweep(msgspec.Struct, frozen=True, kw_only=True):
    """A reading of the runs of many experiments, batch by batch, newest first."""

    kind: SweepKind
    horizon_ms: int
    """Runs created before are beyond retention, and not read."""
    pending: tuple[str, ...]
    """Experiments not begun, by id."""
    batch: tuple[str, ...] = ()
    reading: Reading = Reading()
    seen: bytes = b""
    """Digests of the batch's runs that Litmus listed."""
    born: bytes = b""
    """The same by creation, which finds a run that gained its id."""
    timeless: int = 0
    """Rows of the batch without any time, which cannot be kept."""
    is_doubtful: bool = False
    """Whether the batch had null elements or broke off: it says nothing about what is missing."""
    suspects: bytes = b""
    suspected_experiments: tuple[str, ...] = ()
    left_out: int = 0
    """Rows that could not be kept, in all."""


class Suspects(msgspec.Struct, frozen=True, kw_only=True):
    """Runs that a complete pass did not find; another one decides."""

    runs: bytes
    """Digests of their identities."""
    experiment_ids: tuple[str, ...]
    found_at: datetime


class Anchor(msgspec.Struct, frozen=True, kw_only=True):
    """A run that Litmus has for certain, to tell an empty date range from one that matches nothing."""

    experiment_run_id: str
    updated_at_ms: int


class Balance(msgspec.Struct, frozen=True, kw_only=True):
    """Litmus's total of runs against the runs we found since both were known to agree."""

    total: int | None = None
    """Litmus's total then."""
    found: int = 0
    """New runs found since."""
    off: int = 0
    """The difference at the last increment."""
    is_unexplained: bool = False
    """Whether the difference stayed: a total that runs ahead of the list for a moment is no news."""

    def after(self, total: int | None) -> "Balance":
        """Return the balance at an increment's end."""
        if total is None or self.total is None:
            return Balance(total=total, found=0) if self.total is None else self
        off = total - self.total - self.found
        return msgspec.structs.replace(self, off=off, is_unexplained=off != 0 and off == self.off)


class Notes(msgspec.Struct, frozen=True, kw_only=True):
    """Everything the collector remembers of one project beside the public state."""

    format: int = 1
    increment: Increment | None = None
    sweep: Sweep | None = None
    suspects: Suspects | None = None
    anchor: Anchor | None = None
    ranges_failed_at: datetime | None = None
    """When a date range matched nothing though it should have; ``None``: they work as far as we know."""
    followed_at: datetime | None = None
    """Attempt of the snapshot whose list of experiments was taken in last."""
    absent: dict[str, datetime] = {}
    """Known experiments that the snapshot lacks, with its attempt that lacked them first."""
    seen_version: int | None = None
    """Content version of the snapshot at the last increment."""
    balance: Balance = Balance()
    counted_at: datetime | None = None
    """When runs kept were last counted against Litmus's, a batch of experiments at a time."""
    counted_to: str = ""
    """Last experiment of the batch counted then; the next batch begins behind it."""
    doubted: tuple[str, ...] = ()
    """Experiments of which Litmus has fewer runs than we: some were deleted."""


def load_notes(progress: bytes) -> Notes:
    """Return the notes of a state; empty ones if there are none that can be read."""
    try:
        notes = msgspec.msgpack.decode(progress, type=Notes)
    except UNREADABLE:
        return Notes()
    return notes if notes.format == Notes().format else Notes()


def dump_notes(notes: Notes) -> bytes:
    """Return the notes as bytes for a state."""
    return msgspec.msgpack.encode(notes)


class Task(StrEnum):
    """What a step does."""

    INCREMENT = "increment"
    SWEEP = "sweep"
    COUNT = "count"
    NOTHING = "nothing"


def next_task(
    notes: Notes, state: HistoryState, snapshot: Snapshot, pace: HistoryPace, now: datetime
) -> Task:
    """Return what is to be done now: what just changed goes before what is only thorough."""
    if notes.increment is not None:
        return Task.INCREMENT
    sweeping = notes.sweep is not None or sweep_due(notes, state, snapshot, pace, now) is not None
    if state.watermark_ms is None:
        return Task.SWEEP if sweeping else Task.NOTHING
    last = state.synced_at or state.first_synced_at or now
    if notes.seen_version != snapshot.version or now - last >= pace.increment_every:
        return Task.INCREMENT
    if count_due(notes, state, pace, now):
        return Task.COUNT
    return Task.SWEEP if sweeping else Task.INCREMENT


def sweep_due(
    notes: Notes, state: HistoryState, snapshot: Snapshot, pace: HistoryPace, now: datetime
) -> SweepKind | None:
    """Return which sweep is to begin; ``None`` if none is."""
    since = None if state.reconciled_at is None else now - state.reconciled_at
    unwatched = state.watermark_ms is None and newest_change_ms(snapshot, now) is not None
    if not state.is_complete or unwatched:
        return SweepKind.BACK_FILL
    if notes.suspects is not None and now - notes.suspects.found_at >= pace.confirm_after:
        return SweepKind.CONFIRM
    if notes.doubted:
        return SweepKind.LOOK
    unexplained = notes.balance.is_unexplained
    if since is None or since >= (pace.unexplained_after if unexplained else pace.reconcile_every):
        return SweepKind.COMPARE
    return None


def begin_sweep(kind: SweepKind, notes: Notes, snapshot: Snapshot, horizon_ms: int) -> Sweep:
    """Return a sweep over the experiments that Litmus has, those with few runs first.

    Experiments that are gone need none: Litmus deletes their runs with them.
    """
    counts = run_counts(snapshot)
    ids: Iterable[str] = counts
    if kind is SweepKind.CONFIRM and notes.suspects is not None:
        ids = [one for one in notes.suspects.experiment_ids if one in counts]
    elif kind is SweepKind.LOOK:
        ids = [one for one in notes.doubted if one in counts]
    pending = tuple(sorted(ids, key=lambda one: counts[one] >= _SMALL))
    return Sweep(kind=kind, horizon_ms=horizon_ms, pending=pending)


def count_due(notes: Notes, state: HistoryState, pace: HistoryPace, now: datetime) -> bool:
    """Tell whether runs kept should be counted against Litmus's: deletions are invisible to the increment.

    Not while a sweep compares them anyway, or found what the next one is to confirm.
    """
    is_busy = notes.sweep is not None or notes.suspects is not None or bool(notes.doubted)
    is_due = notes.counted_at is None or now - notes.counted_at >= pace.increment_every
    return state.is_complete and state.watermark_ms is not None and is_due and not is_busy


def count_batch(notes: Notes, snapshot: Snapshot) -> tuple[str, ...]:
    """Return the experiments to count next, in turn; those that never ran need no count."""
    ids = sorted(one for one, number in run_counts(snapshot).items() if number)
    following = [one for one in ids if one > notes.counted_to]
    return tuple((following or ids)[:_EXPERIMENTS_PER_BATCH])


def next_batch(sweep: Sweep, counts: Mapping[str, int]) -> Sweep:
    """Return the sweep with its next batch begun; an empty batch means that it is at its end.

    Experiments with few runs share a page; each with many is read alone, because
    every page of a list makes Litmus join all runs of the list.
    """
    pending = [one for one in sweep.pending if one in counts]
    batch: list[str] = []
    rows = 0
    while pending and len(batch) < _EXPERIMENTS_PER_BATCH:
        rows += counts[pending[0]]
        if batch and (counts[pending[0]] >= _SMALL or rows > RUNS_PER_PAGE):
            break
        batch.append(pending.pop(0))
        if counts[batch[-1]] >= _SMALL:
            break
    return msgspec.structs.replace(
        sweep,
        pending=tuple(pending),
        batch=tuple(batch),
        reading=Reading(),
        seen=b"",
        born=b"",
        timeless=0,
        is_doubtful=False,
    )


def take_in(sweep: Sweep, page: Page[Run], size: int) -> Sweep:
    """Return the sweep after a page of its batch."""
    beyond = bool(page.items) and all(run.created_at_ms < sweep.horizon_ms for run in page.items)
    reading = sweep.reading.after(page, size, enough=beyond)
    if reading.restarts > sweep.reading.restarts:
        return msgspec.structs.replace(sweep, reading=reading, seen=b"", born=b"", timeless=0)
    timeless = page.rows - page.nulls - len(page.items)
    ended_early = not page.rows and page.total > sweep.reading.offset
    shrunk = sweep.reading.total is not None and page.total < sweep.reading.total
    return msgspec.structs.replace(
        sweep,
        reading=reading,
        seen=sweep.seen + b"".join(_digest(run) for run in page.items),
        born=sweep.born + b"".join(_digest_of_birth(run) for run in page.items),
        timeless=sweep.timeless + timeless,
        is_doubtful=sweep.is_doubtful or page.nulls > 0 or ended_early or shrunk,
        left_out=sweep.left_out + timeless + page.nulls,
    )


def missing_runs(sweep: Sweep, stored: Iterable[Run]) -> list[Run]:
    """Return the stored runs that the batch, now read, did not list; none if it is not to be trusted."""
    seen, born = _digests(sweep.seen), _digests(sweep.born)
    reading = sweep.reading
    was_whole = reading.total is not None and reading.offset >= reading.total
    if sweep.is_doubtful or (was_whole and len(seen) + sweep.timeless < (reading.total or 0)):
        return []
    return [
        run
        for run in stored
        if not run.removed
        and run.created_at_ms >= sweep.horizon_ms
        and (_digest(run) not in seen if run.experiment_run_id else _digest_of_birth(run) not in born)
    ]


def suspect(sweep: Sweep, missing: Sequence[Run]) -> Sweep:
    """Return the sweep with these runs noted as missing."""
    if not missing:
        return sweep
    return msgspec.structs.replace(
        sweep,
        suspects=sweep.suspects + b"".join(_digest(run) for run in missing),
        suspected_experiments=(*sweep.suspected_experiments, *sorted({run.experiment_id for run in missing})),
    )


def confirmed(suspects: Suspects | None, missing: Iterable[Run]) -> list[Run]:
    """Return those of the missing runs that were missing in the pass before, too."""
    known = _digests(suspects.runs) if suspects else frozenset()
    return [run for run in missing if _digest(run) in known]


def newest_change_ms(snapshot: Snapshot, now: datetime) -> int | None:
    """Return the greatest ``updatedAt`` among recent runs; ``None`` if there is none that makes sense."""
    return max(
        (
            run.updated_at_ms
            for experiment in snapshot.content.experiments or ()
            for run in experiment.recent_runs
            if run.updated_at_ms is not None and is_plausible(run.updated_at_ms, now)
        ),
        default=None,
    )


def is_plausible(moment_ms: int, now: datetime) -> bool:
    """Tell whether Litmus may have written the time by now."""
    return moment_ms <= to_ms(now + FUTURE)


def begin_increment(notes: Notes, watermark_ms: int, snapshot: Snapshot, pace: HistoryPace) -> Increment:
    """Return the reading of what changed since the watermark, or since the anchor if that is older."""
    since_ms = watermark_ms - pace.overlap // timedelta(milliseconds=1)
    if notes.anchor is not None:
        since_ms = min(since_ms, notes.anchor.updated_at_ms)
    if notes.ranges_failed_at is None:
        return Increment(since_ms=since_ms)
    return by_experiment(Increment(since_ms=since_ms), snapshot)


def by_experiment(increment: Increment, snapshot: Snapshot) -> Increment:
    """Return the increment for a Litmus whose date range matches nothing."""
    ids = tuple(
        experiment.experiment_id
        for experiment in snapshot.content.experiments or ()
        if any((run.updated_at_ms or 0) >= increment.since_ms for run in experiment.recent_runs)
    )
    return msgspec.structs.replace(increment, experiment_ids=ids, reading=Reading(is_done=not ids))


def best_anchor(anchor: Anchor | None, runs: Iterable[Run], now: datetime) -> Anchor | None:
    """Return the latest changed run with an id that makes sense, of the runs and the anchor before."""
    best = anchor
    for run in runs:
        if (
            run.experiment_run_id
            and is_plausible(run.updated_at_ms, now)
            and (best is None or run.updated_at_ms >= best.updated_at_ms)
        ):
            best = Anchor(experiment_run_id=run.experiment_run_id, updated_at_ms=run.updated_at_ms)
    return best


def run_counts(snapshot: Snapshot) -> dict[str, int]:
    """Return how many recent runs each experiment lists, by id."""
    experiments: Collection[Experiment] = snapshot.content.experiments or ()
    return {experiment.experiment_id: len(experiment.recent_runs) for experiment in experiments}


def experiments_read_at(snapshot: Snapshot) -> datetime | None:
    """Return when the list of experiments was read; ``None`` if the last attempt did not bring it whole."""
    freshness = snapshot.freshness.get(Section.EXPERIMENTS)
    if freshness is None or freshness.error is not None or Section.EXPERIMENTS in snapshot.restored:
        return None
    return freshness.succeeded_at


def to_ms(moment: datetime) -> int:
    """Return whole Unix milliseconds."""
    return int(moment.timestamp() * 1000)


def _digest(run: Run) -> bytes:
    return _hashed(run.experiment_id, run.experiment_run_id or f"@{run.created_at_ms}")


def _digest_of_birth(run: Run) -> bytes:
    return _hashed(run.experiment_id, f"@{run.created_at_ms}")


def _hashed(*parts: str) -> bytes:
    text = "\n".join(parts).encode(errors="surrogatepass")
    return hashlib.blake2b(text, digest_size=_DIGEST_BYTES).digest()


def _digests(joined: bytes) -> frozenset[bytes]:
    return frozenset(joined[start : start + _DIGEST_BYTES] for start in range(0, len(joined), _DIGEST_BYTES))
