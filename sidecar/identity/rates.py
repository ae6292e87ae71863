"""How often one caller may ask, and act, and sign in; counted per replica."""

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
from cachetools import LRUCache
from limits import RateLimitItemPerMinute
from limits.aio.storage import MemoryStorage
from limits.aio.strategies import MovingWindowRateLimiter

from sidecar.domain.errors import CredentialsRejectedError, TooManyRequestsError

_REQUESTS: Final = "requests"
_ACTIONS: Final = "actions"
_SIGN_INS: Final = "sign-ins"
NAME_PER_MINUTE: Final = 5
ADDRESS_PER_MINUTE: Final = 20
ADDRESS_AT_ONCE: Final = 5
SIGN_INS_PER_SECOND: Final = 1.0
"""How often one Litmus is asked at most in the long run, by all who sign in."""
SIGN_IN_SHARE: Final = 0.2
"""Of the requests that one Litmus may get per second, the most that may be sign-ins."""
SIGN_IN_BURST: Final = 10
SIGN_INS_AT_ONCE: Final = 2
SIGN_IN_LINE: Final = 10
"""How many may wait or be asked about; whoever comes then is refused."""
SIGN_IN_PATIENCE_SECONDS: Final = 10.0
REFUSAL_SECONDS: Final = 6.0
"""Longer than Litmus takes to compare a password (bcrypt of cost 15), which it does for good names only."""
REMEMBERED_CALLERS: Final = 10_000
_MINUTE_SECONDS: Final = 60.0
_log = structlog.get_logger(__name__)


class RequestRateLimit:
    """Moving windows of a minute per caller."""

    def __init__(
        self, *, person_per_minute: int, actions_per_minute: int, key_per_minute: int | None
    ) -> None:
        """Take the limits; ``key_per_minute`` ``None``: keys without a person are not limited."""
        self._limiter = MovingWindowRateLimiter(MemoryStorage())
        self._person = RateLimitItemPerMinute(person_per_minute)
        self._action = RateLimitItemPerMinute(actions_per_minute)
        self._key = None if key_per_minute is None else RateLimitItemPerMinute(key_per_minute)

    async def check_request(self, name: str, *, is_person: bool) -> None:
        """Count a request of the caller.

        Raises:
            TooManyRequestsError: If it is one too many.
        """
        limit = self._person if is_person else self._key
        if limit is not None:
            await self._hit(limit, _REQUESTS, name, "Too many requests: slow down and try again.")

    async def check_action(self, name: str) -> None:
        """Count an action of the caller.

        Raises:
            TooManyRequestsError: If it is one too many.
        """
        await self._hit(self._action, _ACTIONS, name, "Too many actions: wait a moment before the next.")

    async def _hit(self, limit: RateLimitItemPerMinute, what: str, name: str, sentence: str) -> None:
        if await self._limiter.hit(limit, what, name):
            return
        reset_at, _ = await self._limiter.get_window_stats(limit, what, name)
        raise TooManyRequestsError(sentence, retry_after_seconds=max(1, math.ceil(reset_at - time.time())))


class ConcurrencyLimit:
    """How many requests of one caller are worked on at once; a few more wait for a moment."""

    def __init__(self, *, person_at_once: int, key_at_once: int, patience_seconds: float = 2.0) -> None:
        """Take the bounds; as many as are worked on may wait, each for ``patience_seconds`` at most."""
        self._person_at_once = person_at_once
        self._key_at_once = key_at_once
        self._patience_seconds = patience_seconds
        self._taken: Counter[str] = Counter()
        """Requests that are worked on or wait, by caller."""
        self._turns: dict[str, asyncio.Semaphore] = {}

    @asynccontextmanager
    async def place(self, name: str, *, is_person: bool) -> AsyncIterator[None]:
        """Hold a place of the caller.

        Raises:
            TooManyRequestsError: If none gets free in time.
        """
        at_once = self._person_at_once if is_person else self._key_at_once
        if self._taken[name] >= 2 * at_once:
            raise _too_many_at_once(at_once)
        self._taken[name] += 1
        turns = self._turns.setdefault(name, asyncio.Semaphore(at_once))
        try:
            try:
                async with asyncio.timeout(self._patience_seconds):
                    await turns.acquire()
            except TimeoutError:
                raise _too_many_at_once(at_once) from None
            try:
                yield
            finally:
                turns.release()
        finally:
            self._taken[name] -= 1
            if not self._taken[name]:
                del self._taken[name], self._turns[name]


def _too_many_at_once(at_once: int) -> TooManyRequestsError:
    return TooManyRequestsError(
        f"Too many requests at the same time: {at_once} of one caller are worked on at once.",
        retry_after_seconds=1,
    )


class WorkBudget:
    """How much of the event loop's time each caller may use in a minute, in the long run.

    What was used is forgotten evenly; a request is refused while more than a
    minute's allowance is not yet forgotten, so no request is ever cut short.
    """

    def __init__(
        self,
        *,
        person_ms_per_minute: int,
        key_ms_per_minute: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Take the allowances in milliseconds per minute, and a clock in seconds."""
        self._person_seconds = person_ms_per_minute / 1000
        self._key_seconds = key_ms_per_minute / 1000
        self._clock = clock
        self._used: LRUCache[str, tuple[float, float]] = LRUCache(REMEMBERED_CALLERS)
        """Seconds of work not yet forgotten, and as of when."""

    def check(self, name: str, *, is_person: bool) -> None:
        """Refuse a caller who used more than the allowance.

        Raises:
            TooManyRequestsError: Says when enough is forgotten.
        """
        allowed = self._allowed(is_person=is_person)
        excess = self._left_of(name, allowed) - allowed
        if excess >= 0:
            raise TooManyRequestsError(
                "Too much work: your requests of the last minute took too long to answer. Ask for less.",
                retry_after_seconds=max(1, math.ceil(excess * _MINUTE_SECONDS / allowed)),
            )

    def spend(self, name: str, seconds: float, *, is_person: bool) -> None:
        """Count work that was done for a caller."""
        used = self._left_of(name, self._allowed(is_person=is_person)) + seconds
        self._used[name] = (used, self._clock())

    def _allowed(self, *, is_person: bool) -> float:
        return self._person_seconds if is_person else self._key_seconds

    def _left_of(self, name: str, allowed: float) -> float:
        used, at = self._used.get(name, (0.0, 0.0))
        return max(0.0, used - (self._clock() - at) * allowed / _MINUTE_SECONDS)


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


class Attempt:
    """One attempt to sign in; whoever makes it says how it ended."""

    def __init__(self) -> None:
        self.is_allowed = False
        """Whether Litmus may be asked at all."""
        self.was_good = False


class _Line:
    """Sign-ins at one instance: some wait, few are asked about."""

    def __init__(self, per_second: float) -> None:
        self.length = 0
        self.names: set[str] = set()
        """Digests of those who wait or are asked about."""
        self.turns = asyncio.Semaphore(SIGN_INS_AT_ONCE)
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
        per_name: int = NAME_PER_MINUTE,
        per_address: int = ADDRESS_PER_MINUTE,
        per_second: float = SIGN_INS_PER_SECOND,
    ) -> None:
        """Take the limits; ``per_second`` is how often one Litmus is asked in the long run."""
        self._limiter = MovingWindowRateLimiter(MemoryStorage())
        self._name = RateLimitItemPerMinute(per_name)
        self._address = RateLimitItemPerMinute(per_address)
        self._under_way: Counter[str] = Counter()
        """Attempts by address."""
        self._lines: defaultdict[str, _Line] = defaultdict(lambda: _Line(per_second))

    @asynccontextmanager
    async def attempt(self, address: str | None) -> AsyncIterator[Attempt]:
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
        attempt = Attempt()
        try:
            _, left = await self._limiter.get_window_stats(self._address, _SIGN_INS, network)
            # Those under way may all fail.
            attempt.is_allowed = left >= number
            yield attempt
        finally:
            self._under_way[network] -= 1
            if not self._under_way[network]:
                del self._under_way[network]
            if not attempt.was_good:
                await self._limiter.hit(self._address, _SIGN_INS, network)

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
        line = self._lines[instance]
        is_allowed = await self._limiter.test(self._name, _SIGN_INS, name)
        if not is_allowed or line.length >= SIGN_IN_LINE or name in line.names:
            raise _not_asked(instance)
        line.length += 1
        line.names.add(name)
        try:
            await _wait(line, instance)
            try:
                if not await self._limiter.hit(self._name, _SIGN_INS, name):
                    raise _not_asked(instance)
                yield
            finally:
                line.turns.release()
        finally:
            line.names.discard(name)
            line.length -= 1


async def _wait(line: _Line, instance: str) -> None:
    """Wait for a turn, for a while; it is to be released."""
    try:
        async with asyncio.timeout(SIGN_IN_PATIENCE_SECONDS):
            await line.turns.acquire()
            try:
                await line.limiter.acquire()
            except BaseException:
                line.turns.release()
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
