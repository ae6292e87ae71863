"""A SQLite file is served from by one process, and its start ends what the one before it held."""

import asyncio
import os
import signal
import sys
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from sidecar.domain.errors import ConfigError, LeaseLostError
from sidecar.domain.model import Lane
from sidecar.store.engine.ownership import FileHeldError, FileOwnership
from sidecar.store.store import open_store
from tests.store.material import all_jobs, clock, hubs_result, plan_and_take
from tests.support.databases import new_file
from tests.support.service import eventually

KILLED_WITH_CHILD = """
import os, signal, sys, time
from pathlib import Path
from sidecar.store.engine.ownership import FileOwnership
owner = FileOwnership(Path(sys.argv[1]))
assert owner.take() is None
reader, writer = os.pipe()
child = os.fork()
if child == 0:
    os.close(1)
    os.write(writer, b"1")
    time.sleep(600)
os.read(reader, 1)
print(child, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "store.db"
    new_file(path)
    return path


async def test_second_service_is_told_in_one_sentence_what_to_use(file: Path) -> None:
    async with open_store(f"sqlite:///{file}", clock=clock, serves=True):
        with pytest.raises(ConfigError) as refused:
            async with open_store(f"sqlite:///{file}", clock=clock, serves=True):
                pass

    (told,) = refused.value.problems
    assert "store.url" in told
    assert str(file) in told
    assert "PostgreSQL" in told
    async with open_store(f"sqlite:///{file}", clock=clock, serves=True) as after:
        assert after.health.state == "ok"


async def test_second_service_is_told_before_it_changes_the_file(tmp_path: Path) -> None:
    file = tmp_path / "store.db"
    owner = FileOwnership(file)
    owner.take()

    with pytest.raises(ConfigError):
        async with open_store(f"sqlite:///{file}", clock=clock, serves=True):
            pass

    assert not file.exists()
    owner.release()


@pytest.mark.parametrize("name", ["link.db", "linked/store.db", "./store.db"])
async def test_file_by_another_name_is_the_same_file(file: Path, name: str) -> None:
    (file.parent / "link.db").symlink_to(file)
    (file.parent / "linked").symlink_to(file.parent)

    async with open_store(f"sqlite:///{file}", clock=clock, serves=True):
        with pytest.raises(ConfigError):
            async with open_store(f"sqlite:///{file.parent}/{name}", clock=clock, serves=True):
                pass


async def test_who_only_looks_or_adds_something_needs_no_lock(file: Path) -> None:
    url = f"sqlite:///{file}"
    async with open_store(url, clock=clock), open_store(url, clock=clock, serves=True) as service:
        async with open_store(url, clock=clock) as beside:
            assert beside.health.state == "ok"
        assert service.health.state == "ok"


async def test_stores_in_memory_are_each_its_own() -> None:
    async with AsyncExitStack() as stack:
        stores = [
            await stack.enter_async_context(open_store("memory:", clock=clock, serves=True)) for _ in range(2)
        ]
        assert [store.health.state for store in stores] == ["ok", "ok"]


async def test_start_ends_the_leases_of_the_one_before(file: Path) -> None:
    url = f"sqlite:///{file}"
    async with open_store(url, clock=clock, serves=True) as before:
        old = await plan_and_take(before)

    async with open_store(url, clock=clock) as beside:
        await beside.leases.plan(all_jobs(), clock())
        others = {await beside.leases.take("default", [Lane.FAST], clock()) for _ in range(2)}
        assert old.job not in {lease.job for lease in others if lease}

    async with open_store(url, clock=clock, serves=True) as after:
        await after.leases.plan(all_jobs(), clock())
        taken = [await after.leases.take("default", [Lane.FAST], clock()) for _ in range(2)]
        assert old.job in {lease.job for lease in taken if lease}
        with pytest.raises(LeaseLostError):
            await after.snapshots.merge(old, [hubs_result("of the dead")])


async def test_where_no_lock_can_be_had_the_service_serves_and_ends_no_leases(file: Path) -> None:
    file.with_name("store.db.lock").mkdir()
    url = f"sqlite:///{file}"
    async with open_store(url, clock=clock) as before:
        old = await plan_and_take(before)

    async with open_store(url, clock=clock, serves=True) as after:
        assert after.health.state == "ok"
        await after.snapshots.merge(old, [hubs_result("still held")])


async def test_file_that_another_service_took_over_meanwhile_stays_its_own(file: Path) -> None:
    url = f"sqlite:///{file}"
    async with open_store(url, clock=clock, serves=True, poll_seconds=0.02) as first:
        following = asyncio.ensure_future(first.follow())
        for path in file.parent.iterdir():
            path.unlink()
        async with open_store(url, clock=clock, serves=True) as second:
            await eventually(lambda: first.health.reason == "locked")
            assert second.health.state == "ok"
        await eventually(lambda: first.health.state == "ok")
        following.cancel()
        await asyncio.wait([following])


def test_lock_that_was_removed_is_taken_anew(file: Path) -> None:
    owner, other = FileOwnership(file), FileOwnership(file)
    owner.take()
    file.with_name("store.db.lock").unlink()

    assert owner.take() is None

    with pytest.raises(FileHeldError):
        other.take()
    owner.release()
    assert other.take() is None
    other.release()


@pytest.mark.service
async def test_kill_frees_the_file_though_a_child_lives_on(file: Path) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", KILLED_WITH_CHILD, str(file), stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    child = int(await process.stdout.readline())
    try:
        assert await process.wait() == -signal.SIGKILL

        owner = FileOwnership(file)
        assert owner.take() is None
        owner.release()
    finally:
        os.kill(child, signal.SIGKILL)
        await process.communicate()
