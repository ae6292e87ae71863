"""What a request is looked up by that is known to the byte: all of it but what is each request's own."""

import re
from typing import Any, Final, NamedTuple

import pytest
from aiohttp.http_exceptions import HttpProcessingError
from hypothesis import given
from hypothesis import strategies as st

from sidecar.config import AuthProxy
from sidecar.http.gate.request_bytes import RequestBytes
from sidecar.http.middleware.request_keys import RequestKeys
from tests.http.test_request_bytes import Parser

ADDRESS: Final = "192.0.2.7"
KEYS: Final = RequestKeys(AuthProxy())
OWN: Final = ("traceparent", "tracestate", "x-request-id")
TRACE: Final = b"00-0123456789abcdef0123456789abcdef-0123456789abcdef-01"
OTHER_TRACE: Final = b"00-ffffffffffffffffffffffffffffffff-eeeeeeeeeeeeeeee-00"
USABLE_ID: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")


def sent(*lines: bytes, body: bytes = b"") -> bytes:
    length = b"Content-Length: %d" % len(body)
    return b"\r\n".join((b"POST /api/query HTTP/1.1", b"Host: here", *lines, length, b"", body))


class Read(NamedTuple):
    """A request as aiohttp reads it."""

    method: str
    path: str
    headers: tuple[tuple[str, str], ...]
    """Without the values that are each request's own."""
    own: dict[str, list[str]]
    body: bytes


def read(one: bytes) -> Read | None:
    """Return what aiohttp makes of bytes; ``None`` if they are not known to be one whole request."""
    parser, watching = Parser(), RequestBytes()
    try:
        messages: list[Any] = parser.feed(one)
    except HttpProcessingError:
        return None
    watching.add(one, [body for _, body in messages])
    if len(messages) != 1 or watching.take() is None:
        return None
    head, body = messages[0]
    headers, own = [], dict[str, list[str]]()
    for name, value in head.headers.items():
        is_own = name.lower() in OWN
        headers.append((name, "" if is_own else value))
        if is_own:
            own.setdefault(name.lower(), []).append(value)
    return Read(head.method, head.path, tuple(headers), own, body.read_nowait())


NAMES: Final = st.sampled_from(
    (
        b"traceparent",
        b"TraceParent",
        b"tracestate",
        b"X-Request-ID",
        b"x-request-id",
        b"X-Request-ID ",
        b"Via",
    )
)
VALUES: Final = st.sampled_from(
    (
        *(
            TRACE,
            OTHER_TRACE,
            TRACE[:-1],
            TRACE.upper(),
            b"a=1",
            b"a=1, b=2 ",
            b"id-1",
            b"id-2",
            b"",
            b" ",
            b"\xe4",
        ),
        *(
            b"id\tx",
            b"id x",
            b"x" * 65,
            b"a\r\n folded",
            b"a\nX-Request-ID: b",
            b"a\r\nX-Request-ID: b",
            b"a\r",
        ),
        *(b"a\r\nAuthorization: Bearer b", b"a\r\n\r\nGET / HTTP/1.1\r\nHost: here"),
    )
)
LINES: Final = st.tuples(
    st.sampled_from((b"\r\n", b"\r\n", b"\r\n", b"\n", b"\r\n ")),
    NAMES,
    st.sampled_from((b":", b": ", b": ", b":  ", b":\t")),
)
BODIES: Final = st.sampled_from((b"", b"{}", b"\r\n\r\n", b"\r\nX-Request-ID: b\r\n\r\n"))


@given(
    lines=st.lists(LINES, max_size=3),
    values=st.lists(st.tuples(VALUES, VALUES), min_size=3, max_size=3),
    bodies=st.tuples(BODIES, BODIES),
)
def test_requests_of_one_key_are_one_request_to_any_parser_but_for_what_is_their_own(
    lines: list[tuple[bytes, bytes, bytes]], values: list[tuple[bytes, bytes]], bodies: tuple[bytes, bytes]
) -> None:
    both = []
    for number, body in enumerate(bodies):
        parts = [b"".join((*line, value[number])) for line, value in zip(lines, values, strict=False)]
        head = b"GET / HTTP/1.1\r\nHost: here" + b"".join(parts) + b"\r\nContent-Length: %d" % len(body)
        both.append(head + b"\r\n\r\n" + body)
    (first, reading), (second, other) = [(KEYS.of_bytes(ADDRESS, one), read(one)) for one in both]
    if first is None or reading is None:
        return
    # Known is only what was read.
    assert all(len(given_values) == 1 for given_values in reading.own.values())
    given_id = reading.own.get("x-request-id", [""])[0]
    assert first.request_id == (given_id if USABLE_ID.fullmatch(given_id) else None)
    if second is not None and second.digest == first.digest:
        assert other is not None
        assert other._replace(own={}) == reading._replace(own={})


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ([b"traceparent: " + TRACE], [b"traceparent: " + OTHER_TRACE]),
        ([b"X-Request-ID:a"], [b"X-Request-ID:b.c-d_e"]),
        (
            [b"TRACEPARENT: " + TRACE, b"tracestate: a=1, b=2"],
            [b"TRACEPARENT: " + OTHER_TRACE, b"tracestate: c=3"],
        ),
        (
            [b"x-request-id: a", b"Accept: */*", b"traceparent: " + TRACE],
            [b"x-request-id: b", b"Accept: */*", b"traceparent: " + OTHER_TRACE],
        ),
    ],
    ids=["trace", "id", "state", "all"],
)
def test_what_is_each_requests_own_does_not_matter(one: list[bytes], other: list[bytes]) -> None:
    first, second = KEYS.of_bytes(ADDRESS, sent(*one)), KEYS.of_bytes(ADDRESS, sent(*other))
    assert first is not None
    assert second is not None
    assert first.digest == second.digest


def test_everything_else_matters() -> None:
    own = b"traceparent: " + TRACE
    requests = [
        sent(),
        sent(own),
        sent(own, b"X-Request-ID: a"),
        sent(b"X-Request-ID: a", own),
        sent(b"Via: a", own),
        sent(b"Via: b", own),
        sent(own, body=b"{}"),
        sent(own, body=b"\r\nX-Request-ID: a\r\n\r\n"),
        sent(own, body=b"\r\nX-Request-ID: b\r\n\r\n"),
    ]
    keys = [KEYS.of_bytes(ADDRESS, one) for one in requests] + [KEYS.of_bytes("192.0.2.8", sent())]
    assert None not in keys
    assert len({key.digest for key in keys if key is not None}) == len(keys)


@pytest.mark.parametrize(
    "odd",
    [
        [b"X-Request-ID: a", b"X-Request-ID: b"],
        [b"X-Request-ID: a", b"x-request-id: "],
        [b"traceparent: own"],
        [b"traceparent: ff" + TRACE[2:]],
        [b"X-Request-ID: a b"],
        [b"X-Request-ID:"],
        [b"X-Request-ID: " + b"x" * 65],
        [b"X-Request-ID: a", b" b"],
        [b"X-Request-ID: a\nVia: b"],
        [b"Via: a\nX-Request-ID: b"],
        [b"tracestate: " + b"x" * 513],
        [b"traceparents: " + TRACE],
    ],
    ids=str,
)
def test_what_is_odd_has_no_key(odd: list[bytes]) -> None:
    assert KEYS.of_bytes(ADDRESS, sent(*odd)) is None


def test_a_header_that_says_who_asks_is_no_requests_own() -> None:
    keys = RequestKeys(AuthProxy(user_header="X-Request-ID"))
    assert keys.of_bytes(ADDRESS, sent(b"X-Request-ID: a")) is None
    assert keys.of_bytes(ADDRESS, sent()) is not None
