"""Connections that are kept open, a turn for each, and statements that are seen through.

Pools of the driver's library are closed while connections of theirs are in
use or on their way back, so each is closed by whoever gives its last
connection back, and whoever comes meanwhile gets one of the next pool.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from functools import wraps
from typing import Any, Final, TypeVar, cast

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

PATIENCE_SECONDS: Final = 8.0
"""How long a statement is seen through though nobody wants it any more; SQLite waits less for others."""

_Result = TypeVar("_Result")
_Method = TypeVar("_Method", bound=Callable[..., Coroutine[Any, Any, Any]])


async def _to_the_end(work: Coroutine[Any, Any, _Result]) -> _Result:
    """Wait for the work though the task is cancelled meanwhile, and raise that afterwards.

    A driver that is left in the middle of a statement goes on with it: its
    connection keeps the database locked until somebody finds it. So we see it
    through, for as long as a database that lives can take.
    """
    task = asyncio.ensure_future(work)
    cancelled: asyncio.CancelledError | None = None
    ends: float | None = None
    loop = asyncio.get_running_loop()
    while not task.done() and (ends is None or loop.time() < ends):
        try:
            await asyncio.wait([task], timeout=None if ends is None else ends - loop.time())
        except asyncio.CancelledError as exc:
            cancelled = exc
            ends = ends or loop.time() + PATIENCE_SECONDS
    if cancelled is None:
        return task.result()
    if task.done():
        # Looked at, or asyncio reports it as lost; the cancellation counts more.
        task.exception()
    else:
        task.cancel()
    raise cancelled


def _steady(method: _Method) -> _Method:
    """Return the method, seen through to its end."""

    @wraps(method)
    async def steady(*args: Any, **kwargs: Any) -> Any:
        return await _to_the_end(method(*args, **kwargs))

    return cast("_Method", steady)


class _SteadyConnection(AsyncConnection):
    """A connection whose statements are not left half-way; what else there is to ask with comes here, too."""

    execute = _steady(AsyncConnection.execute)


class Pool:
    """Connections to one database, at most so many at once; closed, it opens new ones."""

    def __init__(self, make_engine: Callable[[], AsyncEngine], size: int) -> None:
        self._make_engine = make_engine
        self._engine = make_engine()
        self._users: Counter[AsyncEngine] = Counter()
        """How many connections are in use, being opened or on their way back."""
        self.turns: Final = asyncio.Semaphore(size)
        """To be held around :meth:`transaction`; waiting for it can be given up at any moment."""

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncConnection]:
        """A connection with a transaction: committed at the end, rolled back on any exception."""
        async with self._connected() as connection, _begun(connection):
            yield connection

    @asynccontextmanager
    async def _connected(self) -> AsyncIterator[AsyncConnection]:
        engine = self._engine
        self._users[engine] += 1
        connection = _SteadyConnection(engine)
        try:
            yield await _to_the_end(connection.start())
        finally:
            await _to_the_end(self._give_back(engine, connection))

    async def _give_back(self, engine: AsyncEngine, connection: AsyncConnection) -> None:
        try:
            # None: it could not be opened.
            if connection.sync_connection is not None:
                await connection.close()
        finally:
            self._users[engine] -= 1
            if engine is not self._engine:
                await self._close_unused(engine)

    async def close(self) -> None:
        """Close all connections, those in use once the last is given back; later use opens new ones."""
        engine, self._engine = self._engine, self._make_engine()
        await _to_the_end(self._close_unused(engine))

    async def _close_unused(self, engine: AsyncEngine) -> None:
        if not self._users[engine]:
            del self._users[engine]
            await engine.dispose()


@asynccontextmanager
async def _begun(connection: AsyncConnection) -> AsyncIterator[None]:
    """A transaction for this long: committed at the end, rolled back on any exception."""
    transaction = await _to_the_end(connection.begin().start())
    try:
        yield
    except BaseException:
        await _to_the_end(transaction.rollback())
        raise
    await _to_the_end(transaction.commit())
