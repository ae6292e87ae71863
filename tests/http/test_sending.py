"""How much long answers hold while they are being sent."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from aiohttp import web

from sidecar.domain.errors import BusyError
from sidecar.http.answers.sending import SLICE_BYTES, STREAM_BYTES, SendingBudget, Slices, Stream, join_body

LONG = b"x" * (2 * SLICE_BYTES)


def other() -> bytes:
    """As long, and not the same bytes."""
    return bytes(bytearray(LONG))


async def made() -> AsyncIterator[bytes]:
    yield b"x"


async def test_bytes_that_many_answers_share_count_once() -> None:
    sending = SendingBudget(at_most_bytes=len(LONG))
    answers = [web.Response(body=LONG) for _ in range(100)]
    for answer in answers:
        await sending.admit(answer)
    assert sending.held_bytes == len(LONG)


async def test_beyond_the_bound_a_long_answer_is_refused_until_another_is_sent() -> None:
    sending = SendingBudget(at_most_bytes=3 * SLICE_BYTES, patience_seconds=0)
    first, second = web.Response(body=LONG), web.Response(body=other())
    await sending.admit(first)
    with pytest.raises(BusyError):
        await sending.admit(web.Response(body=other()))
    await sending.admit(web.Response(body=b"short"))
    assert isinstance(first.body, Slices)
    await first.body.close()
    await sending.admit(second)
    assert sending.held_bytes == len(LONG)


async def test_a_long_answer_waits_for_room_before_it_is_refused() -> None:
    sending = SendingBudget(at_most_bytes=3 * SLICE_BYTES, patience_seconds=3_600)
    first, second = web.Response(body=LONG), web.Response(body=other())
    await sending.admit(first)
    waiting = asyncio.create_task(sending.admit(second))
    await asyncio.sleep(0)
    assert not waiting.done()
    assert isinstance(first.body, Slices)
    await first.body.close()
    await waiting
    assert isinstance(second.body, Slices)


async def test_answers_made_while_they_are_sent_count_until_their_end() -> None:
    sending = SendingBudget(at_most_bytes=2 * STREAM_BYTES, patience_seconds=0)
    scrape = web.Response(body=Stream(made()))
    await sending.admit(scrape)
    async with sending.streaming():
        assert sending.held_bytes == 2 * STREAM_BYTES
        with pytest.raises(BusyError):
            await sending.admit(web.Response(body=LONG))
        with pytest.raises(BusyError):
            await sending.admit(web.Response(body=Stream(made())))
        with pytest.raises(BusyError):
            async with sending.streaming():
                raise AssertionError("nothing is sent beyond the bound")
    assert isinstance(scrape.body, Stream)
    await scrape.body.close()
    assert sending.held_bytes == 0


def test_short_parts_are_one_body_and_long_ones_stay_shared() -> None:
    assert join_body(b"a", b"b") == b"ab"
    whole = join_body(b"a", LONG)
    assert isinstance(whole, Slices)
    assert whole.parts[1] is LONG
    assert whole.decode() == "a" + LONG.decode()
