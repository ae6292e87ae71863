"""A sweep: the runs of all experiments, or of some, read batch by batch and compared with those stored.

Pure. Runs are remembered as digests between two steps: they may be many.
"""

import hashlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Final

import msgspec

from sidecar.domain.model import Experiment, Snapshot
from sidecar.domain.runs import Run
from sidecar.litmus.reading.history_progress import (
    HistoryProgress,
    ListPosition,
    MissingRuns,
    Sweep,
    SweepKind,
)
from sidecar.litmus.wire.values import Page

RUNS_PER_PAGE: Final = 50
EXPERIMENTS_PER_BATCH: Final = 20
_SMALL: Final = 10
"""Litmus lists ten recent runs; with fewer, an experiment has hardly more runs than are listed."""
_DIGEST_BYTES: Final = 8


def begin_sweep(kind: SweepKind, progress: HistoryProgress, snapshot: Snapshot, horizon_ms: int) -> Sweep:
    """Return a sweep over the experiments that Litmus has, those with few runs first.

    Experiments that are gone need none: Litmus deletes their runs with them.
    """
    counts = run_counts(snapshot)
    ids: Iterable[str] = counts
    if kind is SweepKind.CONFIRM and progress.missing is not None:
        ids = [one for one in progress.missing.experiment_ids if one in counts]
    elif kind is SweepKind.LOOK:
        ids = [one for one in progress.short_experiments if one in counts]
    pending = tuple(sorted(ids, key=lambda one: counts[one] >= _SMALL))
    return Sweep(kind=kind, horizon_ms=horizon_ms, pending=pending)


def next_batch(sweep: Sweep, expected: Mapping[str, int]) -> Sweep:
    """Return the sweep with its next batch begun; an empty batch means that it is at its end.

    Experiments share a page as far as their expected runs fit it, and no more, because
    every page of a list makes Litmus join all runs of the list.
    """
    pending = [one for one in sweep.pending if one in expected]
    batch: list[str] = []
    rows = 0
    while pending and len(batch) < EXPERIMENTS_PER_BATCH:
        rows += expected[pending[0]]
        if batch and rows > RUNS_PER_PAGE:
            break
        batch.append(pending.pop(0))
    return msgspec.structs.replace(
        sweep,
        pending=tuple(pending),
        batch=tuple(batch),
        reading=ListPosition(),
        seen=b"",
        born=b"",
        timeless=0,
        is_doubtful=False,
    )


def after_page(sweep: Sweep, page: Page[Run], size: int) -> Sweep:
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


def with_missing(sweep: Sweep, missing: Sequence[Run]) -> Sweep:
    """Return the sweep with these runs noted as missing."""
    if not missing:
        return sweep
    return msgspec.structs.replace(
        sweep,
        missing=sweep.missing + b"".join(_digest(run) for run in missing),
        missing_in=(*sweep.missing_in, *sorted({run.experiment_id for run in missing})),
    )


def missing_twice(before: MissingRuns | None, missing: Iterable[Run]) -> list[Run]:
    """Return those of the missing runs that were missing in the pass before, too."""
    known = _digests(before.runs) if before else frozenset()
    return [run for run in missing if _digest(run) in known]


def run_counts(snapshot: Snapshot) -> dict[str, int]:
    """Return how many recent runs each experiment lists, by id."""
    experiments: Collection[Experiment] = snapshot.content.experiments or ()
    return {experiment.experiment_id: len(experiment.recent_runs) for experiment in experiments}


def expected_runs(snapshot: Snapshot) -> dict[str, int]:
    """Return how many runs each experiment may have, by id.

    As many as it lists, if it lists all; those with more share evenly what Litmus counts in all beside
    these. Wrong by much, a batch merely has more pages, or is less than a page.
    """
    counts = run_counts(snapshot)
    listed = sum(number for number in counts.values() if number < _SMALL)
    large = sum(number >= _SMALL for number in counts.values())
    stats = snapshot.content.run_stats
    share = -(-(stats.total - listed) // large) if stats is not None and large else _SMALL
    return {one: number if number < _SMALL else max(share, _SMALL) for one, number in counts.items()}


def _digest(run: Run) -> bytes:
    return _hashed(run.experiment_id, run.experiment_run_id or f"@{run.created_at_ms}")


def _digest_of_birth(run: Run) -> bytes:
    return _hashed(run.experiment_id, f"@{run.created_at_ms}")


def _hashed(*parts: str) -> bytes:
    text = "\n".join(parts).encode(errors="surrogatepass")
    return hashlib.blake2b(text, digest_size=_DIGEST_BYTES).digest()


def _digests(joined: bytes) -> frozenset[bytes]:
    return frozenset(joined[start : start + _DIGEST_BYTES] for start in range(0, len(joined), _DIGEST_BYTES))
