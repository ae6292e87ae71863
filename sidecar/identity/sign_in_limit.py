"""How often somebody may try to sign in, and when a refusal is told; counted per replica."""

import asyncio
import hashlib
import math
import time
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Final

import structlog
from aiolimiter import AsyncLimiter

from sidecar.domain.errors import CredentialsRejectedError, TooManyRequestsError
from sidecar.identity.moving_window import MovingWindow

NAME_PER_MINUTE: Final = 5
ADDRESS_PER_MINUTE: Final = 20
ADDRESS_AT_ONCE: Final = 5
SIGN_INS_PER_SECOND: Final = 1.0
"""How often one Litmus is asked at most in the long run, by all who sign in."""
SIGN_IN_SHARE: Final = 0.2
"""Of the requests that one Litmus may get per second, the most that may be sign-ins."""
SIGN_IN_BURST: Final = 10
SIGN_INS_AT_ONCE: Final = 2
SIGN_IN_QUEUE: Final = 10
"""How many may wait or be asked about; whoever comes then is refused."""
SIGN_IN_PATIENCE_SECONDS: Final = 10.0
REFUSAL_SECONDS: Final = 6.0
"""Longer than Litmus takes to compare a password (bcrypt of cost 15), which it does for good names only."""
_log = structlog.get_logger(__name__)


class RefusalDelay:
    """When a refused sign-in is answered: a whole multiple of one time after it began, whatever it was.

    Litmus refuses an unknown or deactivated name at once, and takes seconds to
    compare a password; who is told no sooner for the one learns nothing.
    """

    def __init__(
        self,
        step_seconds: float = REFUSAL_SECONDS,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """Take the time of which there are multiples, a clock in seconds, and how to wait."""
        self._step_seconds = step_seconds
        self._clock = clock
        self._sleep = sleep

    def now(self) -> float:
        """Return the time by the clock, for :meth:`wait`."""
        return self._clock()

    async def wait(self, begun: float) -> None:
        """Wait for the next whole multiple of the time since then, the first at the soonest."""
        taken = self._clock() - begun
        steps = max(1, math.ceil(taken / self._step_seconds))
        await self._sleep(steps * self._step_seconds - taken)


REFUSAL_DELAY: Final = RefusalDelay()


class SignInAttempt:
    """One attempt to sign in; whoever makes it says how it ended."""

    def __init__(self) -> None:
        self.is_allowed = False
        """Whether Litmus may be asked at all."""
        self.was_good = False


class _SignInQueue:
    """Sign-ins at one instance: some wait, few are asked about."""

    def __init__(self, per_second: float) -> None:
        self.length = 0
        self.names: set[str] = set()
        """Digests of those who wait or are asked about."""
        self.slots = asyncio.Semaphore(SIGN_INS_AT_ONCE)
        self.limiter = AsyncLimiter(SIGN_IN_BURST, SIGN_IN_BURST / per_second)


class SignInLimit:
    """How often somebody may try to sign in; all counted per replica.

    Failures a minute from an address, attempts a minute at an account, and for
    everybody together how often one Litmus is asked, which has to answer what
    synchronises, acts and revokes, too. Whoever knows a name can use up its
    attempts; signing in to Litmus itself is not affected.
    """

    def __init__(
        self,
        *,
        per_address: int = ADDRESS_PER_MINUTE,
        per_second: float = SIGN_INS_PER_SECOND,
    ) -> None:
        """Take the limits; ``per_second`` is how often one Litmus is asked in the long run."""
        self._names = MovingWindow(NAME_PER_MINUTE)
        self._addresses = MovingWindow(per_address)
        self._under_way: Counter[str] = Counter()
        """Attempts by address."""
        self._queues: defaultdict[str, _SignInQueue] = defaultdict(lambda: _SignInQueue(per_second))

    @asynccontextmanager
    async def attempt(self, address: str | None) -> AsyncIterator[SignInAttempt]:
        """Count an attempt from before its form is read; only one that was good leaves no trace.

        Raises:
            TooManyRequestsError: If too many come from there at the same time.
        """
        network = _network(address)
        if self._under_way[network] >= ADDRESS_AT_ONCE:
            raise TooManyRequestsError(
                "Too many people sign in from your address at the same time: try again in a moment.",
                retry_after_seconds=1,
            )
        self._under_way[network] += 1
        number = self._under_way[network]
        attempt = SignInAttempt()
        try:
            # Those under way may all fail.
            attempt.is_allowed = self._addresses.left(network) >= number
            yield attempt
        finally:
            self._under_way[network] -= 1
            if not self._under_way[network]:
                del self._under_way[network]
            if not attempt.was_good:
                self._addresses.hit(network)

    @asynccontextmanager
    async def turn(self, instance: str, username: str) -> AsyncIterator[None]:
        """Wait for a turn to ask an instance about an account, count it, and hold the turn.

        There is one at a time for each account: another would wait for as long as Litmus
        takes with the first, and so tell whether there is such an account.

        Raises:
            CredentialsRejectedError: If Litmus may not be asked: as it would say, so that nobody learns it.
        """
        # A name is of any length and from anybody; its digest is not.
        name = hashlib.sha256(f"{instance} {username}".encode(errors="surrogatepass")).hexdigest()
        queue = self._queues[instance]
        if not self._names.left(name) or queue.length >= SIGN_IN_QUEUE or name in queue.names:
            raise _not_asked(instance)
        queue.length += 1
        queue.names.add(name)
        try:
            await _wait(queue, instance)
            try:
                if not self._names.hit(name):
                    raise _not_asked(instance)
                yield
            finally:
                queue.slots.release()
        finally:
            queue.names.discard(name)
            queue.length -= 1


async def _wait(queue: _SignInQueue, instance: str) -> None:
    """Wait for a turn, for a while; it is to be released."""
    try:
        async with asyncio.timeout(SIGN_IN_PATIENCE_SECONDS):
            await queue.slots.acquire()
            try:
                await queue.limiter.acquire()
            except BaseException:
                queue.slots.release()
                raise
    except TimeoutError:
        raise _not_asked(instance) from None


def _not_asked(instance: str) -> CredentialsRejectedError:
    _log.warning("attempts to sign in throttled", instance=instance)
    return CredentialsRejectedError("Not asked.")


def _network(address: str | None) -> str:
    """Return what one client has of its own: an IPv4 address, or the /64 network of an IPv6 one."""
    if address is None:
        return ""
    parsed = ip_address(address)
    return str(ip_network((parsed, 64), strict=False)) if isinstance(parsed, IPv6Address) else address
