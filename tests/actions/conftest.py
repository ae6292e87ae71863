"""A simulated Litmus with something to act on, and a replica of the sidecar at it."""

from collections.abc import AsyncIterator

import pytest

from tests.support.acting import Replica, Shop, open_replica, open_shop


@pytest.fixture
async def shop() -> AsyncIterator[Shop]:
    async with open_shop() as opened:
        yield opened


@pytest.fixture
async def replica(shop: Shop) -> AsyncIterator[Replica]:
    async with open_replica(shop) as opened:
        yield opened
