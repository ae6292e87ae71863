"""What the history already has, against what Litmus told just now.

Pure. Which runs are the same run is said at :class:`runs.Run`.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Final

import msgspec

from sidecar.domain.model import Experiment
from sidecar.domain.runs import UNFINISHED, KnownExperiment, Run
from sidecar.runtime.turns import Work, interruptible

AT_ONCE: Final = 100
"""Experiments compared without a pause, some tenths of a millisecond."""


class RunIndex:
    """Stored runs, found by identity."""

    def __init__(self, runs: Iterable[Run]) -> None:
        self._by_id: dict[tuple[str, str], Run] = {}
        self._by_birth: dict[tuple[str, int], Run] = {}
        for run in runs:
            if run.experiment_run_id:
                self._by_id[run.experiment_id, run.experiment_run_id] = run
            self._by_birth.setdefault((run.experiment_id, run.created_at_ms), run)

    def find(self, told: Run) -> Run | None:
        """Return the same run as it is stored; ``None`` if it is new."""
        known = self._by_id.get((told.experiment_id, told.experiment_run_id))
        if known is not None:
            return known
        born = self._by_birth.get((told.experiment_id, told.created_at_ms))
        if born is None or (born.experiment_run_id and told.experiment_run_id):
            return None
        return born

    def is_settled(self, told: Run) -> bool:
        """Tell whether the run is stored just so and will not change any more."""
        return told == self.find(told) and told.outcome not in UNFINISHED


@interruptible
def merge_experiments(
    known: Sequence[KnownExperiment],
    listed: Sequence[Experiment],
    absent: Mapping[str, datetime],
    *,
    read_at: datetime,
    now: datetime,
) -> Work[tuple[list[KnownExperiment], dict[str, datetime]]]:
    """Return what changes in the known experiments by a complete list, and which are absent from it.

    An experiment is removed once two lists, read at different times, lack it.
    """
    before = {one.experiment_id: one for one in known}
    told: dict[str, KnownExperiment] = {}
    for number, one in enumerate(listed):
        if number and number % AT_ONCE == 0:
            yield
        told[one.experiment_id] = _known(one, before.get(one.experiment_id), now)
    yield
    changes = [one for one in told.values() if one != before.get(one.experiment_id)]
    yield
    still_absent = {}
    for missing in known:
        if missing.experiment_id in told or missing.removed_at is not None:
            continue
        first = absent.get(missing.experiment_id, read_at)
        if first == read_at:
            still_absent[missing.experiment_id] = first
        else:
            changes.append(msgspec.structs.replace(missing, removed_at=now))
    return changes, still_absent


def _known(listed: Experiment, before: KnownExperiment | None, now: datetime) -> KnownExperiment:
    infra_id = listed.infra.infra_id if listed.infra else (before.infra_id if before else None)
    return KnownExperiment(
        experiment_id=listed.experiment_id,
        name=listed.name,
        infra_id=infra_id,
        tags=listed.tags,
        first_seen_at=before.first_seen_at if before else now,
    )
