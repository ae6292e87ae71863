"""A token in a file that somebody else renews: noticed when it changes, used when it is proven.

The file is read again and again rather than watched: a replaced file, an
edited one and the swapped symlinks of Kubernetes are all just another content.
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Final

from sidecar.domain.errors import TokenRejectedError, UpstreamError
from sidecar.litmus.tokens.holder import TokenHolder
from sidecar.litmus.tokens.probe import verify
from sidecar.litmus.transport.auth import LitmusAuth
from sidecar.litmus.wire.token import LitmusToken
from sidecar.runtime.supervision import UnitErrors

POLL_INTERVAL: Final = timedelta(seconds=2)
LONGEST_PAUSE: Final = timedelta(seconds=60)
_MAX_BYTES: Final = 16 * 1024


class TokenFile:
    """Follows the file of one instance."""

    def __init__(
        self,
        path: Path,
        holder: TokenHolder,
        auth: LitmusAuth,
        *,
        on_switch: Callable[[str], Awaitable[None]],
        poll_interval: timedelta = POLL_INTERVAL,
    ) -> None:
        """Take the file and what holds its token.

        Args:
            path: The file; read whole at every look.
            holder: Where the token in use stands.
            auth: With which new tokens are proven.
            on_switch: Told how it went (``read``, or the code of an error) when a new token was tried.
            poll_interval: Time between two looks.
        """
        self._path = path
        self._holder = holder
        self._auth = auth
        self._on_switch = on_switch
        self._poll_interval = poll_interval
        self._tried: LitmusToken | None = None
        self._pause = poll_interval
        self._wait = timedelta(0)

    async def follow(self) -> None:
        """Look at the file until cancelled."""
        unit_errors = UnitErrors("token file")
        while True:
            with unit_errors.contained(self._holder.instance):
                await self.look()
            await asyncio.sleep(self._poll_interval.total_seconds())

    async def look(self) -> None:
        """Read the file; try what is new in it, and what failed before when it is time to."""
        try:
            value = await asyncio.to_thread(_read, self._path)
        except OSError as exc:
            why = exc.strerror or type(exc).__name__
            self._holder.report(f"tokenFile cannot be read ({why}); {self._instead()}.")
            return
        except ValueError:
            self._holder.report(f"tokenFile holds no token; {self._instead()}.")
            return
        token = LitmusToken(value)
        self._wait -= self._poll_interval
        if token == self._holder.token:
            self._holder.report(None)
            self._tried = None
        elif token != self._tried or self._wait <= timedelta(0):
            await self._try(token)

    async def _try(self, token: LitmusToken) -> None:
        if token != self._tried:
            self._tried, self._pause = token, self._poll_interval
        self._wait, self._pause = self._pause, min(2 * self._pause, LONGEST_PAUSE)
        try:
            await verify(self._auth, token)
        except TokenRejectedError as exc:
            self._holder.report(f"The new token in tokenFile is not used; {self._instead()}: {exc}")
            await self._on_switch(exc.code)
        except UpstreamError as exc:
            self._holder.report(f"The new token in tokenFile could not be proven yet: {exc}")
            await self._on_switch(exc.code)
        else:
            self._holder.use(token)
            self._tried = None
            await self._on_switch("read")

    def _instead(self) -> str:
        """Say what Litmus is asked with as long as the file is of no use."""
        return "there is none" if self._holder.token is None else "the one before is kept"


def _read(path: Path) -> str:
    """Return the token in the file.

    Raises:
        OSError: If the file cannot be read.
        ValueError: If it holds none.
    """
    with path.open("rb") as file:
        value = file.read(_MAX_BYTES + 1).decode("utf-8-sig").strip()
    if not value or len(value) > _MAX_BYTES:
        raise ValueError
    return value
