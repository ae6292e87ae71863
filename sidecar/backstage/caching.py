"""Answers about callers, kept for a while, each asked for once however many wait for it.

Bounded in entries. Keys are digests, never tokens.
"""

import hashlib
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

from cachetools import TLRUCache

from sidecar.domain.ports import Clock
from sidecar.runtime.keyed_locks import KeyedLocks

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


def token_digest(token: str) -> bytes:
    """Return what stands for a token in memory."""
    return hashlib.sha256(token.encode(errors="surrogatepass")).digest()


def expiring_cache(entries: int, clock: Clock) -> "TLRUCache[K, tuple[V, float]]":
    """Return a bounded cache of ``(value, Unix time it ends)``; the least recently used go first."""
    return TLRUCache(
        entries, ttu=lambda _key, kept, _now: kept[1], timer=lambda: clock().timestamp(), getsizeof=None
    )


class AsyncCache(Generic[K, V]):
    """A cache whose misses are fetched one at a time per key."""

    def __init__(self, *, entries: int, clock: Clock) -> None:
        self._clock = clock
        self._kept: TLRUCache[K, tuple[V, float]] = expiring_cache(entries, clock)
        self._locks: KeyedLocks[K] = KeyedLocks()

    async def get(self, key: K, fetch: Callable[[], Awaitable[tuple[V, float]]]) -> V:
        """Return what is kept, else what ``fetch`` gives, kept for the seconds it says.

        Who waits meanwhile gets the same answer; a caller who leaves takes it away from nobody,
        the next in line asks.
        """
        kept = self._kept.get(key)
        if kept is None:
            async with self._locks.of(key):
                kept = self._kept.get(key)
                if kept is None:
                    value, seconds = await fetch()
                    kept = (value, self._clock().timestamp() + seconds)
                    self._kept[key] = kept
        return kept[0]
