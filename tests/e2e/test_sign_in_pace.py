"""Whoever hammers the sign-in form: what they may not take from those who sign in, read and synchronise."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from itertools import count
from typing import Final

import pytest

from sidecar.identity.pace import ADDRESS_AT_ONCE, ADDRESS_PER_MINUTE, SIGN_IN_BURST
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


async def test_forms_that_never_end_take_nothing_from_those_who_read(peopled: Small) -> None:
    config = config_of(peopled, auth=KEYS, limits={"concurrentRequests": 4}, **BEHIND_PROXY)
    async with open_service(config) as service, AsyncExitStack() as stack:
        await service.ready()
        readers = [
            await stack.enter_async_context(slow_sign_in(service, f"192.0.2.{number}"))
            for number in range(30)
        ]
        # There is place for some of them, and the others are told at once that there is none.
        done, _ = await asyncio.wait(
            [asyncio.ensure_future(reader.readuntil(b"\r\n\r\n")) for reader in readers],
            return_when=asyncio.FIRST_COMPLETED,
        )
        refusal = done.pop().result()
        assert refusal.startswith(b"HTTP/1.1 429 ")
        assert b"Retry-After: 1" in refusal
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

        async with asyncio.TaskGroup() as group:
            guessing = [group.create_task(guess()) for _ in range(25)]
            await eventually(lambda: simulator.asked("listExperiment") >= asked + 5)
            for task in guessing:
                task.cancel()
        sent = simulator.requests[begun:]
        guesses = sum(request.path == "/auth/login" for request in sent)
        assert 0 < guesses <= SIGN_IN_BURST + len(sent) / 3
