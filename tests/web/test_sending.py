"""How much long answers hold while they are being sent."""

import pytest
from aiohttp import web

from sidecar.errors import BusyError
from sidecar.web.sending import SLICE_BYTES, Sending, Slices, joined

LONG = b"x" * (2 * SLICE_BYTES)


def test_bytes_that_many_answers_share_count_once() -> None:
    sending = Sending(at_most_bytes=len(LONG))
    answers = [web.Response(body=LONG) for _ in range(100)]
    for answer in answers:
        sending.begin(answer)
    assert sending.held_bytes == len(LONG)


async def test_beyond_the_bound_a_long_answer_is_refused_until_another_is_sent() -> None:
    sending = Sending(at_most_bytes=3 * SLICE_BYTES)
    first, second = web.Response(body=LONG), web.Response(body=bytes(bytearray(LONG)))
    sending.begin(first)
    with pytest.raises(BusyError):
        sending.begin(second)
    sending.begin(web.Response(body=b"short"))
    assert isinstance(first.body, Slices)
    await first.body.close()
    sending.begin(second)
    assert sending.held_bytes == len(LONG)


def test_short_parts_are_one_body_and_long_ones_stay_shared() -> None:
    assert joined(b"a", b"b") == b"ab"
    whole = joined(b"a", LONG)
    assert isinstance(whole, Slices)
    assert whole.parts[1] is LONG
    assert whole.decode() == "a" + LONG.decode()
