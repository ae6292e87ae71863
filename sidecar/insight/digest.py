"""A project's runs packed for reckoning: parallel arrays in order of creation, a note per experiment.

Made once per version of the history (some twenty bytes per run), then every
window is two bisections. Arrays are never changed after they were made.
"""

import math
from array import array
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import cached_property
from typing import Final

import msgspec

from sidecar.domain.runs import UNFINISHED, KnownExperiment, Outcome, Run

OUTCOMES: Final = tuple(Outcome)
"""The outcome of each code in :attr:`ProjectRuns.outcomes`."""
FAILURES: Final = frozenset({Outcome.PROBE_FAILED, Outcome.ERROR, Outcome.TIMEOUT})
"""Outcomes that make a row of failures longer; a passed run ends it, all others leave it as it is."""
BASELINE_RUNS: Final = 10
"""At most so many scored runs before the latest make the score it is compared with."""
_CODES: Final = {outcome: code for code, outcome in enumerate(OUTCOMES)}
_UNSCORED: Final = math.nan
GOES_ON: Final = 2**63 - 1
"""The end of a run that has none yet."""


class ExperimentRuns(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """An experiment, and what its runs come to whatever the window."""

    experiment_id: str
    name: str
    infra_id: str | None
    tags: tuple[str, ...]
    first_seen_at: datetime | None
    """``None`` when the history has only runs of it."""
    removed: bool
    """Deleted in Litmus; its runs stay in windows, it leaves the score now and the attention list."""
    last_run_at_ms: int | None
    """Creation of its last run; ``None``: it never ran."""
    last_outcome: Outcome | None
    last_run_score: float | None
    """Of its last run; ``None`` also where that is not scored, as long as it runs, say."""
    latest_score: float | None
    """Of its latest scored run, one deleted in Litmus since included; ``None`` without any."""
    latest_scored_at_ms: int | None
    baseline_score: float | None
    """Mean of at most :data:`BASELINE_RUNS` scored runs before the latest; ``None`` without any."""
    failures_in_row: int
    """Failures since the last passed run; stopped and unfinished runs are passed over."""
    failing_since_ms: int | None
    """Creation of the first of those failures."""


class ProjectRuns(msgspec.Struct, frozen=True, kw_only=True, weakref=True, dict=True):
    """All runs of a project, oldest first; position n of every array is the same run."""

    created_at_ms: "array[int]"
    ended_at_ms: "array[int]"
    """:data:`GOES_ON` while it runs; creation where its agent never began it."""
    scores: "array[float]"
    """NaN where the run is not scored."""
    outcomes: bytes
    """Codes into :data:`OUTCOMES`."""
    experiment_indexes: "array[int]"
    """Positions in :attr:`experiments`."""
    experiments: tuple[ExperimentRuns, ...]
    """By experiment id, those without runs and removed ones included."""
    unfinished: tuple[Run, ...]
    """Runs that are running or waiting and were not deleted."""

    def span(self, since_ms: int, until_ms: int) -> tuple[int, int]:
        """Return the positions ``[first, last)`` of the runs created in ``[since, until)``."""
        return bisect_left(self.created_at_ms, since_ms), bisect_left(self.created_at_ms, until_ms)

    def index_of(self, experiment_id: str) -> int | None:
        """Return the experiment's position in :attr:`experiments`; ``None`` if it is unknown."""
        index = bisect_left(self.experiments, experiment_id, key=lambda one: one.experiment_id)
        known = index < len(self.experiments) and self.experiments[index].experiment_id == experiment_id
        return index if known else None

    def created_of(self, experiment_id: str, since_ms: int, until_ms: int) -> list[int]:
        """Return when the experiment's runs of ``[since, until)`` were created, ascending."""
        return [created for created, _ in self.spans_of(experiment_id, since_ms, until_ms)]

    def spans_of(self, experiment_id: str, since_ms: int, until_ms: int) -> list[tuple[int, int]]:
        """Return creation and end of the experiment's runs created in ``[since, until)``, ascending."""
        index = self.index_of(experiment_id)
        if index is None:
            return []
        created, ended = self._spans_by_index[index]
        first, last = bisect_left(created, since_ms), bisect_left(created, until_ms)
        return list(zip(created[first:last], ended[first:last], strict=True))

    def unfinished_of(self, experiment_id: str) -> Sequence[Run]:
        """Return the experiment's runs that are running or waiting."""
        return self._unfinished_by_id.get(experiment_id, ())

    @cached_property
    def _spans_by_index(self) -> "Sequence[tuple[array[int], array[int]]]":
        found = [(array("q"), array("q")) for _ in self.experiments]
        rows = zip(self.created_at_ms, self.ended_at_ms, self.experiment_indexes, strict=True)
        for created, ended, owner in rows:
            found[owner][0].append(created)
            found[owner][1].append(ended)
        return found

    @cached_property
    def _unfinished_by_id(self) -> Mapping[str, Sequence[Run]]:
        found: defaultdict[str, list[Run]] = defaultdict(list)
        for run in self.unfinished:
            found[run.experiment_id].append(run)
        return dict(found)


def project_runs(runs: Iterable[Run], experiments: Iterable[KnownExperiment] = ()) -> ProjectRuns:
    """Pack runs, each given once and in any order, and the experiments the history knows."""
    ordered = sorted(runs, key=_order)
    known = {experiment.experiment_id: experiment for experiment in experiments}
    by_experiment: dict[str, list[Run]] = {experiment_id: [] for experiment_id in known}
    for run in ordered:
        by_experiment.setdefault(run.experiment_id, []).append(run)
    ids = sorted(by_experiment)
    position = {experiment_id: index for index, experiment_id in enumerate(ids)}
    return ProjectRuns(
        created_at_ms=array("q", [run.created_at_ms for run in ordered]),
        ended_at_ms=array("q", [_ended(run) for run in ordered]),
        scores=array("d", [_score(run) for run in ordered]),
        outcomes=bytes(_CODES[run.outcome] for run in ordered),
        experiment_indexes=array("I", [position[run.experiment_id] for run in ordered]),
        experiments=tuple(_experiment(one, known.get(one), by_experiment[one]) for one in ids),
        unfinished=tuple(run for run in ordered if run.outcome in UNFINISHED and not run.removed),
    )


def narrow(runs: ProjectRuns, experiment_ids: Collection[str]) -> ProjectRuns:
    """Return the part of these experiments alone."""
    kept = [index for index, one in enumerate(runs.experiments) if one.experiment_id in experiment_ids]
    renumbered = {old: new for new, old in enumerate(kept)}
    rows = [row for row, owner in enumerate(runs.experiment_indexes) if owner in renumbered]
    return ProjectRuns(
        created_at_ms=array("q", [runs.created_at_ms[row] for row in rows]),
        ended_at_ms=array("q", [runs.ended_at_ms[row] for row in rows]),
        scores=array("d", [runs.scores[row] for row in rows]),
        outcomes=bytes(runs.outcomes[row] for row in rows),
        experiment_indexes=array("I", [renumbered[runs.experiment_indexes[row]] for row in rows]),
        experiments=tuple(runs.experiments[index] for index in kept),
        unfinished=tuple(run for run in runs.unfinished if run.experiment_id in experiment_ids),
    )


def _order(run: Run) -> tuple[int, str, int, str, int, str]:
    sequence = run.run_sequence or 0
    return (
        run.created_at_ms,
        run.experiment_id,
        sequence,
        run.experiment_run_id,
        run.updated_at_ms,
        run.phase,
    )


def _ended(run: Run) -> int:
    """Return when the run ended; its last change is its end."""
    if run.outcome not in UNFINISHED or run.removed:
        return run.updated_at_ms
    # Without an id it only waits in Litmus: the cluster has nothing of it.
    return GOES_ON if run.experiment_run_id else run.created_at_ms


def _score(run: Run) -> float:
    score = run.resiliency_score
    return score if score is not None and run.is_scored else _UNSCORED


def _experiment(experiment_id: str, known: KnownExperiment | None, runs: Sequence[Run]) -> ExperimentRuns:
    scored = [run for run in runs if run.is_scored]
    before = [_score(run) for run in scored[-1 - BASELINE_RUNS : -1]]
    failures = list(_latest_failures(runs))
    return ExperimentRuns(
        experiment_id=experiment_id,
        name=known.name if known else runs[-1].experiment_name,
        infra_id=known.infra_id if known else None,
        tags=known.tags if known else (),
        first_seen_at=known.first_seen_at if known else None,
        removed=known is not None and known.removed_at is not None,
        last_run_at_ms=runs[-1].created_at_ms if runs else None,
        last_outcome=runs[-1].outcome if runs else None,
        last_run_score=_score(runs[-1]) if runs and runs[-1].is_scored else None,
        latest_score=_score(scored[-1]) if scored else None,
        latest_scored_at_ms=scored[-1].created_at_ms if scored else None,
        baseline_score=math.fsum(before) / len(before) if before else None,
        failures_in_row=len(failures),
        failing_since_ms=failures[-1].created_at_ms if failures else None,
    )


def _latest_failures(runs: Sequence[Run]) -> Iterator[Run]:
    """Yield the failures since the last passed run, newest first."""
    for run in reversed(runs):
        if run.outcome is Outcome.PASSED:
            return
        if run.outcome in FAILURES:
            yield run
