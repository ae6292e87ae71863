"""The people of one Litmus, asked with their own passwords and tokens, never with the sidecar's."""

from contextlib import AsyncExitStack
from datetime import timedelta
from typing import Final

from sidecar.domain.errors import CredentialsRejectedError, TokenRejectedError, UpstreamBusyError
from sidecar.domain.ports import AccountRights, OpenedSession
from sidecar.litmus.tokens.creation_locks import SPACING, CreationLocks
from sidecar.litmus.transport.auth import LitmusAuth
from sidecar.litmus.wire.token import LitmusToken

PATIENCE: Final = 1.25 * SPACING
"""Enough for who signed in just now; who waited for Litmus to compare a password would learn that it did."""


class LitmusAccounts:
    """Implements :class:`ports.Accounts`."""

    def __init__(
        self, auth: LitmusAuth, creation_locks: CreationLocks, *, patience: timedelta = PATIENCE
    ) -> None:
        """Take whom to ask, and what keeps two sign-ins of one account apart; the second waits so long."""
        self._auth = auth
        self._creation_locks = creation_locks
        self._patience = patience

    async def sign_in(self, username: str, password: str) -> OpenedSession:
        """See :class:`ports.Accounts`; also raises :class:`errors.StoreError` while the store is away."""
        async with AsyncExitStack() as stack:
            try:
                await stack.enter_async_context(
                    self._creation_locks.for_sign_in(username, patience=self._patience)
                )
            except UpstreamBusyError as exc:
                raise CredentialsRejectedError("Not asked: another sign-in to this account goes on.") from exc
            opened = await self._auth.login(username, password)
        return opened.as_opened(username)

    async def sign_out(self, token: str) -> None:
        """See :class:`ports.Accounts`."""
        await self._auth.logout(LitmusToken(token))

    async def rights(self, token: str) -> AccountRights:
        """See :class:`ports.Accounts`; costs two requests, and one more per fifty projects."""
        bearer = LitmusToken(token)
        if bearer.claims is None or bearer.claims.uid is None:
            raise TokenRejectedError("The token of the session is none of a Litmus user.")
        # The claims are as old as the session; the account may have changed since.
        account = await self._auth.get_user(bearer, bearer.claims.uid)
        if account.is_deactivated:
            raise TokenRejectedError("The account is deactivated in Litmus.")
        projects = await self._auth.list_projects(bearer)
        return AccountRights(
            is_admin=account.role == "admin",
            roles={project.project_id: project.role for project in projects if project.role is not None},
        )
