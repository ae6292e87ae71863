"""HTTP by hand, because no client library would send what an attacker sends."""

import asyncio
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Final

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]
_LENGTH: Final = re.compile(rb"\r\ncontent-length: *(\d{1,12})\r\n", re.IGNORECASE)
_COOKIE: Final = re.compile(rb"\r\nset-cookie: *([^;\r]+)", re.IGNORECASE)


def request(
    method: str, path: str, headers: Mapping[str, str] | None = None, body: bytes = b"", *, keep: bool = False
) -> bytes:
    """Return the bytes of a request; unless ``keep``, the connection is to be closed after the answer."""
    head = {"Host": "127.0.0.1", "Connection": "keep-alive" if keep else "close", **(headers or {})}
    if body:
        head = {"Content-Type": "application/json", "Content-Length": str(len(body)), **head}
    lines = "".join(f"{name}: {value}\r\n" for name, value in head.items())
    return f"{method} {path} HTTP/1.1\r\n{lines}\r\n".encode() + body


@asynccontextmanager
async def connected(port: int, source: str = "127.0.0.1") -> AsyncIterator[Streams]:
    """Connect from an address of loopback; the connection is dropped at the end, whatever waits on it."""
    reader, writer = await asyncio.open_connection(
        "127.0.0.1", port, local_addr=(source, 0), limit=1024 * 1024
    )
    try:
        yield reader, writer
    finally:
        writer.transport.abort()


async def answered(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    """Read one answer that tells its length; return its status and its body."""
    head = await reader.readuntil(b"\r\n\r\n")
    found = _LENGTH.search(head)
    body = await reader.readexactly(int(found[1])) if found else await reader.read()
    return int(head[9:12]), body


async def ask(port: int, sent: bytes, source: str = "127.0.0.1") -> int:
    """Send a request on a connection of its own, and return the status; the body is read and forgotten.

    Raises:
        OSError: If nobody listens, or the connection is reset.
        EOFError: If it is closed without an answer.
    """
    async with connected(port, source) as (reader, writer):
        writer.write(sent)
        head = await reader.readuntil(b"\r\n\r\n")
        while await reader.read(256 * 1024):
            pass
        return int(head[9:12])


async def cookie_of(port: int, sent: bytes) -> str:
    """Send a request, and return the cookie that the answer sets, as a ``Cookie`` header has it.

    Raises:
        ValueError: If it sets none.
    """
    async with connected(port) as (reader, writer):
        writer.write(sent)
        head = await reader.readuntil(b"\r\n\r\n")
    found = _COOKIE.search(head)
    if found is None:
        raise ValueError(f"No cookie in: {head[:200]!r}")
    return found[1].decode()
