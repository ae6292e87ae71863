"""HTTP sessions towards other servers: whom they trust, and what they never do.

They keep no cookie and read no ``.netrc``; TLS is always verified. What a
failure means is the business of who asks.
"""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import aiohttp

from sidecar.config.proxies import Proxy, through
from sidecar.domain.errors import ConfigError

_CONNECT_TIMEOUT_SECONDS: Final = 5.0
_CHUNK_BYTES: Final = 64 * 1024


class AnswerTooLargeError(Exception):
    """A body is longer than it may be; the rest was not read."""


@asynccontextmanager
async def open_http_session(
    *, max_connections: int, ca_file: Path | None, proxy: Proxy | None
) -> AsyncIterator[aiohttp.ClientSession]:
    """Open a session for one server.

    With a ``ca_file`` only its authorities are trusted; with a ``proxy`` all is asked through it.

    Raises:
        ConfigError: If the CA file cannot be used.
    """
    trust: ssl.SSLContext | bool = True
    if ca_file is not None:
        try:
            trust = await asyncio.to_thread(ssl.create_default_context, cafile=str(ca_file))
        except OSError as exc:
            raise ConfigError((f"caFile {ca_file} cannot be read as PEM certificates.",)) from exc
    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=max_connections, ssl=trust),
        cookie_jar=aiohttp.DummyCookieJar(),
        trust_env=False,
        auto_decompress=True,
        **through(proxy),
    ) as session:
        yield session


def timeout_of(seconds: float) -> aiohttp.ClientTimeout:
    """Return the bound of a whole request; of it, connecting may take a few seconds."""
    return aiohttp.ClientTimeout(total=seconds, sock_connect=min(_CONNECT_TIMEOUT_SECONDS, seconds))


async def read_body(response: aiohttp.ClientResponse, max_bytes: int) -> bytes:
    """Return the body of an answer.

    Raises:
        AnswerTooLargeError: If it is longer than that, decompressed.
    """
    body = bytearray()
    async for chunk in response.content.iter_chunked(_CHUNK_BYTES):
        body += chunk
        if len(body) > max_bytes:
            raise AnswerTooLargeError
    return bytes(body)
