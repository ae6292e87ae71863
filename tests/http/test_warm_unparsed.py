"""A request that is the same to the byte is answered before it is parsed, as on the usual way."""

import asyncio
import re
from collections.abc import AsyncIterator
from typing import Final

import pytest

from sidecar.backstage.users import LEEWAY_SECONDS
from sidecar.backstage.visibility import VISIBLE_SECONDS
from sidecar.http.answers.sending import (
    AT_ONCE_BYTES,
    SENDING_BUDGET,
    SLICE_BYTES,
    UNSENT_BYTES,
    Slices,
)
from sidecar.http.gate.connection_limits import ConnectionLimits
from sidecar.http.services import SERVICES
from tests.http.warm_world import (
    COUNT,
    KEY,
    PLACES,
    World,
    changed,
    grow,
    open_world,
)
from tests.replica.documents import ENVIRONMENTS, EXPERIMENTS, body
from tests.support.golden_service import PROJECT
from tests.support.service import eventually


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with open_world(is_enforced=False) as opened:
        yield opened


async def test_what_was_asked_twice_is_answered_without_being_parsed(world: World) -> None:
    for what in (COUNT, PLACES[0]):
        first = await world.ask("key", what)
        at_once = world.warm.hits_at_once
        answers = [await world.ask("key", what) for _ in range(4)]
        assert answers == [first] * 4
        assert world.warm.hits_at_once == at_once + 3


async def test_a_client_that_has_the_answer_is_told_so_without_being_parsed(world: World) -> None:
    tag = (await world.ask("key", PLACES[0])).headers["etag"]
    for _ in range(4):
        answer = await world.ask("key", PLACES[0], {"If-None-Match": tag})
        assert (answer.status, answer.body) == (304, b"")
    assert world.warm.hits_at_once == 2


async def test_every_request_is_counted_once_whatever_way_it_takes(world: World) -> None:
    for _ in range(6):
        await world.ask("key", COUNT)
    assert world.warm.hits_at_once == 4
    assert world.counted("/api/query") == 6


async def test_a_person_is_answered_without_being_parsed_up_to_their_limit() -> None:
    async with open_world(is_enforced=False, per_minute=6) as world:
        answers = [await world.ask("person", COUNT) for _ in range(8)]
        assert [b"Too many requests" in one.body for one in answers] == [False] * 6 + [True] * 2
        assert (world.warm.hits, world.warm.hits_at_once) == (5, 4)
        assert world.counted("/api/query") == 8


async def test_a_person_is_answered_without_being_parsed_as_long_as_the_token_holds() -> None:
    async with open_world(is_enforced=False) as world:
        world.sign_in(exp=int(world.parts.clock.now.timestamp()) + 20)
        known = await world.ask("person", COUNT)
        assert [await world.ask("person", COUNT) for _ in range(3)] == [known] * 3
        assert world.warm.hits_at_once == 2
        world.parts.clock.advance(20 + LEEWAY_SECONDS)
        assert b'"unauthenticated"' in (await world.ask("person", COUNT)).body
        assert world.warm.hits_at_once == 2


async def test_a_right_that_is_lost_is_lost_to_who_was_answered_without_being_parsed() -> None:
    async with open_world() as world:
        known = await world.ask("person", COUNT)
        assert [await world.ask("person", COUNT) for _ in range(3)] == [known] * 3
        assert world.warm.hits_at_once == 2
        await changed(world, "hide", 0)
        world.parts.clock.advance(VISIBLE_SECONDS)
        assert b'"project_unknown"' in (await world.ask("person", COUNT)).body
        assert world.warm.hits_at_once == 2


async def test_a_key_of_backstage_that_is_gone_ends_what_was_answered_without_being_parsed() -> None:
    async with open_world(is_enforced=False) as world:
        known, token = await world.ask("person", COUNT), world.token
        assert [await world.ask("person", COUNT) for _ in range(3)] == [known] * 3
        assert world.warm.hits_at_once == 2
        await changed(world, "rotate", 1)
        # The keys are read anew for who signed in since.
        world.sign_in(sub="user:default/bob")
        assert await world.ask("person", COUNT) == known
        world.token = token
        assert b'"unauthenticated"' in (await world.ask("person", COUNT)).body
        assert world.warm.hits_at_once == 2


async def test_a_long_answer_that_has_to_wait_for_others_is_counted_once() -> None:
    async with open_world(is_enforced=False, per_minute=6) as world:
        grow(world)
        known = [await world.ask("person", EXPERIMENTS) for _ in range(3)]
        assert SLICE_BYTES < len(known[0].body) < AT_ONCE_BYTES
        assert world.warm.hits_at_once == 1
        sending = Slices(bytes(UNSENT_BYTES))
        assert world.parts.app[SENDING_BUDGET].take(sending)
        waiting = asyncio.create_task(world.ask("person", EXPERIMENTS))
        in_progress = world.parts.app[SERVICES].phase.in_progress
        await eventually(lambda: in_progress[""] == 1)
        await sending.close()
        answers = [*known, await waiting, *[await world.ask("person", EXPERIMENTS) for _ in range(3)]]
        assert answers[:6] == [known[0]] * 6
        assert b"Too many requests" in answers[6].body


@pytest.mark.parametrize("who", ["key", "person", "both"])
async def test_a_traced_request_is_answered_without_being_parsed(world: World, who: str) -> None:
    bodies = set()
    for _ in range(5):
        own = world.own_headers()
        response, content = await world.answer(who, COUNT, own)
        assert response.headers["X-Request-ID"] == own["X-Request-ID"]
        bodies.add(content)
    assert len(bodies) == 1
    assert (world.warm.hits, world.warm.hits_at_once) == (4, 3)


@pytest.mark.parametrize(
    "odd",
    [{"X-Request-ID": "no id"}, {"X-Request-ID": ""}, {"traceparent": "own"}, {"tracestate": "x" * 600}],
    ids=["no id", "empty id", "no trace", "long state"],
)
async def test_a_request_with_something_odd_of_its_own_is_parsed(world: World, odd: dict[str, str]) -> None:
    known = await world.ask("key", COUNT)
    for _ in range(4):
        assert await world.ask("key", COUNT, odd) == known
    assert (world.warm.hits, world.warm.hits_at_once) == (4, 0)


async def test_each_answer_has_an_id_of_its_own_that_no_request_gave(world: World) -> None:
    ids = {(await world.answer("key", COUNT))[0].headers["X-Request-ID"] for _ in range(6)}
    assert len(ids) == 6
    assert world.warm.hits_at_once == 4


async def test_a_connection_is_never_taken_for_idle_while_it_is_asked() -> None:
    """aiohttp, which ends those, hears of a request every so often; with no time to wait, of each."""
    async with open_world(is_enforced=False, bounds=ConnectionLimits(idle_seconds=0.0)) as world:
        first = await world.ask("key", COUNT, {"Connection": "close"})
        for _ in range(5):
            assert await world.ask("key", COUNT, {"Connection": "close"}) == first
        assert (world.warm.hits, world.warm.hits_at_once) == (5, 0)


def sent_by_key(what: str, *, close: bool = False) -> bytes:
    content = body(what, {"projectID": PROJECT.project_id, "request": {}})
    name, value = next(iter(KEY.items()))
    last = "Connection: close\r\n" if close else ""
    head = (
        f"POST /api/query HTTP/1.1\r\nHost: here\r\n{name}: {value}\r\n{last}"
        f"Content-Type: application/json\r\nContent-Length: {len(content)}\r\n\r\n"
    )
    return head.encode() + content


async def read_answer(reader: asyncio.StreamReader) -> tuple[bytes, bytes]:
    head = await reader.readuntil(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
    return head, await reader.readexactly(length)


async def test_however_requests_are_cut_into_pieces_each_gets_its_answer(world: World) -> None:
    one, other = sent_by_key(COUNT), sent_by_key(ENVIRONMENTS)
    reader, writer = await asyncio.open_connection("127.0.0.1", world.port)

    async def asked(*pieces: bytes, answers: int = 1) -> list[bytes]:
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
        return [(await read_answer(reader))[1] for _ in range(answers)]

    expected = [*await asked(one), *await asked(other)]
    for _ in range(3):
        assert [*await asked(one), *await asked(other)] == expected
    assert world.warm.hits_at_once == 4
    assert await asked(one[:30], one[30:-3], one[-3:]) == expected[:1]
    assert await asked(one, other, one, answers=3) == [*expected, expected[0]]
    assert await asked(one + other[:50], other[50:], answers=2) == expected
    for _ in range(3):
        assert [*await asked(one), *await asked(other)] == expected
    writer.close()


async def test_the_last_answer_of_a_connection_ends_it(world: World) -> None:
    sent = sent_by_key(COUNT, close=True)
    bodies = set()
    for _ in range(4):
        reader, writer = await asyncio.open_connection("127.0.0.1", world.port)
        writer.write(sent)
        head, content = await read_answer(reader)
        assert b"\r\nConnection: close\r\n" in head
        assert await reader.read() == b""
        bodies.add(content)
        writer.close()
    assert len(bodies) == 1
    assert world.warm.hits_at_once == 2


def odd(*lines: bytes, first: bytes = b"POST /api/query HTTP/1.1") -> bytes:
    """Return a query by a key whose head has these lines, too."""
    head, _, content = sent_by_key(COUNT).partition(b"\r\n\r\n")
    return b"\r\n".join((first, *head.split(b"\r\n")[1:], *lines)) + b"\r\n\r\n" + content


ODD: Final = {
    "key twice": odd(b"X-Litmus-Sidecar-Key: another-0123456789abcdef"),
    "length twice": odd(b"Content-Length: 7"),
    "space before colon": odd(b"X-Request-ID : a"),
    "folded id": odd(b"X-Request-ID: a", b" b"),
    "folded trace": odd(b"tracestate: a=1,", b" b=2"),
    "two ids": odd(b"X-Request-ID: a", b"x-request-id: b"),
    "id of a control character": odd(b"X-Request-ID: a\rb"),
    "spaced id": odd(b"X-Request-ID: \t a \t"),
    "longest id": odd(b"X-Request-ID: " + b"a" * 64),
    "id that is too long": odd(b"X-Request-ID: " + b"a" * 65),
    "names in capitals": odd(b"TRACESTATE: a=1", b"X-REQUEST-ID: a"),
    "proxies": odd(b"X-Forwarded-For: 192.0.2.1, 192.0.2.2", b"X-Forwarded-For: 192.0.2.3", b"Via: a, b"),
    "upgrade": odd(b"Connection: upgrade", b"Upgrade: websocket"),
    "last by a list": odd(b"Connection: X-Litmus-Sidecar-Key, close"),
    "last by the second": odd(b"Connection: keep-alive", b"Connection: close"),
    "line before": b"\r\n" + odd(),
    "whole address": odd(first=b"POST http://elsewhere/api/query HTTP/1.1"),
    "HTTP/1.0": odd(first=b"POST /api/query HTTP/1.0"),
    "60 kB": odd(*(b"X-%d: " % number + b"a" * 3_000 for number in range(20))),
    "long line": odd(b"X-A: " + b"a" * 33_000),
}


@pytest.mark.parametrize("sent", ODD.values(), ids=ODD.keys())
async def test_a_head_however_odd_is_answered_as_on_the_usual_way(world: World, sent: bytes) -> None:
    async def answered(asked: bytes) -> tuple[list[bytes], bytes]:
        reader, writer = await asyncio.open_connection("127.0.0.1", world.port)
        writer.write(asked)
        head, content = await read_answer(reader)
        writer.close()
        # One of our ids is as good as any other; a given one is not.
        head = re.sub(rb"\r\nDate: [^\r]*|(?<=\r\nX-Request-ID: )[0-9a-f]{16}(?=\r)", b"", head)
        return sorted(head.split(b"\r\n")), content.partition(b'"requestID"')[0]

    usual = await answered(sent.replace(b"\r\nHost: ", b"\r\nRange: bytes=0-\r\nHost: "))
    assert [await answered(sent) for _ in range(4)] == [usual] * 4
