"""How many requests may hang in Litmus because its auth server is away: a few, until that answers again.

With its auth server away, Litmus's GraphQL server keeps every request that
needs a role check, whether its client still waits or not, and executes them
all when the auth server is back, mutations included. No client can take one
back; it can only send no more of them.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Final

import aiohttp

from sidecar.domain.errors import UpstreamAuthAwayError, UpstreamTimeoutError, UpstreamUnavailableError

MAX_UNCONFIRMED: Final = 3
NOT_SENT: Final = (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError, aiohttp.ClientSSLError)
"""What keeps a request from leaving: there was no connection to send it on."""


def auth_away() -> UpstreamAuthAwayError:
    """Return the error for what was not sent."""
    return UpstreamAuthAwayError(
        "Litmus's auth server does not answer, so nothing was sent: Litmus would keep it, and do it when its "
        "auth server is back."
    )


class Sent:
    """A request that needs the auth server, on its way."""


class AuthAvailability:
    """Counts what was sent, or left without an answer, since the auth server last showed that it lives."""

    def __init__(self, *, most: int = MAX_UNCONFIRMED) -> None:
        """Take how many may be sent with no sign of life."""
        self._most = most
        self._unconfirmed: set[Sent] = set()
        self._asking = asyncio.Lock()
        self._asked = 0
        self._was_away = False

    @property
    def is_full(self) -> bool:
        """Whether nothing more may be sent before the auth server has been asked."""
        return len(self._unconfirmed) >= self._most

    def answers(self) -> None:
        """Note that the auth server lives."""
        self._unconfirmed.clear()

    async def settle(self, ask: Callable[[], Awaitable[None]], *, always: bool = False) -> None:
        """Ask the auth server where it is in doubt, or ``always``; those that wait share one question.

        Raises:
            UpstreamAuthAwayError: If it does not answer.
        """
        if not (always or self.is_full):
            return
        asked_before = self._asked
        async with self._asking:
            if self._asked == asked_before:
                await self._ask(ask)
            elif self._was_away:
                raise auth_away()

    async def _ask(self, ask: Callable[[], Awaitable[None]]) -> None:
        """Ask, and keep the answer for those that wait; a question that was given up has none."""
        try:
            await ask()
        except UpstreamAuthAwayError:
            self._asked, self._was_away = self._asked + 1, True
            raise
        self._asked, self._was_away = self._asked + 1, False

    @contextmanager
    def sending(self) -> Iterator[None]:
        """Count one request while it is under way, and on where Litmus may still have it.

        Whoever reads its answer tells by :meth:`answers` whether that shows life.
        """
        sent = Sent()
        self._unconfirmed.add(sent)
        try:
            yield
        except UpstreamUnavailableError as exc:
            was_taken = isinstance(exc, UpstreamTimeoutError) or exc.__cause__ is not None
            if was_taken and not isinstance(exc.__cause__, NOT_SENT):
                self._unconfirmed.add(sent)  # Forgotten when others were answered, but it was not.
            else:
                self._unconfirmed.discard(sent)
            raise
        except asyncio.CancelledError:
            self._unconfirmed.add(sent)
            raise
        except BaseException:
            self._unconfirmed.discard(sent)
            raise
        else:
            self._unconfirmed.discard(sent)
