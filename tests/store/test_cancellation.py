"""A transaction whose task is cancelled, at whatever moment: nothing is left open, and the next one works."""

import asyncio
import gc
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import select

from sidecar.store.database import POOL_SIZE, Database, parse_url
from sidecar.store.schema import meta
from tests.store.pausing import AtPause

CLOSINGS = 50


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
