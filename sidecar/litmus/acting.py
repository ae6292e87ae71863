"""Acts in one Litmus instance: each call sends at most one mutation, and tells whether it may have been done.

After an error the question is only this: did Litmus accept it or not? Refusals
and requests that never left say no; everything else may have been committed.
"""

from collections.abc import Awaitable, Iterable, Mapping
from typing import Any, Final, TypeVar

import msgspec

from sidecar.domain.action import Change
from sidecar.domain.errors import (
    AccessDeniedError,
    BadRequestError,
    TokenRejectedError,
    UpstreamAnswerLostError,
    UpstreamAuthAwayError,
    UpstreamBusyError,
    UpstreamError,
    UpstreamHostRefusedError,
    UpstreamPausedError,
    UpstreamRefusedError,
    UpstreamUncheckedError,
    UpstreamUnsupportedError,
)
from sidecar.domain.model import Experiment
from sidecar.domain.runs import OUTCOME_OF_PHASE, UNFINISHED, RecentRun, Run
from sidecar.litmus.transport.auth_availability import NOT_SENT
from sidecar.litmus.transport.client import LitmusClient
from sidecar.litmus.wire.documents import (
    EXPERIMENTS,
    MUTATIONS,
    RUNS,
    Query,
    pagination,
)

T = TypeVar("T")

ACTION_TIMEOUT_SECONDS: Final = 30.0
LOOK_UP_TIMEOUT_SECONDS: Final = 6.0
"""Before an action somebody waits; Litmus hangs while its auth server is away."""
ROWS: Final = 10
"""An id finds one experiment; a few more in case Litmus ever matches loosely."""
RUN_ROWS: Final = 100
"""More unfinished runs of one experiment than anybody has."""
_UNFINISHED_PHASES: Final = sorted(
    phase for phase, outcome in OUTCOME_OF_PHASE.items() if outcome in UNFINISHED
)

NOT_DONE: Final = (
    AccessDeniedError,
    TokenRejectedError,
    UpstreamAuthAwayError,
    UpstreamBusyError,
    UpstreamHostRefusedError,
    UpstreamPausedError,
    UpstreamUncheckedError,
    UpstreamUnsupportedError,
)
"""Answers, or reasons not to ask, after which Litmus certainly did nothing."""


class LitmusActor:
    """Implements :class:`~sidecar.domain.ports.Actor` over the client of one instance."""

    def __init__(self, client: LitmusClient) -> None:
        self._client = client

    async def find_experiment(
        self, project_id: str, experiment_id: str, run_id: str | None = None
    ) -> Experiment | None:
        """See :meth:`ports.Actor.find_experiment`; one small request."""
        variables = {
            "projectID": project_id,
            "experiments": {"experimentIDs": [experiment_id], **pagination(0, ROWS)},
            "runs": _runs_wanted(experiment_id, run_id),
        }
        queries: tuple[Query[Any], ...] = (EXPERIMENTS, RUNS)
        answer = await self._client.ask(queries, variables, LOOK_UP_TIMEOUT_SECONDS, is_urgent=True)
        for error in answer.failed.values():
            raise error  # Either failure takes the other's answer with it.
        experiments, runs = answer.value(EXPERIMENTS).items, answer.value(RUNS).items
        found = next((one for one in experiments if one.experiment_id == experiment_id), None)
        return None if found is None else _with_runs(found, runs)

    async def recent_runs(self, project_id: str, experiment_id: str) -> tuple[RecentRun, ...]:
        """See :meth:`ports.Actor.recent_runs`."""
        wanted = {"experimentIDs": [experiment_id], **pagination(0, RUN_ROWS)}
        variables = {"projectID": project_id, "runs": wanted}
        answer = await self._client.ask([RUNS], variables, LOOK_UP_TIMEOUT_SECONDS, is_urgent=True)
        return tuple(_recent(run) for run in answer.value(RUNS).items if run.experiment_id == experiment_id)

    async def change(
        self,
        change: Change,
        project_id: str,
        experiment_id: str,
        arguments: Mapping[str, str | bool] | None = None,
    ) -> str | bool:
        """See :meth:`ports.Actor.change`."""
        return await _once(send_change(self._client, change, project_id, experiment_id, arguments))


async def send_change(
    client: LitmusClient,
    change: Change,
    project_id: str,
    experiment_id: str,
    arguments: Mapping[str, str | bool] | None = None,
) -> str | bool:
    """Send a mutation, once, and return its answer; see :class:`~sidecar.domain.action.Change`.

    Never retried: after an error other than a refusal Litmus may have done it.

    Raises:
        BadRequestError: If an argument is empty. A stop without an id Litmus could take for one of
            all runs: it marks what it finds and tells no agent.
    """
    given = arguments or {}
    empty = next((name for name, value in given.items() if value == ""), None)
    if empty is not None:
        raise BadRequestError(f"Nothing was sent: {empty} is empty.", parameter=empty)
    variables = {"projectID": project_id, "experimentID": experiment_id, **given}
    return await client.run(MUTATIONS[change], variables, ACTION_TIMEOUT_SECONDS)


async def _once(call: Awaitable[T]) -> T:
    try:
        return await call
    except UpstreamRefusedError as exc:
        raise exc.refusal from None
    except UpstreamError as exc:
        # A plain UpstreamError is Litmus's own answer: its resolver failed.
        if type(exc) is UpstreamError or isinstance(exc, NOT_DONE) or isinstance(exc.__cause__, NOT_SENT):
            raise
        raise UpstreamAnswerLostError(
            f"Answer lost: Litmus may have done it, the next synchronisation will show. {exc}"
        ) from exc


def _runs_wanted(experiment_id: str, run_id: str | None) -> dict[str, object]:
    """Return the request for the one run, or with ``None`` for the unfinished ones, however old."""
    if run_id is not None:
        which: dict[str, object] = {"experimentRunIDs": [run_id]}
    else:
        which = {"filter": {"experimentRunStatus": _UNFINISHED_PHASES}}
    return {"experimentIDs": [experiment_id], **which, **pagination(0, RUN_ROWS)}


def _with_runs(experiment: Experiment, runs: Iterable[Run]) -> Experiment:
    """Return the experiment with what its list of runs says of these, before what its recent list says.

    The recent list is a copy which Litmus keeps badly: only what it calls finished is taken from it.
    """
    told = tuple(_recent(run) for run in runs if run.experiment_id == experiment.experiment_id)
    known = {(run.experiment_run_id, run.created_at_ms) for run in told}
    rest = tuple(
        run
        for run in experiment.recent_runs
        if run.outcome not in UNFINISHED and (run.experiment_run_id, run.created_at_ms) not in known
    )
    return msgspec.structs.replace(experiment, recent_runs=told + rest)


def _recent(run: Run) -> RecentRun:
    return RecentRun(
        experiment_run_id=run.experiment_run_id,
        phase=run.phase,
        resiliency_score=run.resiliency_score,
        updated_at_ms=run.updated_at_ms,
        created_at_ms=run.created_at_ms,
        run_sequence=run.run_sequence,
        updated_by=run.updated_by,
    )
