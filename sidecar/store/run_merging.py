"""Which runs are the same run, what becomes of one when Litmus tells more, and which count.

Pure; the rules are in :class:`runs.Run` and :meth:`ports.History.totals`.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable

import msgspec

from sidecar.domain.runs import UNFINISHED, Outcome, Run

Key = tuple[str, str]
"""Experiment, and the identity of the run in it."""


def key_of(run: Run) -> Key:
    """Return the key a run is stored under; it changes once, when the run gains its id."""
    return run.experiment_id, run.experiment_run_id or f"@{run.created_at_ms}"


class RunMerge:
    """Merges what Litmus tells into the known runs of one project, found by identity."""

    def __init__(
        self,
        runs: Iterable[Run] = (),
        *,
        counted: Collection[Key] = (),
        pruned_before_ms: int | None = None,
    ) -> None:
        """Begin with what is known.

        Args:
            runs: Known runs.
            counted: Those of them that are in the totals already.
            pruned_before_ms: See :attr:`pruned_before_ms`.
        """
        self.counted = set(counted)
        """Keys of the runs that are in the totals."""
        self.newly_counted: Counter[tuple[str, Outcome]] = Counter()
        """Runs that were counted by this merge, by experiment and outcome."""
        self.pruned_before_ms = pruned_before_ms
        """Runs created before were forgotten: one that is told anew may have been counted already."""
        self._runs: dict[Key, Run] = {}
        self._at: defaultdict[tuple[str, int], set[Key]] = defaultdict(set)
        for run in runs:
            self._add(run)

    def find(self, run: Run) -> Run | None:
        """Return the same run as it is known here."""
        known = self._runs.get(key_of(run))
        if known is not None:
            return known
        if run.experiment_run_id:
            return self._runs.get((run.experiment_id, f"@{run.created_at_ms}"))
        same = self._at.get((run.experiment_id, run.created_at_ms))
        return self._runs[min(same)] if same else None

    def put(self, run: Run) -> bool:
        """Take in a run as Litmus tells it now, and count it when due; tell whether that changed anything."""
        known = self.find(run)
        merged = run if known is None else _newer(known, run)
        was_counted = self._was_pruned(run) if known is None else key_of(known) in self.counted
        counts = not was_counted and merged.outcome not in UNFINISHED
        if merged == known and not counts:
            return False
        if known is not None:
            self.drop(known)
        self._add(merged)
        if was_counted or counts:
            self.counted.add(key_of(merged))
        if counts:
            self.newly_counted[merged.experiment_id, merged.outcome] += 1
        return True

    def mark_removed(self, run: Run) -> bool:
        """Mark a run as deleted in Litmus; tell whether that changed anything."""
        known = self.find(run)
        if known is None or known.removed:
            return False
        self._runs[key_of(known)] = msgspec.structs.replace(known, removed=True)
        return True

    def drop(self, run: Run) -> None:
        """Forget a run that is known here."""
        key = key_of(run)
        del self._runs[key]
        self.counted.discard(key)
        at = (run.experiment_id, run.created_at_ms)
        self._at[at].discard(key)
        if not self._at[at]:
            del self._at[at]

    def by_key(self) -> dict[Key, Run]:
        """Return all runs by key."""
        return dict(self._runs)

    def _was_pruned(self, run: Run) -> bool:
        return self.pruned_before_ms is not None and run.created_at_ms < self.pruned_before_ms

    def _add(self, run: Run) -> None:
        key = key_of(run)
        self._runs[key] = run
        self._at[run.experiment_id, run.created_at_ms].add(key)


def _newer(known: Run, incoming: Run) -> Run:
    """Return the later state of one run: an id once given stays, and Litmus listing it means it is there."""
    if (incoming.updated_at_ms, bool(incoming.experiment_run_id)) < (
        known.updated_at_ms,
        bool(known.experiment_run_id),
    ):
        return msgspec.structs.replace(known, removed=incoming.removed)
    return msgspec.structs.replace(
        incoming, experiment_run_id=incoming.experiment_run_id or known.experiment_run_id
    )
