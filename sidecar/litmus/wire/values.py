"""What Litmus sends, as tolerant private structs, and its mapping to the model.

Nullable and oddly typed fields are accepted as they come (``null``, ``""``,
numbers as text, null list elements); an identifier that is no text, or a list
that is no list, is a different shape and fails its section. Nothing is
repaired here: healing for the plugin belongs to ``replica``.
"""

import math
from collections.abc import Callable, Sequence
from typing import Annotated, Final, Generic, TypeVar

import msgspec

from sidecar.domain.model import Environment, Experiment, GitOps, Hub, Infra, RunStats
from sidecar.domain.runs import RecentRun
from sidecar.runtime.turns import Work, interruptible

T = TypeVar("T")
R = TypeVar("R")

RECENT_RUNS: Final = 10
"""Litmus keeps at most ten; old data may hold more."""

_SMALLEST_MILLISECONDS: Final = 10**11
_LARGEST_MILLISECONDS: Final = 253_402_300_799_999
_LARGEST_COUNT: Final = 2**53

LONGEST_ID: Final = 256
"""Characters of what runs are kept by; Litmus makes UUIDs. An index of PostgreSQL takes two of these."""
LONGEST_NAMED_ID: Final = 1_024
"""Characters of an id that people make of a name: an environment's, an infrastructure's, a hub's."""
LONGEST_WORD: Final = 1_024
"""Characters that are kept of a name, a tag, a phase, a cron text."""
LONGEST_TEXT: Final = 16_384
"""Characters that are kept of a description."""
MOST_ROWS: Final = 10_000
"""Of one answer; a hundred are asked for at once."""
ROWS_AT_ONCE: Final = 10
"""Mapped without a pause, of experiments with their recent runs about a quarter of a millisecond."""
MOST_WORDS: Final = 1_000
"""Tags and the like that are kept of one row."""

Count = Annotated[int, msgspec.Meta(ge=0, le=_LARGEST_COUNT)]
Id = Annotated[str, msgspec.Meta(max_length=LONGEST_ID)]
NamedId = Annotated[str, msgspec.Meta(max_length=LONGEST_NAMED_ID)]
Rows = Annotated[list[T | None], msgspec.Meta(max_length=MOST_ROWS)] | None
Number = str | int | float | None
"""Litmus writes times and some counts as text, and some as numbers."""


class Page(msgspec.Struct, Generic[T], frozen=True, kw_only=True):
    """One page of a list."""

    total: int
    """Rows of the whole list, by Litmus's count; a page past the end may say 0."""
    rows: int
    """Elements Litmus sent, null and unusable ones included."""
    items: tuple[T, ...]
    nulls: int = 0
    """Null elements: rows that Litmus has and could not give."""


def time_ms(value: Number) -> int | None:
    """Return whole Unix milliseconds; ``None`` for unset (``"0"``, ``""``, null) and for what is no time.

    Milliseconds before 1973 cannot occur, so smaller figures are seconds: Litmus's agents write seconds in
    places, and stored data holds both side by side. Beyond the year 9999 no calendar can show it.
    """
    number = _number(value)
    if number is None or number <= 0:
        return None
    milliseconds = int(number * 1000 if number < _SMALLEST_MILLISECONDS else number)
    return milliseconds if milliseconds <= _LARGEST_MILLISECONDS else None


def count(value: Number) -> int:
    """Return a count that Litmus may send as text; 0 where it sent none."""
    number = _number(value)
    return int(number) if number is not None and 0 <= number <= _LARGEST_COUNT else 0


def score(value: Number) -> float | None:
    """Return a resiliency score as sent; ``None`` without one."""
    number = _number(value)
    return None if number is None else float(number)


def _number(value: Number) -> int | float | None:
    if value is None:
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    if not math.isfinite(number):
        return None
    return value if isinstance(value, int) else number


class Wire(msgspec.Struct, frozen=True, rename="camel"):
    """Base of what Litmus sends: unknown fields are ignored, so a newer Litmus may add some."""


class User(Wire, frozen=True):
    """Who did something; Litmus fills only the name."""

    username: str | None = None


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


def truth(answer: bytes | msgspec.Raw) -> bool:
    """Read a mutation that answers with a bare boolean."""
    return msgspec.json.decode(answer, type=bool)


def anything(answer: bytes | msgspec.Raw) -> bool:  # noqa: ARG001 - that there is one says all
    """Take any answer for a yes."""
    return True


def page_of(
    total: int,
    rows: Sequence[R | None] | None,
    mapping: Callable[[R], T | None],
    *,
    at_once: int = ROWS_AT_ONCE,
) -> Work[Page[T]]:
    """Return a page of mapped rows, without null elements and what ``mapping`` has ``None`` for."""
    rows = rows or ()
    items: list[T] = []
    for number, row in enumerate(rows):
        # The first pause parts the mapping from the decoding.
        if number % at_once == 0:
            yield
        mapped = None if row is None else mapping(row)
        if mapped is not None:
            items.append(mapped)
    return Page(total=total, rows=len(rows), items=tuple(items), nulls=sum(row is None for row in rows))


def word(value: str | None) -> str | None:
    """Return a short text; of a longer one what is kept."""
    return None if value is None else value[:LONGEST_WORD]


def _description(value: str | None) -> str | None:
    return None if value is None else value[:LONGEST_TEXT]


def _texts(values: Sequence[str | None] | None) -> tuple[str, ...]:
    return tuple(value[:LONGEST_WORD] for value in (values or ())[:MOST_WORDS] if value is not None)


def username_of(user: User | None) -> str | None:
    """Return the name, ``""`` for an unnamed user, ``None`` without a user."""
    return None if user is None else word(user.username) or ""


def _experiment(wire: _Experiment) -> Experiment:
    return Experiment(
        experiment_id=wire.experiment_id,
        name=word(wire.name) or "",
        cron_syntax=word(wire.cron_syntax) or "",
        experiment_type=word(wire.experiment_type),
        description=_description(wire.description),
        tags=_texts(wire.tags),
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
        description=_description(wire.description),
        platform_name=word(wire.platform_name),
        version=word(wire.version),
        is_confirmed=wire.is_infra_confirmed,
        tags=_texts(wire.tags),
        created_at_ms=time_ms(wire.created_at),
        updated_at_ms=time_ms(wire.updated_at),
    )


def _environment(wire: _Environment) -> Environment:
    return Environment(
        environment_id=wire.environment_id,
        name=word(wire.name) or "",
        type=word(wire.type),
        infra_ids=_texts(wire.infra_ids),
        tags=_texts(wire.tags),
        description=_description(wire.description),
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
        description=_description(wire.description),
        is_default=wire.is_default,
        tags=_texts(wire.tags),
    )
