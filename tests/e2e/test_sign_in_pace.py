"""Whoever hammers the sign-in form: what they may not take from those who sign in, read and synchronise."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from itertools import count
from typing import Final

import pytest

from sidecar.identity.sign_in_limit import (
    ADDRESS_AT_ONCE,
    ADDRESS_PER_MINUTE,
    SIGN_IN_BURST,
    SIGN_INS_AT_ONCE,
    RefusalDelay,
)
from tests.e2e.conftest import Small
from tests.e2e.door import config_of, people
from tests.support.service import QUICK_SYNC, Service, eventually, open_service
from tests.support.visitor import SIGN_IN, Visitor

KEY: Final = {"X-Litmus-Sidecar-Key": "reader-key-0123456789"}
KEYS: Final = {"keys": [{"name": "reader", "secret": "reader-key-0123456789", "scopes": ["read"]}]}
BEHIND_PROXY: Final = {"listen": {"trustedProxies": ["127.0.0.1/32"]}}
ORIGIN: Final = "https://sidecar.example.com"


@pytest.fixture
async def peopled(small: Small) -> Small:
    people(small)
    return small


def visitor_from(service: Service, address: str) -> Visitor:
    """Return somebody whose address a trusted proxy tells."""
    forwarded = {
        "X-Forwarded-Proto": "https",
        "X-Forwarded-Host": "sidecar.example.com",
        "X-Forwarded-For": address,
    }
    visitor = Visitor(service, forwarded)
    visitor.origin = ORIGIN
    return visitor


@asynccontextmanager
async def slow_sign_in(service: Service, address: str) -> AsyncIterator[asyncio.StreamReader]:
    """Begin to send a form of the sign-in page, and never go on."""
    host, _, port = service.url("").removeprefix("http://").rstrip("/").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    head = (
        f"POST {SIGN_IN} HTTP/1.1",
        f"Host: {host}:{port}",
        f"Origin: {ORIGIN}",
        "X-Forwarded-Proto: https",
        "X-Forwarded-Host: sidecar.example.com",
        f"X-Forwarded-For: {address}",
        "Content-Type: application/x-www-form-urlencoded",
        "Content-Length: 100",
    )
    writer.write("\r\n".join([*head, "", "u"]).encode())
    try:
        yield reader
    finally:
        writer.close()
        await writer.wait_closed()


class Leapt:
    """Time that goes on by itself, and in which waits are leapt over."""

    def __init__(self) -> None:
        self.waits: list[float] = []

    def now(self) -> float:
        return time.monotonic() + sum(self.waits)

    async def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)


async def test_a_refusal_takes_as_long_for_a_name_that_exists_as_for_any_other(peopled: Small) -> None:
    peopled.world.deactivate(peopled.world.add_user("gone"))
    peopled.world.bcrypt_seconds = 0.2
    leapt, hour = Leapt(), 3_600.0
    pace = RefusalDelay(hour, clock=leapt.now, sleep=leapt.sleep)
    async with open_service(config_of(peopled, **BEHIND_PROXY), refusal_pace=pace) as service:
        await service.ready()
        hours = []
        for name in ("vera", "gone", "nobody"):
            begun = leapt.now()
            assert (await visitor_from(service, "192.0.2.1").sign_in(name, "wrong")).status == 403
            hours.append((leapt.now() - begun) // hour)
    assert hours == [1, 1, 1]
    # What Litmus took with the one that exists is no addition.
    assert leapt.waits[0] <= hour - peopled.world.bcrypt_seconds


async def test_whoever_waits_to_be_refused_keeps_nobody_from_being_asked_about(peopled: Small) -> None:
    is_over = asyncio.Event()
    waiting: list[float] = []

    async def sleep(seconds: float) -> None:
        waiting.append(seconds)
        await is_over.wait()

    async with open_service(
        config_of(peopled, **BEHIND_PROXY), refusal_pace=RefusalDelay(sleep=sleep)
    ) as service:
        await service.ready()
        guesses = [
            asyncio.create_task(visitor_from(service, f"192.0.2.{number}").sign_in(f"name-{number}"))
            for number in range(SIGN_INS_AT_ONCE + 1)
        ]
        await eventually(lambda: len(waiting) == len(guesses))
        assert (await visitor_from(service, "192.0.2.100").sign_in("vera")).status == 303
        assert not any(guess.done() for guess in guesses)
        is_over.set()
        assert {(await guess).status for guess in guesses} == {403}


async def test_forms_that_never_end_take_nothing_from_those_who_read(peopled: Small) -> None:
    config = config_of(peopled, auth=KEYS, limits={"concurrentRequests": 4}, **BEHIND_PROXY)
    async with open_service(config) as service, AsyncExitStack() as stack:
        await service.ready()
        readers = [
            await stack.enter_async_context(slow_sign_in(service, f"192.0.2.{number}"))
            for number in range(30)
        ]
        # There is place for some of them, and the others are told at once that there is none.
        answers = asyncio.as_completed([reader.readuntil(b"\r\n\r\n") for reader in readers])
        refusals = [head for head in [await answer for answer in answers] if b" 429 " in head]
        assert refusals
        assert all(b"Retry-After: 1" in refusal for refusal in refusals)
        for path in ("/api/v1/entities", "/litmus"):
            assert (await service.get(path, headers=KEY)).status == 200


async def test_a_form_that_never_ends_is_given_up_and_counts_as_an_attempt(peopled: Small) -> None:
    async with open_service(config_of(peopled, **BEHIND_PROXY)) as service:
        await service.ready()
        address = "192.0.2.1"
        async with slow_sign_in(service, address) as reader:
            assert (await reader.readline()).startswith(b"HTTP/1.1 400 ")
        for _ in range(ADDRESS_PER_MINUTE - 1):
            async with service.services.sign_in_pace.attempt(address):
                pass
        assert (await visitor_from(service, address).sign_in("vera")).status == 403


async def test_an_address_has_few_places_of_its_own(peopled: Small) -> None:
    async with open_service(config_of(peopled, **BEHIND_PROXY)) as service, AsyncExitStack() as stack:
        await service.ready()
        pace = service.services.sign_in_pace
        for _ in range(ADDRESS_AT_ONCE):
            await stack.enter_async_context(pace.attempt("2001:db8:1:2::3"))
        refused = await visitor_from(service, "2001:db8:1:2:ffff::9").sign_in("vera")
        assert refused.status == 429
        assert refused.headers["Retry-After"] == "1"
        assert (await visitor_from(service, "2001:db8:9::1").sign_in("vera")).status == 303


async def test_failures_are_counted_per_address_too(peopled: Small) -> None:
    async with open_service(config_of(peopled, **BEHIND_PROXY)) as service:
        await service.ready()
        for _ in range(ADDRESS_PER_MINUTE):
            async with service.services.sign_in_pace.attempt("2001:db8:1:2::3"):
                pass
        assert (await visitor_from(service, "2001:db8:1:2::1").sign_in("vera")).status == 403
        assert (await visitor_from(service, "2001:db8:1:2:ffff::9").sign_in("vera")).status == 403
        assert (await visitor_from(service, "2001:db8:9::1").sign_in("vera")).status == 303


async def test_whoever_signs_in_uses_up_nothing_of_their_address(peopled: Small) -> None:
    """A company behind one address that nobody tells us apart must not lock itself out."""
    async with open_service(config_of(peopled, **BEHIND_PROXY)) as service:
        await service.ready()
        for _ in range(ADDRESS_PER_MINUTE - 1):
            async with service.services.sign_in_pace.attempt("192.0.2.1"):
                pass
        for name in ("vera", "egon", "olga"):
            assert (await visitor_from(service, "192.0.2.1").sign_in(name)).status == 303


async def test_guesses_from_everywhere_do_not_keep_the_sidecar_from_synchronising(peopled: Small) -> None:
    sync = {**QUICK_SYNC, "maxRequestsPerSecond": 10}
    async with open_service(config_of(peopled, sync=sync, **BEHIND_PROXY)) as service:
        await service.ready()
        simulator, numbers = peopled.simulator, count()
        begun, asked = len(simulator.requests), simulator.asked("listExperiment")

        async def guess() -> None:
            while True:
                number = next(numbers)
                visitor = visitor_from(service, f"2001:db8:{number % 65_536:x}::1")
                assert (await visitor.sign_in(f"name-{number}", "wrong")).status in {403, 429}
                if simulator.asked("listExperiment") > asked:
                    # As fast as they can for one synchronisation, then still far faster than may be asked.
                    await asyncio.sleep(0.05)

        async with asyncio.TaskGroup() as group:
            guessing = [group.create_task(guess()) for _ in range(25)]
            await eventually(lambda: simulator.asked("listExperiment") >= asked + 5)
            for task in guessing:
                task.cancel()
        sent = simulator.requests[begun:]
        guesses = sum(request.path == "/auth/login" for request in sent)
        assert 0 < guesses <= SIGN_IN_BURST + len(sent) / 3
