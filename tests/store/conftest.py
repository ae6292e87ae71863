"""Every store under one contract: the fixtures that open it, and what to put in."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Protocol, cast

import pytest

from sidecar.store.local_leases import LEASE_TIME
from sidecar.store.store import Store, open_store
from tests.store.material import clock
from tests.store.postgres import new_address
from tests.support.databases import open_memory_store
from tests.support.memory_store import MemoryStore


class OpenAny(Protocol):
    def __call__(self, *, lease_time: timedelta = LEASE_TIME) -> AbstractAsyncContextManager[Store]: ...


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of a new database without rows."""
    return new_address(request, tmp_path, request.param)


@pytest.fixture(params=["memory", "sqlite", "postgresql"])
def any_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of any kind of store, empty."""
    return _address(request.param, request, tmp_path)


@pytest.fixture(params=["memory", "sqlite", "postgresql", "stand-ins"])
def kind(request: pytest.FixtureRequest) -> str:
    """A kind of store; last, what stands in for one in the tests of others."""
    kind: str = request.param
    return kind


@pytest.fixture
def open_any(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> OpenAny:
    """Opens an empty store of the kind, as the service opens it."""
    if kind == "stand-ins":
        return _stand_in
    if kind == "memory":
        return partial(open_memory_store, clock)
    return partial(open_store, _address(kind, request, tmp_path), clock=clock)


@pytest.fixture
async def store(open_any: OpenAny) -> AsyncIterator[Store]:
    """A store of any kind."""
    async with open_any() as opened:
        assert opened.health.state == "ok"
        yield opened


@asynccontextmanager
async def _stand_in(*, lease_time: timedelta = LEASE_TIME) -> AsyncIterator[Store]:
    yield cast("Store", MemoryStore(clock, lease_time=lease_time))


def _address(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return "memory:" if kind == "memory" else new_address(request, tmp_path, kind)
