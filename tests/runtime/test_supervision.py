"""Root tasks are restarted, and given up in the open."""

import asyncio

import pytest
import structlog

from sidecar.domain.errors import StoreError
from sidecar.runtime.supervision import MAX_FAILURES, Supervisor, UnitErrors
from tests.support.service import eventually


async def test_a_task_that_fails_is_started_again() -> None:
    starts = 0
    failures: list[str] = []

    async def fail_twice() -> None:
        nonlocal starts
        starts += 1
        if starts <= 2:
            raise RuntimeError("bug")
        await asyncio.Event().wait()

    supervisor = Supervisor(failures.append, first_pause_seconds=0.001)
    async with supervisor.running("work", fail_twice):
        await eventually(lambda: starts == 3)
    assert failures == ["work", "work"]
    assert supervisor.dead is None


async def test_a_task_that_ends_without_an_error_is_started_again_too() -> None:
    starts = 0

    async def end() -> None:
        nonlocal starts
        starts += 1
        if starts > 1:
            await asyncio.Event().wait()

    async with Supervisor(first_pause_seconds=0.001).running("work", end):
        await eventually(lambda: starts == 2)


async def test_a_task_that_keeps_failing_is_given_up_and_named() -> None:
    starts = 0

    async def fail() -> None:
        nonlocal starts
        starts += 1
        raise RuntimeError("bug")

    supervisor = Supervisor(first_pause_seconds=0.001)
    async with supervisor.running("work", fail):
        await supervisor.gave_up.wait()
    assert starts == MAX_FAILURES
    assert supervisor.dead == "work"


async def test_the_task_ends_with_the_block() -> None:
    ended = asyncio.Event()

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    async with Supervisor().running("work", work):
        await asyncio.sleep(0)
    assert ended.is_set()


def test_an_error_ends_its_unit_alone_and_is_told_when_it_begins() -> None:
    unit_errors = UnitErrors("counting")
    done = []
    with structlog.testing.capture_logs() as log:
        for turn in range(3):
            for unit in ("shop", "bank"):
                with unit_errors.contained(unit):
                    if unit == "shop" and turn < 2:
                        raise KeyError(unit)
                    done.append(unit)
    assert done == ["bank", "bank", "shop", "bank"]
    assert [(entry["event"], entry["unit"]) for entry in log] == [("failed unexpectedly", "shop")]
    assert not unit_errors.is_resting("shop")


def test_an_error_that_becomes_another_one_is_told_again_and_the_unit_rests() -> None:
    unit_errors = UnitErrors("counting")
    with structlog.testing.capture_logs() as log:
        for exc in (KeyError("a"), KeyError("b"), ValueError("c")):
            with unit_errors.contained("shop"):
                raise exc
    assert len(log) == 2
    assert unit_errors.is_resting("shop")
    assert not unit_errors.is_resting("bank")


def test_what_is_expected_passes_a_container() -> None:
    with pytest.raises(StoreError), UnitErrors("counting").contained("shop"):
        raise StoreError("away")
