"""Which role the token has in each project: what it may not do is refused before Litmus is asked.

One small request per project and slow interval, throttled like all,
whether this asks first or the slow lane, which asks for nothing that the role
does not allow: each denied field is an error in Litmus's log.
"""

import asyncio
from collections.abc import Callable, Collection, Mapping
from datetime import timedelta
from typing import Final

from sidecar.domain.errors import TokenRejectedError, UpstreamError
from sidecar.domain.model import ProjectRef
from sidecar.domain.roles import LitmusRole
from sidecar.litmus.transport.client import LitmusClient
from sidecar.runtime.keyed_locks import KeyedLocks
from sidecar.runtime.supervision import UnitErrors

TIMEOUT_SECONDS: Final = 10.0
_RETRY: Final = timedelta(seconds=30)


class RoleCache:
    """The roles as last asked."""

    def __init__(
        self,
        clients: Mapping[str, LitmusClient],
        projects: Callable[[], Collection[ProjectRef]],
        interval: timedelta,
        *,
        is_read: Callable[[ProjectRef], bool] = lambda _project: True,
    ) -> None:
        """Take the clients by instance, what names the projects, and how often a role is asked anew.

        ``is_read`` tells whether a project's own data was read: that comes before its role.
        """
        self._clients = clients
        self._projects = projects
        self._interval = interval
        self._is_read = is_read
        self._roles: dict[ProjectRef, LitmusRole] = {}
        self._asked_at: dict[ProjectRef, tuple[str, float]] = {}
        """With which token, and when."""
        self._locks: KeyedLocks[ProjectRef] = KeyedLocks()
        self._unit_errors = UnitErrors("roles of the tokens")

    def configure(self, interval: timedelta) -> None:
        """Ask a role anew after this interval from now on."""
        self._interval = interval

    def role(self, project: ProjectRef) -> LitmusRole | None:
        """Return the token's role in the project; ``None``: not known, then Litmus decides."""
        return self._roles.get(project)

    async def current(self, project: ProjectRef) -> LitmusRole | None:
        """Return the role, asked for now if the last answer is as old as the interval; ``None`` as above."""
        async with self._locks.of(project):
            if self._is_due(project):
                await self._ask(project)
        return self.role(project)

    async def follow(self) -> None:
        """Ask for every project in turn, until cancelled; new projects are asked for soon."""
        while True:
            projects = set(self._projects())
            self._forget(projects)
            for project in filter(self._is_read, projects):
                await self.current(project)
            await asyncio.sleep(min(_RETRY, self._interval).total_seconds())

    def _is_due(self, project: ProjectRef) -> bool:
        token_id, asked_at = self._asked_at.get(project, ("", 0.0))
        age_seconds = asyncio.get_running_loop().time() - asked_at
        return token_id != self._token_id(project) or age_seconds >= self._interval.total_seconds()

    def _token_id(self, project: ProjectRef) -> str:
        try:
            return self._clients[project.instance].token_id()
        except UpstreamError:
            return "none"

    def _forget(self, projects: Collection[ProjectRef]) -> None:
        """Forget what is not of these projects."""
        self._roles = {ref: role for ref, role in self._roles.items() if ref in projects}
        self._asked_at = {ref: at for ref, at in self._asked_at.items() if ref in projects}

    async def _ask(self, project: ProjectRef) -> None:
        """Ask for one role; one that is none we know is not known, and an error leaves what was."""
        token_id = self._token_id(project)
        try:
            with self._unit_errors.contained(str(project)):
                answer = await self._clients[project.instance].project_role(
                    project.project_id, TIMEOUT_SECONDS
                )
                known = {role.value: role for role in LitmusRole}
                if answer in known:
                    self._roles[project] = known[answer]
                else:
                    self._roles.pop(project, None)
        except TokenRejectedError:
            self._roles.pop(project, None)  # The next token may be another user's.
        except UpstreamError:
            pass
        self._asked_at[project] = token_id, asyncio.get_running_loop().time()
