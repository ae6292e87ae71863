"""A Backstage, a clock that stands still, and the verification of its people."""

from collections.abc import AsyncIterator

import pytest

from sidecar.backstage.transport import BackstageHttp, open_backstage_http
from sidecar.backstage.users import BackstageUsers, open_backstage_users
from tests.support.backstage import ISSUER, Backstage, FixedClock, open_backstage


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock()


@pytest.fixture
async def backstage() -> AsyncIterator[Backstage]:
    async with open_backstage() as running:
        yield running


@pytest.fixture
async def http(backstage: Backstage) -> AsyncIterator[BackstageHttp]:
    async with open_backstage_http(backstage.url) as opened:
        yield opened


@pytest.fixture
async def users(http: BackstageHttp, clock: FixedClock) -> AsyncIterator[BackstageUsers]:
    async with open_backstage_users(http, issuer=ISSUER, clock=clock) as opened:
        yield opened
