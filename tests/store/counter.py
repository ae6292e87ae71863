"""Record the same runs as often as possible, one among several processes that take each other's lease."""

import asyncio
import sys
from contextlib import suppress
from datetime import timedelta
from typing import Final

from sidecar.domain.errors import LeaseLostError
from sidecar.domain.model import Lane
from sidecar.store.store import open_store
from tests.store.material import FAR, change, clock, run

RUNS: Final = 20
ROUNDS: Final = 15


async def count(url: str) -> None:
    # A lease that is over at once: whoever comes takes it, in the middle of another's writing too.
    async with open_store(url, clock=clock, lease_time=timedelta(0)) as store:
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        await asyncio.to_thread(sys.stdin.readline)
        for number in range(ROUNDS):
            lease = await store.leases.take("default", [Lane.HISTORY], clock())
            if lease is not None:
                with suppress(LeaseLostError):
                    await store.history.record(lease, change(*(run(str(n)) for n in range(RUNS))))
                    await store.history.record(lease, change(run(f"extra-{number}")))
                await store.leases.release(lease, clock() - FAR, failed=False)
        assert store.health.outages == 0


if __name__ == "__main__":
    asyncio.run(count(sys.argv[1]))
