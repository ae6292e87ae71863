"""Runs and manifests as Litmus sends them, and their mapping to the model.

Beside ``values``, whose rules hold here too: tolerant of what Litmus leaves
empty, strict about identifiers, nothing repaired.
"""

import msgspec

from sidecar.domain.runs import UNFINISHED, Faults, Run, outcome_of
from sidecar.litmus.wire.manifests import ScheduleSpec, parse_manifest
from sidecar.litmus.wire.values import (
    Count,
    Id,
    Number,
    Page,
    Rows,
    User,
    Wire,
    count,
    page_of,
    score,
    time_ms,
    username_of,
    word,
)
from sidecar.runtime.turns import Work, interruptible


class ManifestRow(msgspec.Struct, frozen=True, kw_only=True):
    """What was kept of one experiment's manifest."""

    experiment_id: str
    updated_at_ms: int | None
    spec: ScheduleSpec | None
    """``None`` where the manifest is missing or none of a schedule."""


class _Run(Wire, frozen=True):
    experiment_id: Id = msgspec.field(name="experimentID")
    experiment_run_id: Id | None = msgspec.field(name="experimentRunID", default=None)
    experiment_name: str | None = None
    phase: str | None = None
    resiliency_score: Number = None
    run_sequence: Number = None
    created_at: Number = None
    updated_at: Number = None
    faults_passed: Number = None
    faults_failed: Number = None
    faults_awaited: Number = None
    faults_stopped: Number = None
    faults_na: Number = None
    total_faults: Number = None
    updated_by: User | None = None


class _Runs(Wire, frozen=True):
    total_no_of_experiment_runs: Count
    experiment_runs: Rows[_Run] = None


class _Manifest(Wire, frozen=True):
    experiment_id: Id = msgspec.field(name="experimentID")
    updated_at: Number = None
    experiment_manifest: str | None = None


class _Manifests(Wire, frozen=True):
    total_no_of_experiments: Count
    experiments: Rows[_Manifest] = None


@interruptible
def runs_page(answer: bytes | msgspec.Raw) -> Work[Page[Run]]:
    """Read ``listExperimentRun``; a run without any time is left out, it could not be told from others."""
    wire = msgspec.json.decode(answer, type=_Runs)
    return (yield from page_of(wire.total_no_of_experiment_runs, wire.experiment_runs, _run))


@interruptible
def manifests_page(answer: bytes | msgspec.Raw) -> Work[Page[ManifestRow]]:
    """Read ``listExperiment`` with manifests, keeping of each only what :class:`ScheduleSpec` holds."""
    wire = msgspec.json.decode(answer, type=_Manifests)
    # A manifest is a document of its own, of many lines.
    return (yield from page_of(wire.total_no_of_experiments, wire.experiments, _manifest, at_once=1))


def _manifest(wire: _Manifest) -> ManifestRow:
    return ManifestRow(
        experiment_id=wire.experiment_id,
        updated_at_ms=time_ms(wire.updated_at),
        spec=parse_manifest(wire.experiment_manifest or ""),
    )


def _run(wire: _Run) -> Run | None:
    updated_at_ms = time_ms(wire.updated_at)
    created_at_ms = time_ms(wire.created_at) or updated_at_ms
    if created_at_ms is None:
        return None
    phase = word(wire.phase) or ""
    return Run(
        experiment_id=wire.experiment_id,
        experiment_name=word(wire.experiment_name) or "",
        experiment_run_id=wire.experiment_run_id or "",
        phase=phase,
        resiliency_score=score(wire.resiliency_score),
        created_at_ms=created_at_ms,
        updated_at_ms=updated_at_ms or created_at_ms,
        run_sequence=None if wire.run_sequence is None else count(wire.run_sequence),
        updated_by=username_of(wire.updated_by),
        # While it runs Litmus counts 0 of everything, also of faults in total.
        faults=None if wire.total_faults is None or outcome_of(phase) in UNFINISHED else _faults(wire),
    )


def _faults(wire: _Run) -> Faults:
    return Faults(
        passed=count(wire.faults_passed),
        failed=count(wire.faults_failed),
        awaited=count(wire.faults_awaited),
        stopped=count(wire.faults_stopped),
        na=count(wire.faults_na),
        total=count(wire.total_faults),
    )
