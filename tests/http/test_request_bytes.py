"""Bytes that are one whole request: whatever is told to be one, any parser reads as that one alone."""

import asyncio
from itertools import pairwise
from typing import Any, Final

import pytest
from aiohttp.base_protocol import BaseProtocol
from aiohttp.http import HttpRequestParser
from aiohttp.http_exceptions import HttpProcessingError
from hypothesis import given
from hypothesis import strategies as st

from sidecar.http.gate.request_bytes import MOST, RequestBytes

GET: Final = b"GET /a HTTP/1.1\r\nHost: here\r\n\r\n"
POST: Final = b"POST /b HTTP/1.1\r\nHost: here\r\nContent-Length: 5\r\n\r\nhello"
LINES: Final = b"POST /c HTTP/1.1\r\nHost: here\r\nContent-Length: 8\r\n\r\n\r\n\r\nabcd"
CHUNKED: Final = b"POST /d HTTP/1.1\r\nHost: here\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
BARE: Final = b"GET /e HTTP/1.1\nHost: here\n\n"


class Parser:
    """aiohttp's parser, and what it made of what it was given."""

    def __init__(self) -> None:
        loop = asyncio.new_event_loop()
        self._parser = HttpRequestParser(BaseProtocol(loop), loop, 2**16, auto_decompress=False)
        loop.close()

    def feed(self, data: bytes) -> list[Any]:
        messages, _, _ = self._parser.feed_data(data)
        for _ in messages:
            self._parser.message_consumed()
        return list(messages)

    @property
    def is_between(self) -> bool:
        return self._parser.feed_eof() is None


def follow(pieces: list[bytes]) -> list[bytes]:
    """Return the requests that were told to be whole, each checked with a parser of its own."""
    watching, parser, whole = RequestBytes(), Parser(), []
    for piece in pieces:
        try:
            begun = parser.feed(piece)
        except HttpProcessingError:
            break
        watching.add(piece, [body for _, body in begun])
        if watching.is_between and (taken := watching.take()) is not None:
            alone = Parser()
            messages = alone.feed(taken)
            assert len(messages) == 1
            assert messages[0][1].is_eof()
            assert alone.is_between
            whole.append(taken)
    return whole


@given(
    requests=st.lists(
        st.sampled_from([GET, POST, LINES, CHUNKED, BARE, b"\r\n", b"\n", GET[:-2]]), min_size=1, max_size=4
    ),
    cuts=st.lists(st.integers(1, 150), max_size=6),
)
def test_what_is_told_to_be_whole_is_one_request_to_any_parser(
    requests: list[bytes], cuts: list[int]
) -> None:
    stream = b"".join(requests)
    at = sorted({0, len(stream), *(cut for cut in cuts if cut < len(stream))})
    follow([stream[begin:end] for begin, end in pairwise(at)])


@pytest.mark.parametrize("one", [GET, POST, LINES])
def test_each_request_that_comes_in_one_piece_is_whole(one: bytes) -> None:
    assert follow([one, one, GET, one]) == [one, one, GET, one]


def test_a_request_in_pieces_is_whole_with_the_last() -> None:
    assert follow([POST[:20], POST[20:60], POST[60:], GET]) == [POST, GET]


@pytest.mark.parametrize(
    "pieces",
    [[GET + GET], [GET + GET[:10], GET[10:]], [CHUNKED], [BARE], [GET + b"\r\n"]],
    ids=["two at once", "one and a half", "a body in chunks", "bare line ends", "more behind it"],
)
def test_whatever_else_comes_ends_the_watch(pieces: list[bytes]) -> None:
    assert follow([*pieces, GET, GET]) == []


def test_a_long_request_is_not_watched() -> None:
    body = b"x" * MOST
    long = b"POST /b HTTP/1.1\r\nHost: here\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
    assert follow([long, GET]) == []


def test_bytes_that_were_asked_for_too_early_are_not_kept() -> None:
    watching, parser = RequestBytes(), Parser()
    head, rest = POST[:-2], POST[-2:]
    watching.add(head, [body for _, body in parser.feed(head)])
    assert watching.take() is None
    parser.feed(rest)
    watching.add(rest, [])
    assert watching.is_between
    assert watching.take() is None
