"""Forgetting of what is over and nobody else sweeps: shares, locks, what ended replicas said of tokens.

And, for whoever asks for it at once, of what is old, which a service forgets day by day.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import timedelta
from functools import partial
from typing import Final

import msgspec

from sidecar.domain.errors import StoreError
from sidecar.domain.ports import Clock
from sidecar.store.engine.database import to_ms
from sidecar.store.store import Store

STEP: Final = 500
"""How much is forgotten in one transaction."""
PRUNE_SECONDS: Final = 3_600.0
TOKEN_USE_AGE: Final = timedelta(days=1)
"""A replica that has said nothing for so long has ended."""


async def prune_all(store: Store, clock: Clock) -> int:
    """Forget what is over by now; count it.

    Raises:
        StoreError: If the store is away.
    """
    now = clock()
    return (
        await store.shares.prune(now)
        + await store.token_uses.prune(now - TOKEN_USE_AGE)
        + await store.locks.prune()
    )


class Pruned(msgspec.Struct, frozen=True, kw_only=True):
    """How much of each was forgotten."""

    runs: int
    actions: int
    audit_entries: int
    others: int
    """Shares, locks, uses of tokens."""


async def prune_now(store: Store, clock: Clock, retention: timedelta) -> Pruned:
    """Forget what is over, and what is older than the retention.

    Raises:
        StoreError: If the store is away.
    """
    before = clock() - retention
    return Pruned(
        runs=await _in_steps(partial(store.history.prune, to_ms(before))),
        actions=await _in_steps(partial(store.actions.prune, before)),
        audit_entries=await _in_steps(partial(store.audit.prune, before)),
        others=await prune_all(store, clock),
    )


async def _in_steps(prune: Callable[[int], Awaitable[int]]) -> int:
    """Forget in steps short enough for others that write meanwhile; count."""
    total = 0
    while step := await prune(STEP):
        total += step
    return total


async def keep_pruning(store: Store, clock: Clock) -> None:
    """Forget what is over now and every hour, until cancelled."""
    while True:
        # While the store is away nothing is forgotten; its health tells.
        with suppress(StoreError):
            await prune_all(store, clock)
        await asyncio.sleep(PRUNE_SECONDS)
