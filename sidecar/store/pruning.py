"""Forgetting of what is over and nobody else sweeps: shares, locks, what ended replicas said of tokens."""

import asyncio
from contextlib import suppress
from datetime import timedelta
from typing import Final

from sidecar.domain.errors import StoreError
from sidecar.domain.ports import Clock
from sidecar.store.store import Store

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


async def keep_pruning(store: Store, clock: Clock) -> None:
    """Forget what is over now and every hour, until cancelled."""
    while True:
        # While the store is away nothing is forgotten; its health tells.
        with suppress(StoreError):
            await prune_all(store, clock)
        await asyncio.sleep(PRUNE_SECONDS)
