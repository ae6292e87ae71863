"""The one HTTP primitive under everything we ask of a Backstage backend.

Bounds time and size, follows no redirect, keeps no cookie, retries nothing.
Tokens go to the configured address only and into no error: failures are
raised with no cause attached, because aiohttp's carry the request's headers.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any, ClassVar, Final, NamedTuple
from urllib.parse import urlsplit

import aiohttp
import msgspec

from sidecar.config.proxies import Proxy
from sidecar.domain.errors import SidecarError
from sidecar.domain.unreadable import UNREADABLE
from sidecar.runtime.http_sessions import AnswerTooLargeError, open_http_session, read_body, timeout_of

TIMEOUT_SECONDS: Final = 10.0
MAX_ANSWER_BYTES: Final = 16 * 1024 * 1024
MAX_CONNECTIONS: Final = 8
_OK: Final = 200


class BackstageError(SidecarError):
    """Backstage did not give what was asked; the sentence never repeats its words."""

    code: ClassVar[str] = "backstage_unavailable"
    status: ClassVar[int] = 503

    def __init__(self, sentence: str, *, answered_status: int | None = None) -> None:
        super().__init__(sentence)
        self.answered_status = answered_status
        """What it answered, if that was not 200; ``None`` if nothing usable arrived."""


class DatedAnswer(NamedTuple):
    """What was answered, and when by the clock of whoever answered."""

    value: Any
    date: datetime | None
    """UTC, whole seconds; ``None``: it did not say."""


class BackstageHttp:
    """Asks one Backstage backend; made by :func:`open_backstage_http`."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        base_url: str,
        *,
        timeout_seconds: float = TIMEOUT_SECONDS,
        max_answer_bytes: int = MAX_ANSWER_BYTES,
    ) -> None:
        self._session = session
        self._base_url = base_url.rstrip("/")
        self._max_answer_bytes = max_answer_bytes
        self._timeout = timeout_of(timeout_seconds)
        self._server = urlsplit(self._base_url).netloc

    async def get(
        self, path: str, *, token: str | None = None, params: Sequence[tuple[str, str]] = ()
    ) -> Any:
        """Return the JSON of a 200 answer.

        Raises:
            BackstageError: For everything else.
        """
        return (await self._json("GET", path, token, params=list(params))).value

    async def get_dated(self, path: str) -> DatedAnswer:
        """Return the JSON of a 200 answer to anybody, with the time that the answer tells.

        Raises:
            BackstageError: For everything else.
        """
        return await self._json("GET", path, None)

    async def post(self, path: str, body: object, *, token: str | None = None) -> Any:
        """Send JSON and return the JSON of a 200 answer; for questions that do not fit a URL.

        Raises:
            BackstageError: For everything else.
        """
        return (await self._json("POST", path, token, data=msgspec.json.encode(body))).value

    async def _json(self, method: str, path: str, token: str | None, **content: Any) -> DatedAnswer:
        headers = {"Accept": "application/json"}
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        if method == "POST":
            headers["Content-Type"] = "application/json"
        status, answer, date = await self._exchange(method, path, headers, content)
        if status != _OK:
            raise BackstageError(
                f"Backstage at {self._server} answered {path} with status {status}.", answered_status=status
            )
        failed = False
        value: Any = None
        try:
            value = msgspec.json.decode(answer)
        except UNREADABLE:
            failed = True
        if failed:
            raise BackstageError(f"Backstage at {self._server} answered {path} with something but JSON.")
        return DatedAnswer(value, _moment(date))

    async def _exchange(
        self, method: str, path: str, headers: Mapping[str, str], content: Mapping[str, Any]
    ) -> tuple[int, bytes, str]:
        """Return status, body and ``Date``; errors are raised outside ``except``, so that none is chained."""
        try:
            async with self._session.request(
                method,
                self._base_url + path,
                headers=headers,
                timeout=self._timeout,
                allow_redirects=False,
                **content,
            ) as response:
                body = await read_body(response, self._max_answer_bytes)
                return response.status, body, response.headers.get("Date", "")
        except TimeoutError:
            failure = f"Backstage at {self._server} did not answer in time."
        except aiohttp.ClientSSLError:
            failure = f"No trusted TLS connection to Backstage at {self._server}."
        except (aiohttp.ClientError, OSError) as exc:
            failure = f"No usable answer from Backstage at {self._server} ({type(exc).__name__})."
        except AnswerTooLargeError:
            failure = (
                f"An answer of Backstage at {self._server} is larger than {self._max_answer_bytes} bytes."
            )
        except UNREADABLE:
            # aiohttp reads heads and compressed bodies with what may raise these.
            failure = f"Backstage at {self._server} answered with no HTTP that can be read."
        raise BackstageError(failure)


def _moment(date: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(date)
    except UNREADABLE:
        return None
    return moment.astimezone(UTC) if moment.tzinfo is not None else None


@asynccontextmanager
async def open_backstage_http(
    base_url: str,
    *,
    ca_file: Path | None = None,
    proxy: Proxy | None = None,
    timeout_seconds: float = TIMEOUT_SECONDS,
    max_answer_bytes: int = MAX_ANSWER_BYTES,
) -> AsyncIterator[BackstageHttp]:
    """Open the connections to one Backstage backend; ``base_url`` is its root (``/api/…`` is added).

    With a ``ca_file`` only its authorities are trusted; with a ``proxy`` all is asked through it.

    Raises:
        ConfigError: If the CA file cannot be used.
    """
    async with open_http_session(max_connections=MAX_CONNECTIONS, ca_file=ca_file, proxy=proxy) as session:
        yield BackstageHttp(
            session, base_url, timeout_seconds=timeout_seconds, max_answer_bytes=max_answer_bytes
        )
