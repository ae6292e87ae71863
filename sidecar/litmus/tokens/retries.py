"""When to try again for a managed token: ever more seldom, and at once when what was missing is there."""

import asyncio
from contextlib import suppress
from datetime import timedelta
from typing import Final

from sidecar.domain.errors import CredentialsRejectedError, InitialPasswordError, SidecarError, StoreError
from sidecar.litmus.tokens.creation_locks import CreationLocks
from sidecar.runtime.backoff import exponential_backoff

FIRST_PAUSE: Final = timedelta(seconds=1)
LASTING_PAUSE: Final = timedelta(seconds=30)
"""First pause after a failure that will be the same until somebody acts."""
LONGEST_PAUSE: Final = timedelta(minutes=1)
LONGEST_PAUSE_AFTER_SIGN_IN: Final = timedelta(minutes=15)
"""Each sign-in leaves an entry in Litmus for good, and one that is refused may count against the account."""
_LASTING: Final = (CredentialsRejectedError, InitialPasswordError, StoreError)
STORE_LOOK: Final = timedelta(seconds=5)
"""Time between two looks whether the store is back."""


class RetrySchedule:
    """Counts failures in a row, and waits until the next try is due."""

    def __init__(
        self,
        creation_locks: CreationLocks,
        lasting_pause: timedelta = LASTING_PAUSE,
        *,
        store_look: timedelta = STORE_LOOK,
    ) -> None:
        """Take what tells that the store is back, without which no token is made."""
        self._creation_locks = creation_locks
        self._store_look_seconds = store_look.total_seconds()
        self._lasting_pause = lasting_pause
        self._failures = 0
        self._due = 0.0
        self._over = asyncio.Event()
        self.failure: SidecarError | None = None
        """What the last try failed with; ``None``: it did not."""

    @property
    def pause_seconds(self) -> float:
        """Time until the next try; not positive if it is due."""
        return self._due - asyncio.get_running_loop().time()

    def failed(self, error: SidecarError, *, has_signed_in: bool) -> None:
        """Note a failure, and whether a session was opened for it."""
        self._over.clear()
        self.failure = error
        self._failures += 1
        pause = pause_after(
            error, self._failures, has_signed_in=has_signed_in, lasting_pause=self._lasting_pause
        )
        self._due = asyncio.get_running_loop().time() + pause.total_seconds()

    def succeeded(self) -> None:
        """Note that all is well; who rests is woken."""
        self.failure, self._failures, self._due = None, 0, 0.0
        self._over.set()

    async def rest(self) -> None:
        """Wait until the next try is due, another one went well, or the store that was missing is back."""
        while not self._over.is_set() and (pause := self.pause_seconds) > 0:
            waits_for_store = isinstance(self.failure, StoreError)
            with suppress(TimeoutError):
                async with asyncio.timeout(
                    min(pause, self._store_look_seconds) if waits_for_store else pause
                ):
                    await self._over.wait()
            if waits_for_store and await self._creation_locks.is_available():
                return


def pause_after(
    error: SidecarError, failures: int, *, has_signed_in: bool, lasting_pause: timedelta = LASTING_PAUSE
) -> timedelta:
    """Return how long to wait after the so manyth failure in a row: doubled each time, up to a limit."""
    lasts = isinstance(error, _LASTING)
    return exponential_backoff(
        lasting_pause if lasts else FIRST_PAUSE,
        failures - 1,
        LONGEST_PAUSE_AFTER_SIGN_IN if lasts or has_signed_in else LONGEST_PAUSE,
    )
