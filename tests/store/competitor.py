"""Take jobs as fast as possible, one among several processes; print each as ``project fence``."""

import asyncio
import sys

from sidecar.domain.model import Lane
from sidecar.store.store import open_store
from tests.store.material import FAR, clock


async def compete(url: str) -> None:
    async with open_store(url, clock=clock) as store:
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        await asyncio.to_thread(sys.stdin.readline)
        while (lease := await store.leases.take("default", [Lane.FAST], clock())) is not None:
            sys.stdout.write(f"{lease.job.project.project_id} {lease.fence}\n")
            if not lease.failures:
                # Due once more at once, for anybody.
                await store.leases.release(lease, clock() - FAR, failed=True)
        assert store.health.outages == 0


if __name__ == "__main__":
    asyncio.run(compete(sys.argv[1]))
