"""Which role the token has in each project: what it may not do is refused before Litmus is asked.

One small request per project and slow interval, through the same gate as all.
"""

import asyncio
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from datetime import timedelta
from typing import Final

from sidecar.errors import UpstreamError
from sidecar.litmus.client import LitmusClient
from sidecar.model import ProjectRef
from sidecar.policy import LitmusRole
from sidecar.supervision import Mishaps

TIMEOUT_SECONDS: Final = 10.0
_RETRY: Final = timedelta(seconds=30)


class RoleBook:
    """The roles as last asked."""

    def __init__(
        self,
        clients: Mapping[str, LitmusClient],
        projects: Callable[[], Collection[ProjectRef]],
        interval: timedelta,
    ) -> None:
        """Take the clients by instance, what names the projects, and how often a role is asked anew."""
        self._clients = clients
        self._projects = projects
        self._interval = interval
        self._roles: dict[ProjectRef, LitmusRole] = {}
        self._mishaps = Mishaps("roles of the tokens")

    def role(self, project: ProjectRef) -> LitmusRole | None:
        """Return the token's role in the project; ``None``: not known, then Litmus decides."""
        return self._roles.get(project)

    async def follow(self) -> None:
        """Ask for every project in turn, until cancelled; new projects are asked for soon."""
        asked_at: dict[ProjectRef, float] = {}
        loop = asyncio.get_running_loop()
        while True:
            projects = set(self._projects())
            self._roles = {ref: role for ref, role in self._roles.items() if ref in projects}
            for project in projects:
                if loop.time() - asked_at.get(project, -self._interval.total_seconds()) >= (
                    self._interval.total_seconds()
                ):
                    await self._ask(project)
                    asked_at[project] = loop.time()
            asked_at = {ref: at for ref, at in asked_at.items() if ref in projects}
            await asyncio.sleep(min(_RETRY, self._interval).total_seconds())

    async def _ask(self, project: ProjectRef) -> None:
        """Ask for one role; what cannot be asked, or is no role we know, is not known."""
        answer = None
        with suppress(UpstreamError), self._mishaps.contained(str(project)):
            answer = await self._clients[project.instance].project_role(project.project_id, TIMEOUT_SECONDS)
        known = {role.value: role for role in LitmusRole}
        if answer in known:
            self._roles[project] = known[answer]
        else:
            self._roles.pop(project, None)
