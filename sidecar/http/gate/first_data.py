"""The wait for a project's first data, which a crowd may share."""

from collections import Counter
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from typing import Final

from aiohttp import web

from sidecar.domain.freshness import was_attempted
from sidecar.domain.model import ProjectRef, Section, Snapshot
from sidecar.http.services import SERVICES
from sidecar.identity.rates import Place

POOL_OF_CALLERS: Final = ""
"""Requests whose caller is known; those without are counted by their route."""


class HeldPlaces:
    """The places that a request holds: its caller's, and that among all."""

    def __init__(self, mine: Place, in_progress: Counter[str]) -> None:
        self._mine = mine
        self._in_progress = in_progress

    @asynccontextmanager
    async def left(self) -> AsyncIterator[None]:
        """Leave them to others for a wait that costs nothing; see :meth:`Place.left`."""
        async with self._mine.left():
            is_left = not self._mine.is_held
            self._in_progress[POOL_OF_CALLERS] -= is_left
            try:
                yield
            finally:
                self._in_progress[POOL_OF_CALLERS] += is_left


PLACES = web.RequestKey("places", HeldPlaces)


async def ensured(request: web.Request, project: ProjectRef, sections: Collection[Section]) -> Snapshot:
    """Return a project's snapshot, waiting for its first data if there is none: all who do wait as one.

    Raises:
        SidecarError: As :meth:`sidecar.domain.ports.Sync.ensure`.
    """
    services = request.app[SERVICES]
    known = await services.snapshots.load(project)
    if PLACES not in request or (known is not None and was_attempted(known, sections)):
        return await services.sync.ensure(project, sections)
    async with request[PLACES].left():
        return await services.sync.ensure(project, sections)
