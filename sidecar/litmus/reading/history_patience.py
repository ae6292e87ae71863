"""How often is asked again for runs that do not end: ever more seldom while nothing changes.

Pure. A run that does change is met by the increment; this is for what Litmus
changes without a word, such as a queued run that gains its id.
"""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Final

import msgspec

from sidecar.domain.runs import Run
from sidecar.litmus.reading.history_progress import Unchanged
from sidecar.litmus.reading.run_index import RunIndex
from sidecar.runtime.backoff import exponential_backoff

PATIENCE: Final = 3
"""So often a run may be found unchanged before it is asked for more seldom."""
LONGEST: Final = timedelta(days=1)


def pause_after_looks(times: int, every: timedelta) -> timedelta:
    """Return how long a run is left alone that was found unchanged so often; increments come ``every``."""
    if times < PATIENCE:
        return timedelta(0)
    return exponential_backoff(every, times - PATIENCE + 1, LONGEST)


def due_runs(
    runs: Iterable[Run], unchanged: Mapping[str, Unchanged], every: timedelta, now: datetime
) -> list[Run]:
    """Return those of the runs that may be asked for again."""
    due = []
    for run in runs:
        looks = unchanged.get(_key(run))
        if looks is None or now - looks.asked_at >= pause_after_looks(looks.times, every):
            due.append(run)
    return due


def still_waiting(unchanged: Mapping[str, Unchanged], runs: Iterable[Run]) -> dict[str, Unchanged]:
    """Return what is remembered of these runs; the others ended or moved."""
    keys = {_key(run) for run in runs}
    return {key: looks for key, looks in unchanged.items() if key in keys}


def after_look(
    unchanged: Mapping[str, Unchanged], asked: Collection[Run], listed: RunIndex, now: datetime
) -> dict[str, Unchanged]:
    """Return what is remembered once these runs were asked for and Litmus listed those."""
    result = dict(unchanged)
    for run in asked:
        found = listed.find(run)
        before = result.pop(_key(run), Unchanged(times=0, asked_at=now))
        if found is None or found == run:
            result[_key(run)] = msgspec.structs.replace(before, times=before.times + 1, asked_at=now)
    return result


def _key(run: Run) -> str:
    return run.experiment_run_id or f"{run.experiment_id}@{run.created_at_ms}"
