"""How often one caller may ask, and act; counted per replica."""

import hashlib
import math
import time
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Final

from limits import RateLimitItemPerMinute
from limits.aio.storage import MemoryStorage
from limits.aio.strategies import MovingWindowRateLimiter

from sidecar.errors import TooManyRequestsError

_REQUESTS: Final = "requests"
_ACTIONS: Final = "actions"
_SIGN_INS: Final = "sign-ins"
NAME_PER_MINUTE: Final = 5
ADDRESS_PER_MINUTE: Final = 20


class RequestPace:
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


class SignInPace:
    """Moving windows of a minute for attempts to sign in: per account, and per address they come from.

    Whoever knows a name can use up its attempts; signing in to Litmus itself is not affected.
    """

    def __init__(self, *, per_name: int = NAME_PER_MINUTE, per_address: int = ADDRESS_PER_MINUTE) -> None:
        self._limiter = MovingWindowRateLimiter(MemoryStorage())
        self._name = RateLimitItemPerMinute(per_name)
        self._address = RateLimitItemPerMinute(per_address)

    async def allows(self, instance: str, username: str, address: str | None) -> bool:
        """Count an attempt, and tell whether Litmus may be asked."""
        # A name is of any length and from anybody; its digest is not.
        name = hashlib.sha256(f"{instance} {username}".encode(errors="surrogatepass")).hexdigest()
        return await self._limiter.hit(
            self._address, _SIGN_INS, _network(address)
        ) and await self._limiter.hit(self._name, _SIGN_INS, name)


def _network(address: str | None) -> str:
    """Return what one client has of its own: an IPv4 address, or the /64 network of an IPv6 one."""
    if address is None:
        return ""
    parsed = ip_address(address)
    return str(ip_network((parsed, 64), strict=False)) if isinstance(parsed, IPv6Address) else address
