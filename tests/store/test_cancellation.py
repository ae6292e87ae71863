"""A transaction whose task is cancelled, at whatever moment: nothing is left open, and the next one works."""

import asyncio
import gc
import os
import signal
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import func, select, text

from sidecar.config.store_url import parse_url
from sidecar.store.engine.database import POOL_SIZE, Database
from sidecar.store.schema import meta
from tests.store.pausing import AtPause
from tests.store.postgres import PostgresServer
from tests.support.service import CEILING_SECONDS, eventually

pytestmark = pytest.mark.service

CLOSINGS = 50
LITTLE_PATIENCE_SECONDS = 0.05
SLOW_STATEMENTS = {
    # A second or a few: the thread it runs in cannot be interrupted.
    True: "INSERT INTO meta WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 3000000) "
    "SELECT 'long', count(*) FROM n",
    False: "SELECT pg_sleep(600)",
}
"""By whether it is for SQLite."""


async def write(database: Database, name: str) -> None:
    async with database.writing() as connection:
        await connection.execute(database.insert(meta), {"name": name, "value": "written"})


async def names(database: Database) -> set[str]:
    async with database.reading() as connection:
        return set(await connection.scalars(select(meta.c.name)))


async def write_cancelled(database: Database, at: int) -> bool:
    """Cancel a write when it waits for the so-many-th time; tell whether it came to that."""
    was_cancelled = False

    def cancel() -> None:
        nonlocal was_cancelled
        was_cancelled = task.cancel()

    async def run() -> None:
        await AtPause(write(database, f"cancelled at {at}"), at, cancel)

    task = asyncio.create_task(run())
    await asyncio.wait([task])
    if not was_cancelled:
        task.result()
    return task.cancelled()


@contextmanager
def nothing_left_open() -> Iterator[None]:
    """Fail for what the garbage collector has to close, and for tasks that wait with nobody to wake them."""
    lost: list[str] = []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _loop, context: lost.append(context["message"]))
    # What others left must not be found here.
    gc.collect()
    with warnings.catch_warnings(record=True) as left_open:
        warnings.simplefilter("always")
        yield
        gc.collect()
    loop.set_exception_handler(None)
    assert lost + [str(one.message) for one in left_open] == []


async def test_cancelled_transaction_leaves_nothing_open(url: str) -> None:
    pause, was_cancelled = -1, True
    database: Database | None = None
    with nothing_left_open():
        while was_cancelled:
            pause += 1
            # Anew each time, so that connections are opened.
            database = Database(parse_url(url))
            await database.open()
            was_cancelled = await write_cancelled(database, pause)
            await write(database, f"after {pause}")
            assert f"after {pause}" in await names(database)
            await database.close()
        del database
    # Opening, beginning, writing, committing, giving back.
    assert pause >= 5


async def test_connection_in_use_is_closed_after_its_pool(url: str) -> None:
    database = Database(parse_url(url))
    await database.open()
    with nothing_left_open():
        async with database.writing() as connection:
            await database.close()
            await connection.execute(database.insert(meta), {"name": "late", "value": "written"})
        del connection
        assert await names(database) == {"late"}
        await database.close()
        del database


async def test_closing_while_others_read_leaves_nothing_open(url: str) -> None:
    """A connection may come back to a pool that was closed while it was on its way."""
    database = Database(parse_url(url))
    await database.open()
    is_over = False

    async def keep_reading(database: Database) -> None:
        while not is_over:
            await names(database)

    with nothing_left_open():
        readers = [asyncio.create_task(keep_reading(database)) for _ in range(2 * POOL_SIZE)]
        for _ in range(CLOSINGS):
            await database.close()
            await names(database)
        is_over = True
        await asyncio.gather(*readers)
        await database.close()
        del database, readers


async def cancelled(task: asyncio.Task[None]) -> bool:
    """Cancel the task once; tell whether that is how it ended."""
    task.cancel()
    done, _ = await asyncio.wait([task], timeout=CEILING_SECONDS)
    return bool(done) and task.cancelled()


async def test_statement_that_takes_longer_than_our_patience_is_left_alone(url: str) -> None:
    database = Database(parse_url(url), patience_seconds=LITTLE_PATIENCE_SECONDS)
    await database.open()
    has_begun = asyncio.Event()

    async def take_long(database: Database) -> None:
        async with database.writing() as connection:
            has_begun.set()
            await connection.execute(text(SLOW_STATEMENTS[database.is_sqlite]))

    with nothing_left_open():
        task = asyncio.create_task(take_long(database))
        await has_begun.wait()
        assert await cancelled(task)
        await write(database, "after")
        assert await names(database) == {"after"}
        await database.close()
        del database, task


@pytest.mark.parametrize(
    ("number", "is_in_statement"),
    [(signal.SIGSTOP, True), (signal.SIGSTOP, False), (signal.SIGTERM, False)],
)
async def test_cancellation_is_not_lost_on_a_server_that_hangs_or_is_gone(
    postgres: PostgresServer, number: signal.Signals, *, is_in_statement: bool
) -> None:
    """Else the task goes on that was to end, and with it the service."""
    database = Database(parse_url(postgres.new_database()), patience_seconds=LITTLE_PATIENCE_SECONDS)
    await database.open()
    process_id = asyncio.get_running_loop().create_future()

    async def meet_it() -> None:
        async with database.writing() as connection:
            servers = (await connection.execute(select(func.pg_backend_pid()))).scalar_one()
            os.kill(servers, number)
            process_id.set_result(servers)
            if is_in_statement:
                await connection.execute(database.insert(meta), {"name": "lost", "value": "written"})
            else:
                await asyncio.Event().wait()

    task = asyncio.create_task(meet_it())
    servers = await process_id
    try:
        if number == signal.SIGTERM:
            await eventually(lambda: not is_running(servers))
        assert await cancelled(task)
        await write(database, "after")
        assert await names(database) == {"after"}
    finally:
        if is_running(servers):
            os.kill(servers, signal.SIGCONT)
    await database.close()


def is_running(process_id: int) -> bool:
    try:
        os.kill(process_id, 0)
    except ProcessLookupError:
        return False
    return True
