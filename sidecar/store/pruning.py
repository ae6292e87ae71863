"""Forgetting: what is over (shares, locks, what ended replicas said of tokens), and what is old.

In small steps: the store has one writer, and others need it too.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import datetime, timedelta
from functools import partial
from typing import Final

import msgspec
import structlog

from sidecar.domain.errors import StoreError
from sidecar.domain.ports import Actions, Audit, Clock, History
from sidecar.domain.unix_time import to_ms
from sidecar.store.store import Store

STEP: Final = 500
"""How much is forgotten in one transaction."""
STEP_PAUSE: Final = timedelta(milliseconds=200)
"""Between two steps of the history, of which there may be thousands."""
RETRY_PAUSE: Final = timedelta(minutes=5)
OLD_EVERY: Final = timedelta(days=1)
"""How often what is old is looked for."""
OVER_EVERY: Final = timedelta(hours=1)
"""How often what is over is looked for."""
TOKEN_USE_AGE: Final = timedelta(days=1)
"""A replica that has said nothing for so long has ended."""

Sleep = Callable[[float], Awaitable[None]]

_log = structlog.get_logger(__name__)


class Pruned(msgspec.Struct, frozen=True, kw_only=True):
    """How much of each was forgotten."""

    runs: int
    actions: int
    audit_entries: int
    others: int
    """Shares, locks, uses of tokens."""


async def prune_over(store: Store, clock: Clock) -> int:
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


async def prune_actions(actions: Actions, audit: Audit, before: datetime) -> tuple[int, int]:
    """Forget actions and audit entries older than that; count both.

    Raises:
        StoreError: If the store is away.
    """
    return await _in_steps(partial(actions.prune, before)), await _in_steps(partial(audit.prune, before))


async def prune_now(store: Store, clock: Clock, retention: timedelta) -> Pruned:
    """Forget at once what a service forgets by and by.

    Raises:
        StoreError: If the store is away.
    """
    before = clock() - retention
    runs = await _in_steps(partial(store.history.prune, to_ms(before)))
    actions, audit_entries = await prune_actions(store.actions, store.audit, before)
    others = await prune_over(store, clock)
    return Pruned(runs=runs, actions=actions, audit_entries=audit_entries, others=others)


async def keep_pruning_over(store: Store, clock: Clock) -> None:
    """Forget what is over now and every hour, until cancelled."""
    await _keep_pruning(lambda: prune_over(store, clock), OVER_EVERY)


async def keep_pruning_actions(actions: Actions, audit: Audit, retention: timedelta, clock: Clock) -> None:
    """Forget actions and audit entries older than ``retention``, now and every day, until cancelled."""
    await _keep_pruning(lambda: prune_actions(actions, audit, clock() - retention), OLD_EVERY)


async def keep_pruning_history(
    history: History, retention: timedelta, clock: Clock, *, sleep: Sleep = asyncio.sleep
) -> None:
    """Forget runs that were created longer ago than ``retention``, now and every day, until cancelled."""
    while True:
        try:
            pruned = await history.prune(to_ms(clock() - retention), STEP)
        except StoreError as exc:
            _log.warning("history could not be pruned", reason=str(exc))
            pause = RETRY_PAUSE
        else:
            pause = STEP_PAUSE if pruned >= STEP else OLD_EVERY
        await sleep(pause.total_seconds())


async def _keep_pruning(prune: Callable[[], Awaitable[object]], every: timedelta) -> None:
    while True:
        # While the store is away nothing is forgotten; its health tells.
        with suppress(StoreError):
            await prune()
        await asyncio.sleep(every.total_seconds())


async def _in_steps(prune: Callable[[int], Awaitable[int]]) -> int:
    """Forget step by step until nothing is left; count."""
    total = 0
    while step := await prune(STEP):
        total += step
    return total
