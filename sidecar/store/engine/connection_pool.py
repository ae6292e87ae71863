"""Connections that are kept open, a turn for each, and statements that are shielded from cancellation.

Pools of the driver's library are closed while connections of theirs are in
use or on their way back, so each is closed by whoever gives its last
connection back, and whoever comes meanwhile gets one of the next pool.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import Any, Final, TypeVar

from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

PATIENCE_SECONDS: Final = 6.0
"""How long a transaction is seen through though nobody wants it any more; SQLite waits less for others."""
INTERRUPTIONS: Final = 5
INTERRUPTION_SECONDS: Final = 0.1
"""How often, and how long after each other, what takes longer is interrupted.

Never on SQLite: its driver's thread goes on regardless, and gives the connection back when it is done.
"""
FAILURES: Final = (SQLAlchemyError, OSError)
"""What a database that is away makes of rolling back and of closing a connection."""

_Result = TypeVar("_Result")


class _CancellationShield:
    """How long one transaction is seen through once its task is cancelled, with all it still has to do."""

    def __init__(self, seconds: float, interruptions: int) -> None:
        self._seconds = seconds
        self._interruptions = interruptions
        self.abandoned: Final[list[asyncio.Future[Any]]] = []
        """What goes on though nobody waits for it."""
        self._ends: float | None = None
        """By the event loop's clock; ``None``: nobody gave up yet."""

    @property
    def is_over(self) -> bool:
        """Whether nothing is waited for any more."""
        return self._ends is not None and asyncio.get_running_loop().time() >= self._ends

    def begin(self) -> None:
        """Count from now, unless it is counted already: the task is to end."""
        if self._ends is None:
            self._ends = asyncio.get_running_loop().time() + self._seconds

    async def run(self, work: Coroutine[Any, Any, _Result]) -> _Result:
        """Wait for the work though the task is cancelled meanwhile, and raise that afterwards.

        A driver that is left in the middle of a statement goes on with it: its
        connection keeps the database locked until somebody finds it. So we see it
        through, for as long as a database that lives can take, then interrupt it, and
        leave what even so goes on to end by itself.

        Raises:
            TimeoutError: If it was interrupted or left because of an earlier cancellation.
        """
        loop = asyncio.get_running_loop()
        task = asyncio.ensure_future(work)
        cancelled: asyncio.CancelledError | None = None
        while not task.done() and not self.is_over:
            cancelled = (
                await _wait_at_most(task, None if self._ends is None else self._ends - loop.time())
                or cancelled
            )
            if cancelled is not None:
                self.begin()
        # At first a driver asks the server to stop, and waits for that, too.
        for _ in range(self._interruptions):
            if task.done():
                break
            cancelled = await _wait_at_most(task, INTERRUPTION_SECONDS) or cancelled
            task.cancel()
        if not task.done():
            self.abandoned.append(task)
            _ABANDONED.add(task)
            task.add_done_callback(_forget_task)
        if cancelled is not None:
            if task.done() and not task.cancelled():
                # Looked at, or asyncio reports it as lost; the cancellation counts more.
                task.exception()
            raise cancelled
        if not task.done() or task.cancelled():
            raise TimeoutError
        return task.result()


_ABANDONED: Final[set[asyncio.Future[Any]]] = set()
"""What goes on though nobody waits for it; the event loop would forget it."""


def _forget_task(task: asyncio.Future[Any]) -> None:
    _ABANDONED.discard(task)
    if not task.cancelled():
        # Looked at, or asyncio reports it as lost.
        task.exception()


async def _wait_at_most(task: asyncio.Future[Any], seconds: float | None) -> asyncio.CancelledError | None:
    """Wait for the task, at most so long; return the cancellation of who waits, if one came."""
    try:
        await asyncio.wait([task], timeout=seconds)
    except asyncio.CancelledError as exc:
        return exc
    return None


class _ShieldedConnection(AsyncConnection):
    """A connection whose statements are not left half-way; what else there is to ask with comes here, too."""

    def __init__(self, engine: AsyncEngine, shield: _CancellationShield) -> None:
        super().__init__(engine)
        self._shield = shield

    async def execute(self, *args: Any, **kwargs: Any) -> Any:
        """See :meth:`AsyncConnection.execute`."""
        return await self._shield.run(super().execute(*args, **kwargs))


class ConnectionPool:
    """Connections to one database, at most so many at once; closed, it opens new ones."""

    def __init__(
        self,
        make_engine: Callable[[], AsyncEngine],
        size: int,
        *,
        patience_seconds: float = PATIENCE_SECONDS,
        interruptions: int = INTERRUPTIONS,
    ) -> None:
        self._make_engine = make_engine
        self._new_shield = partial(_CancellationShield, patience_seconds, interruptions)
        self._engine: AsyncEngine | None = None
        """Made when it is needed, and again after it was closed."""
        self._users: Counter[AsyncEngine] = Counter()
        """How many connections are in use, being opened or on their way back."""
        self.turns: Final = asyncio.Semaphore(size)
        """To be held around :meth:`transaction`; waiting for it can be given up at any moment."""

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncConnection]:
        """A connection with a transaction: committed at the end, rolled back on any exception."""
        shield = self._new_shield()
        async with self._connected(shield) as connection, _transaction(connection, shield):
            yield connection

    @asynccontextmanager
    async def _connected(self, shield: _CancellationShield) -> AsyncIterator[AsyncConnection]:
        if self._engine is None:
            self._engine = self._make_engine()
        engine = self._engine
        self._users[engine] += 1
        connection = _ShieldedConnection(engine, shield)
        try:
            yield await shield.run(connection.start())
        finally:
            # How the transaction ended counts more than how the connection did.
            with suppress(*FAILURES):
                await shield.run(self._give_back(engine, connection, tuple(shield.abandoned)))

    async def _give_back(
        self, engine: AsyncEngine, connection: AsyncConnection, abandoned: Sequence[asyncio.Future[Any]]
    ) -> None:
        try:
            if abandoned:
                await asyncio.wait(abandoned)
            # None: it could not be opened.
            if connection.sync_connection is not None:
                await connection.close()
        finally:
            self._users[engine] -= 1
            if engine is not self._engine:
                await self._close_unused(engine)

    async def close(self) -> None:
        """Close all connections, those in use once the last is given back; later use opens new ones."""
        engine, self._engine = self._engine, None
        if engine is not None:
            await self._new_shield().run(self._close_unused(engine))

    async def _close_unused(self, engine: AsyncEngine) -> None:
        if not self._users[engine]:
            del self._users[engine]
            await engine.dispose()


@asynccontextmanager
async def _transaction(connection: AsyncConnection, shield: _CancellationShield) -> AsyncIterator[None]:
    """A transaction for this long: committed at the end, rolled back on any exception."""
    transaction = await shield.run(connection.begin().start())
    try:
        yield
    except BaseException as exc:
        if isinstance(exc, asyncio.CancelledError):
            shield.begin()
        # What is still at work is rolled back when the connection is given back after it.
        if not shield.abandoned:
            # Why it is rolled back counts more, above all that the task is to end.
            with suppress(*FAILURES):
                await shield.run(transaction.rollback())
        raise
    await shield.run(transaction.commit())
