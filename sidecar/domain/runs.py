"""Runs of experiments, recent and of the history, and what they came to. As plain immutable values.

Times of Litmus are whole Unix milliseconds (``…_at_ms``), our own are aware ``datetime`` in UTC.
"""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Final

import msgspec


class Outcome(StrEnum):
    """What a run came to, in our words; the raw phase is always kept beside it."""

    PASSED = "passed"
    PROBE_FAILED = "probe_failed"
    ERROR = "error"
    STOPPED = "stopped"
    TIMEOUT = "timeout"
    RUNNING = "running"
    WAITING = "waiting"
    OTHER = "other"


OUTCOME_OF_PHASE: Final[Mapping[str, Outcome]] = {
    "Completed": Outcome.PASSED,
    "Succeeded": Outcome.PASSED,
    "Completed_With_Probe_Failure": Outcome.PROBE_FAILED,
    "Error": Outcome.ERROR,
    "Completed_With_Error": Outcome.ERROR,
    "Stopped": Outcome.STOPPED,
    "Terminated": Outcome.STOPPED,
    "Timeout": Outcome.TIMEOUT,
    "Running": Outcome.RUNNING,
    "Queued": Outcome.WAITING,
    "Pending": Outcome.WAITING,
}
"""The one table from Litmus's phases to outcomes; a phase that is not here is ``OTHER``."""
UNFINISHED: Final = frozenset({Outcome.RUNNING, Outcome.WAITING})
UNFINISHED_PHASES: Final = frozenset(
    phase for phase, outcome in OUTCOME_OF_PHASE.items() if outcome in UNFINISHED
)


def outcome_of(phase: str) -> Outcome:
    """Return the outcome of a phase; Litmus's phases are an open set."""
    return OUTCOME_OF_PHASE.get(phase, Outcome.OTHER)


SCORED: Final = frozenset({Outcome.PASSED, Outcome.PROBE_FAILED, Outcome.ERROR})
"""Outcomes whose score is a result; the 0 of a stopped or unfinished run is a placeholder."""


class RecentRun(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One of the at most ten recent runs that Litmus lists with an experiment."""

    experiment_run_id: str
    """``""`` until the agent's first event; several queued runs share it."""
    phase: str
    """As Litmus wrote it; an open set."""
    resiliency_score: float | None
    """0 to 100. ``None`` or a placeholder 0 until the run finishes."""
    updated_at_ms: int | None
    created_at_ms: int | None = None
    run_sequence: int | None = None
    updated_by: str | None = None
    """Who started the run; ``""`` for schedules and stopped runs, ``None`` if Litmus sent no user."""

    @property
    def outcome(self) -> Outcome:
        """The outcome of :attr:`phase`."""
        return outcome_of(self.phase)


class Faults(msgspec.Struct, frozen=True, kw_only=True):
    """How the faults of a finished run ended; counts."""

    passed: int
    failed: int
    awaited: int
    stopped: int
    na: int
    total: int


class Run(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One run in the history of a project.

    Two of these are the same run if their experiment is and their
    ``experiment_run_id`` is (where both have one), else their ``created_at_ms``:
    Litmus gives the run id only with the agent's first event.
    """

    experiment_id: str
    experiment_name: str
    experiment_run_id: str
    """``""`` until the agent's first event."""
    phase: str
    """As Litmus wrote it; an open set."""
    resiliency_score: float | None
    """0 to 100; ``None`` where Litmus sent none. A placeholder 0 unless :attr:`is_scored`."""
    created_at_ms: int
    updated_at_ms: int
    run_sequence: int | None = None
    updated_by: str | None = None
    """Who started the run; ``""`` for schedules and stopped runs, ``None`` if unknown."""
    faults: Faults | None = None
    """``None`` until the run is finished."""
    removed: bool = False
    """Deleted in Litmus since (the run or its experiment); kept here until retention."""

    @property
    def outcome(self) -> Outcome:
        """The outcome of :attr:`phase`."""
        return outcome_of(self.phase)

    @property
    def is_scored(self) -> bool:
        """Whether the score is a result rather than Litmus's placeholder."""
        return self.resiliency_score is not None and self.outcome in SCORED


class KnownExperiment(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What the history remembers of an experiment, also after Litmus deleted it."""

    experiment_id: str
    name: str
    infra_id: str | None
    tags: tuple[str, ...] = ()
    first_seen_at: datetime
    removed_at: datetime | None = None
    """When its absence was confirmed (two complete readings); ``None`` while Litmus has it."""


class HistoryState(msgspec.Struct, frozen=True, kw_only=True):
    """How far the history of a project reaches."""

    version: int = 0
    """Rises with every change of a run or known experiment of the project."""
    watermark_ms: int | None = None
    """Greatest ``updatedAt`` Litmus sent so far; ``None`` before the first run. Never our clock."""
    is_complete: bool = False
    """Whether the back-fill reached the beginning (or retention); before, figures say so."""
    first_synced_at: datetime | None = None
    synced_at: datetime | None = None
    """Last success of an incremental reading."""
    reconciled_at: datetime | None = None
    """Last time the whole list was compared."""
    progress: bytes = b""
    """The collector's own notes (back-fill position, suspects of deletion); opaque to the store."""
