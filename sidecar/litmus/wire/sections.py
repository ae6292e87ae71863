"""The sections of a project as Litmus sends them, as tolerant private structs, and their way to the model.

The rules of ``values`` hold here too; runs of the history and manifests are in ``runs``.
"""

from collections.abc import Sequence
from typing import Annotated, Final

import msgspec

from sidecar.domain.model import Environment, Experiment, GitOps, Hub, Infra, RunStats
from sidecar.domain.runs import RecentRun
from sidecar.litmus.wire.values import (
    MOST_ROWS,
    Count,
    Id,
    NamedId,
    Number,
    Page,
    Rows,
    User,
    Wire,
    count,
    description,
    page_of,
    score,
    texts,
    time_ms,
    username_of,
    word,
)
from sidecar.runtime.turns import Work, interruptible

RECENT_RUNS: Final = 10
"""Litmus keeps at most ten; old data may hold more."""


class _Infra(Wire, frozen=True):
    infra_id: NamedId = msgspec.field(name="infraID")
    name: str | None = None
    environment_id: NamedId | None = msgspec.field(name="environmentID", default=None)
    is_active: bool | None = None
    infra_type: str | None = None
    infra_namespace: str | None = None
    infra_scope: str | None = None
    description: str | None = None
    platform_name: str | None = None
    version: str | None = None
    is_infra_confirmed: bool | None = None
    tags: list[str | None] | None = None
    created_at: Number = None
    updated_at: Number = None


class _RecentRun(Wire, frozen=True):
    experiment_run_id: Id | None = msgspec.field(name="experimentRunID", default=None)
    phase: str | None = None
    resiliency_score: Number = None
    run_sequence: Number = None
    created_at: Number = None
    updated_at: Number = None
    updated_by: User | None = None


class _Experiment(Wire, frozen=True):
    experiment_id: Id = msgspec.field(name="experimentID")
    name: str | None = None
    cron_syntax: str | None = None
    experiment_type: str | None = None
    description: str | None = None
    tags: list[str | None] | None = None
    infra: _Infra | None = None
    recent_experiment_run_details: list[_RecentRun | None] | None = None
    created_at: Number = None
    updated_at: Number = None
    created_by: User | None = None
    updated_by: User | None = None


class _Environment(Wire, frozen=True):
    environment_id: NamedId = msgspec.field(name="environmentID")
    name: str | None = None
    type: str | None = None
    infra_ids: list[str | None] | None = msgspec.field(name="infraIDs", default=None)
    tags: list[str | None] | None = None
    description: str | None = None
    is_removed: bool | None = None
    created_at: Number = None
    updated_at: Number = None
    created_by: User | None = None
    updated_by: User | None = None


class _Hub(Wire, frozen=True):
    id: NamedId
    name: str | None = None
    is_available: bool | None = None
    total_faults: Number = None
    total_experiments: Number = None
    description: str | None = None
    is_default: bool | None = None
    tags: list[str | None] | None = None


_Hubs = Annotated[list[_Hub | None], msgspec.Meta(max_length=MOST_ROWS)]


class _Experiments(Wire, frozen=True):
    total_no_of_experiments: Count
    experiments: Rows[_Experiment] = None


class _Infras(Wire, frozen=True):
    total_no_of_infras: Count
    infras: Rows[_Infra] = None


class _Environments(Wire, frozen=True):
    total_no_of_environments: Count
    environments: Rows[_Environment] = None


class _RunStats(Wire, frozen=True):
    total_experiment_runs: Count
    total_running_experiment_runs: Count
    total_completed_experiment_runs: Count
    total_terminated_experiment_runs: Count
    total_stopped_experiment_runs: Count
    total_errored_experiment_runs: Count


class _GitOps(Wire, frozen=True):
    enabled: bool


class _Version(Wire, frozen=True):
    value: Id


class _Started(Wire, frozen=True):
    notify_id: Id | None = msgspec.field(name="notifyID", default=None)


@interruptible
def experiments_page(answer: bytes | msgspec.Raw) -> Work[Page[Experiment]]:
    """Read ``listExperiment``."""
    wire = msgspec.json.decode(answer, type=_Experiments)
    return (yield from page_of(wire.total_no_of_experiments, wire.experiments, _experiment))


@interruptible
def infras_page(answer: bytes | msgspec.Raw) -> Work[Page[Infra]]:
    """Read ``listInfras``."""
    wire = msgspec.json.decode(answer, type=_Infras)
    return (yield from page_of(wire.total_no_of_infras, wire.infras, _infra))


@interruptible
def environments_page(answer: bytes | msgspec.Raw) -> Work[Page[Environment]]:
    """Read ``listEnvironments``, whose list is null when empty."""
    wire = msgspec.json.decode(answer, type=_Environments)
    return (yield from page_of(wire.total_no_of_environments, wire.environments, _environment))


def run_stats(answer: bytes | msgspec.Raw) -> RunStats:
    """Read ``getExperimentRunStats``."""
    wire = msgspec.json.decode(answer, type=_RunStats)
    return RunStats(
        total=wire.total_experiment_runs,
        running=wire.total_running_experiment_runs,
        completed=wire.total_completed_experiment_runs,
        terminated=wire.total_terminated_experiment_runs,
        stopped=wire.total_stopped_experiment_runs,
        errored=wire.total_errored_experiment_runs,
    )


def hubs(answer: bytes | msgspec.Raw) -> tuple[Hub, ...]:
    """Read ``listChaosHub``; the order is Litmus's, the built-in hub first."""
    wire = msgspec.json.decode(answer, type=_Hubs)
    return tuple(_hub(row) for row in wire if row is not None)


def gitops(answer: bytes | msgspec.Raw) -> GitOps:
    """Read ``getGitOpsDetails``."""
    return GitOps(enabled=msgspec.json.decode(answer, type=_GitOps).enabled)


def version(answer: bytes | msgspec.Raw) -> str:
    """Read ``getServerVersion``."""
    return msgspec.json.decode(answer, type=_Version).value


def notify_id(answer: bytes | msgspec.Raw) -> str:
    """Read ``runChaosExperiment``; ``""`` for a cron experiment."""
    return msgspec.json.decode(answer, type=_Started).notify_id or ""


def boolean(answer: bytes | msgspec.Raw) -> bool:
    """Read a mutation that answers with a bare boolean."""
    return msgspec.json.decode(answer, type=bool)


def any_answer(answer: bytes | msgspec.Raw) -> bool:  # noqa: ARG001 - that there is one says all
    """Take any answer for a yes."""
    return True


def _experiment(wire: _Experiment) -> Experiment:
    return Experiment(
        experiment_id=wire.experiment_id,
        name=word(wire.name) or "",
        cron_syntax=word(wire.cron_syntax) or "",
        experiment_type=word(wire.experiment_type),
        description=description(wire.description),
        tags=texts(wire.tags),
        # Litmus leaves the confirmation of an infrastructure inside an experiment at its zero value.
        infra=None if wire.infra is None else msgspec.structs.replace(_infra(wire.infra), is_confirmed=None),
        recent_runs=_recent_runs(wire.recent_experiment_run_details),
        created_at_ms=time_ms(wire.created_at),
        updated_at_ms=time_ms(wire.updated_at),
        created_by=username_of(wire.created_by),
        updated_by=username_of(wire.updated_by),
    )


def _recent_runs(wire: Sequence[_RecentRun | None] | None) -> tuple[RecentRun, ...]:
    runs = [_recent_run(row) for row in wire or () if row is not None]
    created = [run.created_at_ms for run in runs]
    if None not in created:
        # Litmus sends newest first; foreign or restored data may not. Stable, so equal times keep its order.
        runs.sort(key=lambda run: -(run.created_at_ms or 0))
    return tuple(runs[:RECENT_RUNS])


def _recent_run(wire: _RecentRun) -> RecentRun:
    return RecentRun(
        experiment_run_id=wire.experiment_run_id or "",
        phase=word(wire.phase) or "",
        resiliency_score=score(wire.resiliency_score),
        updated_at_ms=time_ms(wire.updated_at),
        created_at_ms=time_ms(wire.created_at),
        run_sequence=None if wire.run_sequence is None else count(wire.run_sequence),
        updated_by=username_of(wire.updated_by),
    )


def _infra(wire: _Infra) -> Infra:
    return Infra(
        infra_id=wire.infra_id,
        name=word(wire.name) or "",
        environment_id=wire.environment_id or "",
        is_active=bool(wire.is_active),
        infra_type=word(wire.infra_type),
        infra_namespace=word(wire.infra_namespace),
        infra_scope=word(wire.infra_scope),
        description=description(wire.description),
        platform_name=word(wire.platform_name),
        version=word(wire.version),
        is_confirmed=wire.is_infra_confirmed,
        tags=texts(wire.tags),
        created_at_ms=time_ms(wire.created_at),
        updated_at_ms=time_ms(wire.updated_at),
    )


def _environment(wire: _Environment) -> Environment:
    return Environment(
        environment_id=wire.environment_id,
        name=word(wire.name) or "",
        type=word(wire.type),
        infra_ids=texts(wire.infra_ids),
        tags=texts(wire.tags),
        description=description(wire.description),
        is_removed=bool(wire.is_removed),
        created_at_ms=time_ms(wire.created_at),
        updated_at_ms=time_ms(wire.updated_at),
        created_by=username_of(wire.created_by),
        updated_by=username_of(wire.updated_by),
    )


def _hub(wire: _Hub) -> Hub:
    return Hub(
        hub_id=wire.id,
        name=word(wire.name) or "",
        is_available=bool(wire.is_available),
        total_faults=count(wire.total_faults),
        total_experiments=count(wire.total_experiments),
        description=description(wire.description),
        is_default=wire.is_default,
        tags=texts(wire.tags),
    )
