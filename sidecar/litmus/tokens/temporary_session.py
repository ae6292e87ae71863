"""A session that the sidecar opens at Litmus for itself, for as long as it needs one.

Ending a session leaves an entry in Litmus's database that it keeps for good
and searches at every request, so a session is opened for need only.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from typing import Final

from sidecar.domain.errors import StoreError, UpstreamError
from sidecar.domain.ports import ServiceSessions
from sidecar.litmus.tokens.creation_locks import CreationLocks
from sidecar.litmus.tokens.holder import TokenHolder
from sidecar.litmus.transport.auth import LitmusAuth, LitmusSession
from sidecar.litmus.wire.token import LitmusToken

PATIENCE: Final = timedelta(seconds=5)
"""Longest wait for another replica that signs in or creates a token; the next look tries again."""
_LOGOUT_SECONDS: Final = 5.0


class TemporarySession:
    """Signs in with a user's name and password, and out again."""

    def __init__(
        self,
        holder: TokenHolder,
        auth: LitmusAuth,
        creation_locks: CreationLocks,
        sessions: ServiceSessions,
        *,
        username: str,
        password: Callable[[], Awaitable[str]],
    ) -> None:
        """Take where the token in use stands, whom to ask, and where a session is stored while it is open."""
        self._holder = holder
        self._auth = auth
        self._creation_locks = creation_locks
        self._sessions = sessions
        self._username = username
        self._password = password

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[LitmusSession]:
        """Hold a session; it is stored while it is open, so that a crash leaves none at Litmus.

        Raises:
            UpstreamError: If Litmus refuses the user, or could not be asked.
        """
        session = await self._sign_in()
        stored_as: str | None = None
        try:
            with suppress(StoreError):  # Then a crash leaves it until it ends by itself.
                stored_as = await self._sessions.add(self._holder.instance, session.as_opened(self._username))
            yield session
        finally:
            await self._sign_out(session.token, stored_as)

    async def _sign_in(self) -> LitmusSession:
        """Open a session that is nobody else's: neither another replica's, nor one of the pages.

        While the store is away nobody can lock, and a token that is there
        can still be adopted; two that meet then try again.
        """
        password = await self._password()
        try:
            async with self._creation_locks.for_sign_in(self._username, patience=PATIENCE):
                return await self._auth.login(self._username, password)
        except StoreError:
            return await self._auth.login(self._username, password)

    async def _sign_out(self, token: LitmusToken, stored_as: str | None) -> None:
        """End the session; if Litmus does not answer, it stays stored, and is revoked by and by."""
        # A token for a day, created in the second of the sign-in, is the very string of the session.
        if token != self._holder.token:
            try:
                async with asyncio.timeout(_LOGOUT_SECONDS):
                    await self._auth.logout(token)
            except (UpstreamError, TimeoutError):
                return
        if stored_as is not None:
            with suppress(StoreError):  # Then the sweep finds nothing left to revoke.
                await self._sessions.remove(stored_as)
