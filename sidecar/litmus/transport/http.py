"""The one HTTP primitive under everything we ask of one ChaosCenter.

It bounds time and size, and translates every way to have no answer into our
errors. It retries nothing, keeps nothing, follows no redirect, and does not
look into what arrives.
"""

import math
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import aiohttp
from yarl import URL

from sidecar.config.proxies import Proxy, through
from sidecar.domain.errors import (
    ConfigError,
    TokenRejectedError,
    UpstreamOverloadedError,
    UpstreamProtocolError,
    UpstreamTimeoutError,
    UpstreamUnavailableError,
)
from sidecar.domain.unreadable import UNREADABLE
from sidecar.litmus.wire.responses import Reply
from sidecar.litmus.wire.token import LitmusToken

MAX_ANSWER_BYTES: Final = 32 * 1024 * 1024
CONNECT_TIMEOUT_SECONDS: Final = 5.0
_CHUNK_BYTES: Final = 64 * 1024


class LitmusHttp:
    """Sends single requests to one Litmus instance."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        *,
        base_url: str,
        host_header: str | None,
        max_answer_bytes: int,
        patience_seconds: float,
    ) -> None:
        # A user and password in the URL would want the header that carries the token, and show in sentences.
        base = URL(base_url.rstrip("/")).with_user(None)
        self._session = session
        self._base_url = str(base).rstrip("/")
        self._host_header = host_header
        self._max_answer_bytes = max_answer_bytes
        self._patience_seconds = patience_seconds
        self.server = f"{base.scheme}://{base.host_port_subcomponent}"
        """Scheme, host and port, for sentences."""
        self.host = host_header or base.host_port_subcomponent or ""
        """What the header ``Host`` says."""
        self.base_path = base.path.rstrip("/")
        """The path below which Litmus is; ``""``: none."""

    def headers(self, token: LitmusToken | None) -> dict[str, str]:
        """Return the headers of a request with this token, or none.

        Raises:
            TokenRejectedError: If it cannot be sent: it is empty, or no token at all.
        """
        headers = {"Content-Type": "application/json"}
        if token is not None:
            if not token.is_sendable:
                raise TokenRejectedError(
                    "The configured token is empty or not a token at all; Litmus was not asked."
                )
            headers["Authorization"] = f"Bearer {token.reveal()}"
        if self._host_header is not None:
            headers["Host"] = self._host_header
        return headers

    async def exchange(
        self, method: str, path: str, body: bytes | None, timeout_seconds: float, *, token: LitmusToken | None
    ) -> Reply:
        """Send one request and return what came, whatever its status.

        Raises:
            TokenRejectedError: If the token cannot be sent.
            UpstreamUnavailableError: If no connection, or no answer in time, was had.
            UpstreamOverloadedError: If the answer is too large.
            UpstreamProtocolError: If it is no HTTP.
        """
        timeout_seconds = min(timeout_seconds, self._patience_seconds)
        timeout = aiohttp.ClientTimeout(
            total=timeout_seconds, sock_connect=min(CONNECT_TIMEOUT_SECONDS, timeout_seconds)
        )
        headers = self.headers(token)
        try:
            async with self._session.request(
                method,
                URL(f"{self._base_url}{path}", encoded=True),
                data=body,
                headers=headers,
                timeout=timeout,
                allow_redirects=False,
            ) as response:
                answer = await self._read(response)
                return Reply(
                    status=response.status,
                    content_type=response.content_type if "Content-Type" in response.headers else "",
                    body=answer,
                )
        except TimeoutError as exc:
            raise UpstreamTimeoutError(
                f"Litmus at {self.server} did not answer within {timeout_seconds:g} s; "
                "its auth server or its database may be down."
            ) from exc
        except aiohttp.ClientSSLError as exc:
            raise UpstreamUnavailableError(
                f"No trusted TLS connection to {self.server}; set caFile if its certificate is private."
            ) from exc
        except (aiohttp.ClientError, OSError) as exc:
            raise UpstreamUnavailableError(
                f"No connection to Litmus at {self.server} ({type(exc).__name__})."
            ) from exc
        except UNREADABLE:
            # aiohttp reads heads and compressed bodies with what may raise these; their words quote both.
            raise UpstreamProtocolError(f"{self.server} answered with no HTTP that can be read.") from None

    async def _read(self, response: aiohttp.ClientResponse) -> bytes:
        answer = bytearray()
        async for chunk in response.content.iter_chunked(_CHUNK_BYTES):
            answer += chunk
            if len(answer) > self._max_answer_bytes:
                raise UpstreamOverloadedError(
                    f"An answer of Litmus at {self.server} is larger than {self._max_answer_bytes} bytes."
                )
        return bytes(answer)


@asynccontextmanager
async def open_litmus_http(
    *,
    base_url: str,
    host_header: str | None = None,
    ca_file: Path | None = None,
    proxy: Proxy | None = None,
    max_in_flight: int = 4,
    max_answer_bytes: int = MAX_ANSWER_BYTES,
    patience_seconds: float = math.inf,
) -> AsyncIterator[LitmusHttp]:
    """Open the connections to one instance.

    With a ``ca_file`` only its authorities are trusted; with a ``proxy`` all is asked through it.

    Raises:
        ConfigError: If the CA file cannot be used.
    """
    connector = aiohttp.TCPConnector(limit=max_in_flight, ssl=_trust(ca_file))
    async with aiohttp.ClientSession(
        connector=connector,
        cookie_jar=aiohttp.DummyCookieJar(),
        trust_env=False,
        auto_decompress=True,
        **through(proxy),
    ) as session:
        yield LitmusHttp(
            session,
            base_url=base_url,
            host_header=host_header,
            max_answer_bytes=max_answer_bytes,
            patience_seconds=patience_seconds,
        )


def _trust(ca_file: Path | None) -> ssl.SSLContext | bool:
    if ca_file is None:
        return True
    try:
        return ssl.create_default_context(cafile=str(ca_file))
    except OSError as exc:
        raise ConfigError((f"caFile {ca_file} cannot be read as PEM certificates.",)) from exc
