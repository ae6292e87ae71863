"""Runs, experiments and the state of a history as rows, and back."""

from collections.abc import Sequence
from typing import Any, Final

import msgspec
from sqlalchemy import Row, and_, func

from sidecar.domain.runs import Faults, HistoryState, KnownExperiment, Run
from sidecar.domain.unix_time import from_ms, to_ms
from sidecar.store.json_columns import JsonColumn
from sidecar.store.run_merging import key_of
from sidecar.store.schema import known_experiments, runs
from sidecar.store.statements import safe_int, safe_text


class StoredState(msgspec.Struct, frozen=True, kw_only=True):
    """A project's state as its row has it."""

    state: HistoryState
    revision: int
    """Rises with every write of the row; 0: there is none."""


def storable_run(run: Run) -> Run:
    """Return the run with values both engines keep, before identities are compared."""
    return msgspec.structs.replace(
        run,
        experiment_id=safe_text(run.experiment_id),
        experiment_name=safe_text(run.experiment_name),
        experiment_run_id=safe_text(run.experiment_run_id),
        phase=safe_text(run.phase),
        created_at_ms=safe_int(run.created_at_ms),
        updated_at_ms=safe_int(run.updated_at_ms),
        run_sequence=None if run.run_sequence is None else safe_int(run.run_sequence),
        updated_by=None if run.updated_by is None else safe_text(run.updated_by),
    )


def run_values(project: int, run: Run) -> dict[str, object]:
    """Return the columns of a run."""
    faults = run.faults
    counts = faults and [
        faults.passed,
        faults.failed,
        faults.awaited,
        faults.stopped,
        faults.na,
        faults.total,
    ]
    return {
        "project": project,
        "experiment_id": run.experiment_id,
        "identity": key_of(run)[1],
        "experiment_run_id": run.experiment_run_id,
        "experiment_name": run.experiment_name,
        "phase": run.phase,
        "resiliency_score": run.resiliency_score,
        "created_at_ms": run.created_at_ms,
        "updated_at_ms": run.updated_at_ms,
        "run_sequence": run.run_sequence,
        "updated_by": run.updated_by,
        "faults": counts and msgspec.json.encode(counts).decode(),
        "removed": run.removed,
    }


RUN_COLUMNS: Final = tuple(runs.c[field.name] for field in msgspec.structs.fields(Run))
"""The columns of a run, in the order of its fields: they are read by the thousand."""
OF_EXPERIMENT: Final = and_(
    known_experiments.c.project == runs.c.project,
    known_experiments.c.experiment_id == runs.c.experiment_id,
)
NAMED_COLUMNS: Final = tuple(
    func.coalesce(known_experiments.c.name, column) if column.name == "experiment_name" else column
    for column in RUN_COLUMNS
)
"""The same for readers: a run bears the name that its experiment has now, as in Litmus."""
_FAULTS_AT: Final = next(place for place, column in enumerate(RUN_COLUMNS) if column.name == "faults")
_COUNTS: Final = msgspec.json.Decoder(tuple[int, int, int, int, int, int])
_TAGS: Final = msgspec.json.Decoder(tuple[str, ...])
_RUN_FAULTS: Final = JsonColumn("runs")
_EXPERIMENT_TAGS: Final = JsonColumn("known_experiments")
_RUN_FIELDS: Final = tuple(column.name for column in RUN_COLUMNS)


def run_of(row: Sequence[Any]) -> Run:
    """Return the run of a row with :data:`RUN_COLUMNS`."""
    values = dict(zip(_RUN_FIELDS, row, strict=True))
    if row[_FAULTS_AT] is not None:
        values["faults"] = _faults(row[_FAULTS_AT], (values["experiment_id"], values["experiment_run_id"]))
    return Run(**values)


def _faults(text: str, run: tuple[str, str]) -> Faults | None:
    counts = _RUN_FAULTS.read(_COUNTS, run, text)
    if counts is None:
        return None
    passed, failed, awaited, stopped, na, total = counts
    return Faults(passed=passed, failed=failed, awaited=awaited, stopped=stopped, na=na, total=total)


def experiment_values(project: int, one: KnownExperiment) -> dict[str, object]:
    """Return the columns of an experiment."""
    return {
        "project": project,
        "experiment_id": safe_text(one.experiment_id),
        "name": safe_text(one.name),
        "infra_id": None if one.infra_id is None else safe_text(one.infra_id),
        "tags": msgspec.json.encode(one.tags).decode(),
        "first_seen_at_ms": to_ms(one.first_seen_at),
        "removed_at_ms": None if one.removed_at is None else to_ms(one.removed_at),
    }


EXPERIMENT_COLUMNS: Final = tuple(
    known_experiments.c[name]
    for name in ("experiment_id", "name", "infra_id", "tags", "first_seen_at_ms", "removed_at_ms")
)
"""The columns of an experiment, in the order that :func:`experiment_of` takes them in."""


def experiment_of(row: Sequence[Any]) -> KnownExperiment:
    """Return the experiment of a row with :data:`EXPERIMENT_COLUMNS`."""
    experiment_id, name, infra_id, tags, first_seen_at_ms, removed_at_ms = row
    return KnownExperiment(
        experiment_id=experiment_id,
        name=name,
        infra_id=infra_id,
        tags=_EXPERIMENT_TAGS.read(_TAGS, experiment_id, tags) or (),
        first_seen_at=from_ms(first_seen_at_ms),
        removed_at=from_ms(removed_at_ms),
    )


def state_values(state: HistoryState) -> dict[str, object]:
    """Return the columns of a state, except project and revision."""
    return {
        "version": state.version,
        "watermark_ms": state.watermark_ms,
        "is_complete": state.is_complete,
        "first_synced_at_ms": state.first_synced_at and to_ms(state.first_synced_at),
        "synced_at_ms": state.synced_at and to_ms(state.synced_at),
        "reconciled_at_ms": state.reconciled_at and to_ms(state.reconciled_at),
        "progress": state.progress,
    }


def storable_state(state: HistoryState) -> HistoryState:
    """Return the state with times as the columns keep them.

    Else it would seem to change when it is read back, and every answer made from it with it.
    """
    return msgspec.structs.replace(
        state,
        first_synced_at=state.first_synced_at and from_ms(to_ms(state.first_synced_at)),
        synced_at=state.synced_at and from_ms(to_ms(state.synced_at)),
        reconciled_at=state.reconciled_at and from_ms(to_ms(state.reconciled_at)),
    )


def state_of(row: Row[Any]) -> StoredState:
    """Return the state of a row."""
    state = HistoryState(
        version=row.version,
        watermark_ms=row.watermark_ms,
        is_complete=row.is_complete,
        first_synced_at=from_ms(row.first_synced_at_ms),
        synced_at=from_ms(row.synced_at_ms),
        reconciled_at=from_ms(row.reconciled_at_ms),
        progress=row.progress,
    )
    return StoredState(state=state, revision=row.revision)
