"""Synchronise made-up batches into a store until killed, at a named point if one is given.

Every batch ``n`` is one snapshot whose experiments are all of generation ``n``
and ten runs of it with the watermark ``n``. What was acknowledged is printed.
The points are found by listening to SQLAlchemy; the product knows none.
"""

import asyncio
import os
import signal
import sys
from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy import Engine, event
from sqlalchemy.pool import Pool

from sidecar.domain.model import Lane
from sidecar.domain.runs import HistoryState
from sidecar.store.store import Store, open_store
from tests.store.material import FAR, change, clock, experiments_result, plan_and_take, run, take_job

RUNS = 10
EXPERIMENTS = 40


POINTS: Final[Mapping[str, tuple[Any, str, str]]] = {
    "before commit": (Engine, "commit", ""),
    "after commit": (Pool, "checkin", ""),
    "between runs and state": (Engine, "before_cursor_execute", "INSERT INTO history_state"),
    "after runs": (Engine, "after_cursor_execute", "INSERT INTO runs"),
    "after totals": (Engine, "after_cursor_execute", "INSERT INTO run_totals"),
    "before snapshot": (Engine, "before_cursor_execute", "UPDATE snapshots"),
    "after snapshot": (Engine, "after_cursor_execute", "UPDATE snapshots"),
}
"""Whose event a point is, and how the statement begins that it is about."""


def die_at(point: str, times: int) -> None:
    """Have the process kill itself the given time that the point is passed."""
    target, name, beginning = POINTS[point]
    passed = 0

    def look(*about: Any) -> None:
        nonlocal passed
        # Of a statement: connection, cursor, text, …
        passed += not beginning or about[2].startswith(beginning)
        if passed == times:
            os.kill(os.getpid(), signal.SIGKILL)

    event.listen(target, name, look)


async def batch(store: Store, number: int) -> None:
    fast = await take_job(store, lane=Lane.FAST)
    ids = [f"{number}-{one}" for one in range(EXPERIMENTS)]
    await store.snapshots.merge(fast, [experiments_result(*ids)])
    sys.stdout.write(f"snapshot {number}\n")
    sys.stdout.flush()
    await store.leases.release(fast, clock() - FAR, failed=False)
    history = await take_job(store, lane=Lane.HISTORY)
    # The last batch's queued runs gain their ids, this one's are queued.
    gained = [run(f"{number - 1}-{one}", created_at_ms=(number - 1) * 100 + one) for one in range(RUNS)]
    queued = [run("", created_at_ms=number * 100 + one, phase="Queued") for one in range(RUNS)]
    runs = queued if number == 0 else [*gained, *queued]
    await store.history.record(history, change(*runs, state=HistoryState(watermark_ms=number)))
    sys.stdout.write(f"runs {number}\n")
    sys.stdout.flush()
    await store.leases.release(history, clock() - FAR, failed=False)


async def work(url: str, point: str, times: int) -> None:
    async with open_store(url, clock=clock) as store:
        lease = await plan_and_take(store)
        await store.leases.release(lease, clock() - FAR, failed=False)
        if point:
            die_at(point, times)
        number = 0
        while True:
            await batch(store, number)
            number += 1


if __name__ == "__main__":
    asyncio.run(work(sys.argv[1], sys.argv[2], int(sys.argv[3])))
