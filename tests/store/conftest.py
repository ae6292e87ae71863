"""Every store under one contract: the fixtures that open it, and what to put in."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Protocol

import pytest

from sidecar.store.store import Store, open_store
from tests.store.material import clock
from tests.store.postgres import new_address


class Opener(Protocol):
    def __call__(self, url: str) -> AbstractAsyncContextManager[Store]: ...


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of a new database without rows."""
    return new_address(request, tmp_path)


@pytest.fixture(params=["memory", "sqlite", "postgresql"])
def any_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of any kind of store, empty."""
    return "memory:" if request.param == "memory" else new_address(request, tmp_path)


@pytest.fixture
async def store(any_url: str) -> AsyncIterator[Store]:
    """A store of any kind, as the service opens it."""
    async with open_store(any_url, clock=clock) as opened:
        assert opened.health.state == "ok"
        yield opened
