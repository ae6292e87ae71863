"""How runs of a project are asked for: always narrowed, a page at a time, a bounded number of times."""

from collections.abc import Collection, Mapping
from typing import Final

from sidecar.domain.errors import UpstreamOverloadedError
from sidecar.domain.model import ProjectRef
from sidecar.domain.runs import Run
from sidecar.litmus.reading.history_progress import Increment
from sidecar.litmus.reading.paging import PageSize
from sidecar.litmus.transport.client import LitmusClient
from sidecar.litmus.wire.documents import RUNS, pagination
from sidecar.litmus.wire.values import Page

REQUESTS_PER_STEP: Final = 3
TIMEOUT_SECONDS: Final = 30.0
"""Of one request."""
_END_OF_TIME: Final = "253402300799999"
"""Litmus's range would else end at its own clock, and agents' clocks differ."""


class RunRequests:
    """Asks for runs of one project, a bounded number of times."""

    def __init__(self, client: LitmusClient, project: ProjectRef, size: PageSize) -> None:
        self.project = project
        self.left = REQUESTS_PER_STEP
        self.size = size
        """Rows per page; halved when Litmus is overloaded."""
        self._client = client

    async def page(self, narrow: Mapping[str, object], offset: int = 0) -> Page[Run]:
        """Return the page that holds the row ``offset``."""
        while True:
            self.left -= 1
            request = {**narrow, **pagination(offset // self.size.current, self.size.current)}
            try:
                return await self._client.run(
                    RUNS,
                    {"projectID": self.project.project_id, "runs": request},
                    TIMEOUT_SECONDS,
                )
            except UpstreamOverloadedError:
                if not self.size.shrink() or self.left <= 0:
                    raise

    async def total(self, narrow: Mapping[str, object]) -> int:
        """Return how many runs Litmus has, asking for a single row."""
        self.left -= 1
        page = await self._client.run(
            RUNS,
            {"projectID": self.project.project_id, "runs": {**narrow, **pagination(0, 1)}},
            TIMEOUT_SECONDS,
        )
        return page.total


def changes_since(increment: Increment) -> Mapping[str, Collection[object]]:
    """Return what narrows a question to the runs of an increment."""
    if increment.experiment_ids is not None:
        return {"experimentIDs": increment.experiment_ids}
    dates = {"startDate": str(max(increment.since_ms, 0)), "endDate": _END_OF_TIME}
    return {"filter": {"dateRange": dates}}
