"""Keeps the creation of tokens and sessions of one user apart: two of one second would be the same string.

Litmus puts nothing random into a token, so two made for one user within a
second, with one lifetime, are equal, and removing one kills both.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from datetime import timedelta
from typing import Final
from uuid import uuid4

from sidecar.domain.errors import StoreError, UpstreamBusyError, UpstreamTimeoutError
from sidecar.domain.ports import Locks

ALIKE: Final = timedelta(seconds=1)
"""Of what is made for one user further apart no two are equal."""
SPACING: Final = timedelta(seconds=2)
"""Between two creations for one user."""
APART: Final = timedelta(hours=1)
"""So long it is remembered that a token was made."""
_HOLD: Final = timedelta(seconds=30)
_WORK_SECONDS: Final = 25.0
"""Longest that the holder of a lock may take; the lock outlives that."""
_LOOK_SECONDS: Final = 0.25


class CreationLocks:
    """Locks of one Litmus by user: among all replicas on one store, and all instances of one address."""

    def __init__(self, locks: Locks, address: str) -> None:
        """Take the store's locks, and the address of the Litmus (:attr:`config.Instance.address`)."""
        self._locks = locks
        self._address = address

    def for_sign_in(self, username: str, *, patience: timedelta) -> AbstractAsyncContextManager[None]:
        """Hold the lock for signing this account in; as :meth:`hold`.

        Sessions of one second are one string as well, and the end of one would end both.
        """
        return self.hold(f"account {username}", patience=patience)

    @asynccontextmanager
    async def hold(self, user_id: str, *, patience: timedelta) -> AsyncIterator[None]:
        """Hold the lock for creating a token of this user, waiting for it so long at most.

        Raises:
            StoreError: If the store is away: then nobody can tell who else is at it.
            UpstreamError: If the lock was not free in time, or is held too long.
        """
        right, holder = f"token of {user_id} at {self._address}", uuid4().hex
        await self._take(right, holder, patience)
        try:
            async with asyncio.timeout(_WORK_SECONDS):
                yield
        except TimeoutError as exc:
            raise UpstreamTimeoutError("Litmus took too long to create a token.") from exc
        finally:
            # Not given back: it ends by itself when the next token cannot be equal any more.
            with suppress(StoreError):
                await self._locks.take(right, holder, SPACING)

    async def note_made(self, user_id: str, apart: timedelta = APART) -> None:
        """Remember for so long that a token of this user was made; not while the store is away."""
        with suppress(StoreError):
            await self._locks.take(self._made(user_id), "made", apart)

    async def was_made_recently(self, user_id: str) -> bool:
        """Tell whether one was made lately, by whichever replica.

        Raises:
            StoreError: If the store is away.
        """
        # What is held for no time is free again at once.
        return not await self._locks.take(self._made(user_id), uuid4().hex, timedelta(0))

    async def is_available(self) -> bool:
        """Tell whether there are locks at all: not while the store is away."""
        try:
            await self._locks.take(f"look at {self._address}", uuid4().hex, timedelta(0))
        except StoreError:
            return False
        return True

    def _made(self, user_id: str) -> str:
        return f"token of {user_id} at {self._address} was made"

    async def _take(self, right: str, holder: str, patience: timedelta) -> None:
        loop = asyncio.get_running_loop()
        until = loop.time() + patience.total_seconds()
        while not await self._locks.take(right, holder, _HOLD):
            if loop.time() >= until:
                raise UpstreamBusyError("Another token of this user is being created; try again in a moment.")
            await asyncio.sleep(_LOOK_SECONDS)
