"""Open a store as a replica does, and tell how that went."""

import asyncio
import sys

from sidecar.store.store import open_store
from tests.store.material import clock


async def start(url: str) -> None:
    async with open_store(url, clock=clock) as store:
        sys.stdout.write(f"{store.health.reason or store.health.state}\n")


if __name__ == "__main__":
    asyncio.run(start(sys.argv[1]))
