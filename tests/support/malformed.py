"""A sick neighbour: stands before a real server, passes questions on, and spoils the answers.

It writes HTTP by hand, because no library would send what it sends. A malady
makes of a good answer what goes over the wire; the table holds those that are
of general interest, tests may add their own.
"""

import asyncio
import functools
import gzip
import json
import socket
import struct
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import aiohttp

from sidecar.runtime.supervision import end_all

DEEP: Final = 100_000
MARK: Final = "Secret-Of-The-Neighbour"
"""Stands in what the sick neighbour writes of its own; no answer of ours may have it."""


@dataclass(frozen=True)
class Spoilt:
    """What goes over the wire."""

    body: bytes
    status: str = "200 OK"
    headers: tuple[tuple[str, str], ...] = (("Content-Type", "application/json"),)
    length: int | None = None
    """``Content-Length``, if it lies."""
    reset: bool = False
    """Whether the connection is reset in the middle of the body."""
    drip: bool = False
    """Whether one byte follows the other so slowly that the answer never ends."""
    chunked: bool = False


Malady = Callable[[bytes], Spoilt]


def _body(make: Callable[[bytes], bytes]) -> Malady:
    return lambda good: Spoilt(make(good))


def _head(*headers: tuple[str, str], status: str = "200 OK") -> Malady:
    return lambda good: Spoilt(good, status=status, headers=headers)


def arrays(depth: int = DEEP) -> bytes:
    return b"[" * depth + b"]" * depth


def objects(depth: int = DEEP) -> bytes:
    return b'{"a":' * depth + b"1" + b"}" * depth


def with_values(good: bytes, value: bytes) -> bytes:
    """Put a JSON text in the place of every value of the answer's innermost objects that have a name."""
    hole = "@hole@"

    def spoil(content: Any, depth: int) -> Any:
        if isinstance(content, dict) and depth > 0 and content:
            return {key: spoil(inner, depth - 1) for key, inner in content.items()}
        return hole

    try:
        content = json.loads(good)
    except ValueError:
        return value
    # In an answer of GraphQL: the root fields, not what they stand in.
    depth = 2 if isinstance(content, dict) and set(content) <= {"data", "errors"} else 1
    return json.dumps(spoil(content, depth)).encode().replace(json.dumps(hole).encode(), value)


def doubled(good: bytes) -> bytes:
    """Say everything twice in one object, the second time as another type."""
    return good[:-1] + b"," + with_values(good, b"0")[1:] if good[:1] == b"{" and len(good) > 2 else good


@functools.cache
def _bomb() -> bytes:
    return gzip.compress(b"[" + b" " * (40 * 1024 * 1024) + b"]")


@functools.cache
def _many_headers() -> tuple[tuple[str, str], ...]:
    return tuple((f"X-{number}", "x") for number in range(20_000))


_JSON: Final = ("Content-Type", "application/json")

MALADIES: Final[Mapping[str, Malady]] = {
    "empty": _body(lambda _: b""),
    "no UTF-8": _body(lambda good: good.replace(b'":"', b'":"\xff\xfe').replace(b'": "', b'": "\xff')),
    "no UTF-8 alone": _body(lambda _: b'{"role":"\xff","data":{"\xff":"\xff"}}'),
    "deep arrays": _body(lambda _: arrays()),
    "deep objects": _body(lambda _: objects()),
    "deep arrays at known places": _body(lambda good: with_values(good, arrays())),
    "deep objects at known places": _body(lambda good: with_values(good, objects())),
    "deep and open": _body(lambda good: with_values(good, b"[" * DEEP)),
    "truncated": _body(lambda good: good[: len(good) // 2]),
    "half a pair": _body(lambda good: with_values(good, b'"\\ud800"')),
    "NUL": _body(lambda good: with_values(good, b'"\\u0000\\u0000"')),
    "huge whole": _body(lambda good: with_values(good, b"9" * 5_000)),
    "huge real": _body(lambda good: with_values(good, b"1e400")),
    "no number": _body(lambda good: with_values(good, b"NaN")),
    "long text": _body(lambda good: with_values(good, b'"' + MARK.encode() * 50_000 + b'"')),
    "long list": _body(lambda good: with_values(good, b"[" + b"{}," * 300_000 + b"{}]")),
    "doubled keys": _body(doubled),
    "null": _body(lambda _: b"null"),
    "true": _body(lambda _: b"true"),
    "a number": _body(lambda _: b"-1"),
    "a text": _body(lambda _: json.dumps(MARK).encode()),
    "a list": _body(lambda _: b"[]"),
    "an object": _body(lambda _: b"{}"),
    "nulls": _body(lambda good: with_values(good, b"null")),
    "numbers": _body(lambda good: with_values(good, b"-1")),
    "lists": _body(lambda good: with_values(good, b"[[]]")),
    "objects": _body(lambda good: with_values(good, b'{"a":{}}')),
    "HTML": lambda _: Spoilt(f"<html>{MARK}</html>".encode(), headers=(("Content-Type", "text/html"),)),
    "HTML as JSON": _body(lambda _: f"<html>{MARK}</html>".encode()),
    "errors": _body(lambda _: json.dumps({"errors": [{"message": MARK}], "error": MARK}).encode()),
    "failing with HTML": lambda _: Spoilt(f"<b>{MARK}".encode(), status="500 Sorry", headers=()),
    "unknown charset": _head(("Content-Type", "application/json; charset=" + MARK)),
    "foreign charset": _head(("Content-Type", "application/json; charset=utf-16")),
    "no content type": _head(),
    "content type without sense": _head(("Content-Type", ";;=/\x00/;")),
    "too long for its length": lambda good: Spoilt(good, length=len(good) // 2),
    "too short for its length": lambda good: Spoilt(good, length=len(good) + 10),
    "length without sense": lambda good: Spoilt(good, headers=(_JSON, ("Content-Length", "-" + MARK))),
    "two lengths": lambda good: Spoilt(good, headers=(_JSON, ("Content-Length", "1"))),
    "bad chunks": lambda good: Spoilt(b"zz\r\n" + good, headers=(_JSON, ("Transfer-Encoding", "chunked"))),
    "a bomb": lambda _: Spoilt(_bomb(), headers=(_JSON, ("Content-Encoding", "gzip"))),
    "broken gzip": lambda good: Spoilt(
        gzip.compress(good)[:-9] + b"xxxxxxxxx", headers=(_JSON, ("Content-Encoding", "gzip"))
    ),
    "gzip that is none": _head(_JSON, ("Content-Encoding", "gzip")),
    "deflate that is none": _head(_JSON, ("Content-Encoding", "deflate")),
    "unknown encoding": _head(_JSON, ("Content-Encoding", MARK)),
    "long header": _head(_JSON, ("X-Long", "x" * 300_000)),
    "many headers": lambda good: Spoilt(good, headers=(_JSON, *_many_headers())),
    "cookies without sense": _head(_JSON, ("Set-Cookie", "=;;=" + MARK), ("Set-Cookie", "\xff")),
    "redirected to itself": _head(("Location", "/"), status="302 Found"),
    "redirected to nowhere": _head(("Location", "http://[" + MARK), status="308 There"),
    "status without sense": _head(_JSON, status="999 " + MARK),
    "no status": _head(_JSON, status=MARK),
    "interim for ever": lambda good: Spoilt(good, status="100 Continue"),
    "switched protocols": lambda good: Spoilt(good, status="101 Switching Protocols"),
    "reset": lambda good: Spoilt(good, reset=True),
    "drip": lambda good: Spoilt(good, drip=True),
}


@dataclass
class SickNeighbour:
    """The running server; a test chooses the malady between requests."""

    upstream: str
    url: str = ""
    malady: Malady | None = None
    """``None``: answers pass as they are."""
    strikes: Callable[[str, bytes], bool] = lambda _path, _body: True
    """Which questions, by path and body, are answered with the malady."""
    struck: Counter[str] = field(default_factory=Counter)
    """Spoilt answers by path, without what differs from project to project."""
    session: aiohttp.ClientSession | None = None
    """With which the real server is asked."""

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await self._talk(reader, writer)
        except (OSError, asyncio.IncompleteReadError, aiohttp.ClientError):
            pass  # Who asked has left, or who is asked.
        finally:
            writer.close()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        line, *lines = head.decode("latin-1").split("\r\n")
        method, target, _ = line.split(" ")
        headers = dict(one.split(": ", 1) for one in lines if one)
        body = await reader.readexactly(int(headers.get("Content-Length", "0")))
        await self._answer(writer, method, target, headers, body)

    async def _answer(
        self, writer: asyncio.StreamWriter, method: str, target: str, headers: Mapping[str, str], body: bytes
    ) -> None:
        malady, path = self.malady, target.partition("?")[0]
        passed = {name: headers[name] for name in ("Authorization", "Content-Type") if name in headers}
        assert self.session is not None
        async with self.session.request(
            method, self.upstream + target, headers=passed, data=body or None
        ) as response:
            good, status = await response.read(), response.status
            kind = response.headers.get("Content-Type", "application/json")
        if malady is None or not self.strikes(path, body):
            await _send(writer, Spoilt(good, status=f"{status} -", headers=(("Content-Type", kind),)))
            return
        # Counted first: who waits for the count then waits for what becomes of the answer.
        self.struck[path.rpartition("/")[0] if path.count("/") > 2 else path] += 1
        await _send(writer, malady(good))


async def _send(writer: asyncio.StreamWriter, spoilt: Spoilt) -> None:
    headers = [*spoilt.headers, ("Connection", "close")]
    if not any(name == "Transfer-Encoding" for name, _ in headers):
        length = len(spoilt.body) if spoilt.length is None else spoilt.length
        headers.append(("Content-Length", str(length)))
    head = f"HTTP/1.1 {spoilt.status}\r\n" + "".join(f"{name}: {value}\r\n" for name, value in headers)
    writer.write(head.encode("latin-1") + b"\r\n")
    if spoilt.reset:
        writer.write(spoilt.body[: len(spoilt.body) // 2])
        await writer.drain()
        raw = writer.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        return
    if spoilt.drip:
        for byte in spoilt.body:
            writer.write(bytes([byte]))
            await writer.drain()
            await asyncio.sleep(0.2)
        return
    writer.write(spoilt.body)
    await writer.drain()


@asynccontextmanager
async def open_sick_neighbour(upstream: str) -> AsyncIterator[SickNeighbour]:
    """Stand before a server, on a free port of loopback; well at first."""
    neighbour = SickNeighbour(upstream.rstrip("/"))
    tasks: set[asyncio.Task[None]] = set()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(neighbour.handle(reader, writer))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session:
        neighbour.session = session
        server = await asyncio.start_server(accept, "127.0.0.1", 0, limit=1 << 20)
        host, port = server.sockets[0].getsockname()[:2]
        neighbour.url = f"http://{host}:{port}"
        try:
            yield neighbour
        finally:
            server.close()
            await end_all(tasks)


SCALARS: Final[tuple[Any, ...]] = (None, True, -1, 0.5, 10**18, "", "x", "\u0000", [], {}, [None], {"a": [1]})
"""What may stand anywhere in an answer: every type of JSON, and what is odd of each."""


def places(content: Any, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    """Return the way to every value within a JSON value, the whole included."""
    found = [path]
    inner = content.items() if isinstance(content, dict) else enumerate(content) if _is_list(content) else ()
    for key, value in inner:
        found += places(value, (*path, key))
    return found


def replaced(content: Any, path: tuple[str | int, ...], value: Any) -> Any:
    """Return a copy with another value at that place."""
    if not path:
        return value
    first, *rest = path
    copy: Any = dict(content) if isinstance(content, dict) else list(content)
    copy[first] = replaced(content[first], tuple(rest), value)
    return copy


def _is_list(content: Any) -> bool:
    return isinstance(content, list)
