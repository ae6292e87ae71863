"""Acts in one Litmus instance: each call sends at most one mutation, and tells whether it may have been done.

After an error the question is only this: did Litmus take it or not? Refusals
and requests that never left say no; everything else may have been committed.
"""

from collections.abc import Awaitable
from typing import Final, TypeVar

from sidecar.errors import (
    AccessDeniedError,
    TokenRejectedError,
    UpstreamAnswerLostError,
    UpstreamAuthAwayError,
    UpstreamBusyError,
    UpstreamError,
    UpstreamHostRefusedError,
    UpstreamPausedError,
    UpstreamUncheckedError,
    UpstreamUnsupportedError,
)
from sidecar.litmus.client import LitmusClient
from sidecar.litmus.documents import EXPERIMENTS, pagination
from sidecar.litmus.doubt import NOT_SENT
from sidecar.model import Experiment

T = TypeVar("T")

LOOK_UP_TIMEOUT_SECONDS: Final = 15.0
ROWS: Final = 10
"""An id finds one experiment; a few more in case Litmus ever matches loosely."""

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
    """Implements :class:`~sidecar.ports.Actor` over the client of one instance."""

    def __init__(self, client: LitmusClient) -> None:
        self._client = client

    async def find_experiment(self, project_id: str, experiment_id: str) -> Experiment | None:
        """See :meth:`ports.Actor.find_experiment`; one small read."""
        variables = {
            "projectID": project_id,
            "experiments": {"experimentIDs": [experiment_id], **pagination(0, ROWS)},
        }
        answer = await self._client.ask([EXPERIMENTS], variables, LOOK_UP_TIMEOUT_SECONDS, is_urgent=True)
        page = answer.value(EXPERIMENTS)
        return next((one for one in page.items if one.experiment_id == experiment_id), None)

    async def run_experiment(self, project_id: str, experiment_id: str) -> str:
        """See :meth:`ports.Actor.run_experiment`."""
        return await _once(self._client.run_experiment(project_id, experiment_id))

    async def stop_runs(self, project_id: str, experiment_id: str, run_id: str | None) -> None:
        """See :meth:`ports.Actor.stop_runs`."""
        await _once(self._client.stop_runs(project_id, experiment_id, run_id))

    async def switch_schedule(self, project_id: str, experiment_id: str, *, suspended: bool) -> None:
        """See :meth:`ports.Actor.switch_schedule`."""
        await _once(self._client.switch_schedule(project_id, experiment_id, suspended=suspended))


async def _once(call: Awaitable[T]) -> T:
    try:
        return await call
    except UpstreamError as exc:
        # A plain UpstreamError is Litmus's own answer: its resolver failed.
        if type(exc) is UpstreamError or isinstance(exc, NOT_DONE) or isinstance(exc.__cause__, NOT_SENT):
            raise
        raise UpstreamAnswerLostError(
            f"Answer lost: Litmus may have done it, the next synchronisation will tell. {exc}"
        ) from exc
