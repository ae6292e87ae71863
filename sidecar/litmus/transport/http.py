"""The one HTTP primitive towards Litmus: sends a request with a token, and returns what came.

Bounds time and size, follows no redirect, retries nothing, and translates
every way to get no answer into our errors.
"""

import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import aiohttp
from yarl import URL

from sidecar.config.proxies import Proxy
from sidecar.domain.errors import (
    TokenRejectedError,
    UpstreamOverloadedError,
    UpstreamProtocolError,
    UpstreamTimeoutError,
    UpstreamUnavailableError,
)
from sidecar.domain.unreadable import UNREADABLE
from sidecar.litmus.wire.responses import Reply, RequestContext
from sidecar.litmus.wire.token import LitmusToken
from sidecar.runtime.http_sessions import AnswerTooLargeError, open_http_session, read_body, timeout_of

MAX_ANSWER_BYTES: Final = 32 * 1024 * 1024


class LitmusHttp:
    """Sends requests to one Litmus; made by :func:`open_litmus_http`."""

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
        self._base_path = base.path.rstrip("/")
        self.server: Final = f"{base.scheme}://{base.host_port_subcomponent}"
        """Scheme, host and port, for sentences."""
        self._host_header = host_header
        self._host = host_header or base.host_port_subcomponent or ""
        self._max_answer_bytes = max_answer_bytes
        self._patience_seconds = patience_seconds

    def context(
        self,
        *fields: str,
        path: str | None = None,
        project_id: str | None = None,
        since: str | None = None,
    ) -> RequestContext:
        """Return what sentences about a request need to know; ``path`` is below the base URL."""
        where = {} if path is None else {"path": self._base_path + path}
        return RequestContext(
            fields=fields, server=self.server, host=self._host, project_id=project_id, since=since, **where
        )

    def headers(self, token: LitmusToken | None) -> dict[str, str]:
        """Return the headers of a request.

        Raises:
            TokenRejectedError: If the token cannot be sent in one.
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

    async def send(
        self, method: str, path: str, body: bytes | None, timeout_seconds: float, *, token: LitmusToken | None
    ) -> Reply:
        """Send one request and return what came, whatever its status.

        Raises:
            UpstreamError: If no answer came, or none that can be read.
        """
        timeout_seconds = min(timeout_seconds, self._patience_seconds)
        headers = self.headers(token)
        try:
            async with self._session.request(
                method,
                URL(f"{self._base_url}{path}", encoded=True),
                data=body,
                headers=headers,
                timeout=timeout_of(timeout_seconds),
                allow_redirects=False,
            ) as response:
                answer = await read_body(response, self._max_answer_bytes)
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
        except AnswerTooLargeError:
            raise UpstreamOverloadedError(
                f"An answer of Litmus at {self.server} is larger than {self._max_answer_bytes} bytes."
            ) from None
        except UNREADABLE:
            # aiohttp reads heads and compressed bodies with what may raise these; their words quote both.
            raise UpstreamProtocolError(f"{self.server} answered with no HTTP that can be read.") from None


@asynccontextmanager
async def open_litmus_http(
    *,
    base_url: str,
    host_header: str | None = None,
    ca_file: Path | None = None,
    proxy: Proxy | None = None,
    max_connections: int,
    max_answer_bytes: int = MAX_ANSWER_BYTES,
    patience_seconds: float = math.inf,
) -> AsyncIterator[LitmusHttp]:
    """Open the connections to one Litmus; ``base_url`` is ChaosCenter's root.

    ``patience_seconds`` bounds how long any answer is waited for, whoever asks.

    Raises:
        ConfigError: If the CA file cannot be used.
    """
    async with open_http_session(max_connections=max_connections, ca_file=ca_file, proxy=proxy) as session:
        yield LitmusHttp(
            session,
            base_url=base_url,
            host_header=host_header,
            max_answer_bytes=max_answer_bytes,
            patience_seconds=patience_seconds,
        )
