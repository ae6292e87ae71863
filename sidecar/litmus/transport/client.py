"""Asks one Litmus: GraphQL documents with the token in use, REST with any, at the instance's pace.

It sends what it is given (``http``), reads what came (``graphql``, ``responses``),
and tells what it showed of the token. It decides nothing about what to ask.
"""

import math
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, nullcontext
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final, Protocol, TypeVar

import msgspec

from sidecar.config.proxies import Proxy
from sidecar.domain.errors import (
    TokenRejectedError,
    UpstreamError,
    UpstreamProtocolError,
)
from sidecar.domain.unreadable import UNREADABLE
from sidecar.litmus.transport.auth_availability import AuthAvailability
from sidecar.litmus.transport.breaker import LONGEST_PAUSE_SECONDS, Breaker, BreakerSet, RequestKind
from sidecar.litmus.transport.graphql import (
    Answer,
    gravest,
    proves_token,
    read_answer,
    request_body,
    shows_auth,
)
from sidecar.litmus.transport.http import MAX_ANSWER_BYTES, LitmusHttp, open_litmus_http
from sidecar.litmus.transport.rejections import CONFIRMATION_TIMEOUT_SECONDS, Rejections
from sidecar.litmus.transport.throttle import RequestObserver, Throttle
from sidecar.litmus.wire import documents
from sidecar.litmus.wire.auth import PROJECT_UNKNOWN, failure_code, read_role, role_path
from sidecar.litmus.wire.documents import Query
from sidecar.litmus.wire.responses import Reply, RequestContext, read_reply, status_error
from sidecar.litmus.wire.token import LitmusToken
from sidecar.runtime.turns import Work, in_slices

T = TypeVar("T")

QUERY_PATH: Final = "/api/query"


class TokenObserver(Protocol):
    """Told what Litmus thought of the token of a request."""

    def admit(self, token: LitmusToken) -> None:
        """Do nothing if a request may be sent with the token; its end must be told by one of the others.

        Raises:
            TokenRejectedError: If Litmus refused the token, and it is not time to try it again.
        """

    def inconclusive(self, token: LitmusToken) -> None:
        """Note that a request ended without a word on the token."""

    def accepted(self, token: LitmusToken) -> None:
        """Note that a field that needs a token was answered."""

    def rejected(self, token: LitmusToken, error: TokenRejectedError) -> None:
        """Note that Litmus refused the token, whichever way it said so."""


class LitmusClient:
    """Asks one Litmus instance, at its pace."""

    def __init__(
        self,
        http: LitmusHttp,
        *,
        token: Callable[[], LitmusToken],
        throttle: Throttle,
        observer: TokenObserver | None = None,
    ) -> None:
        self._http = http
        self._token = token
        self._throttle = throttle
        self._observer = observer
        self._availability = AuthAvailability(http, throttle)
        self.rejections: Final = Rejections(self.rest, self._try_token)
        """Has the other server asked before a token is to blame."""

    def __repr__(self) -> str:
        return f"LitmusClient({self._http.server})"

    @property
    def breaker(self) -> BreakerSet:
        """The circuit breakers, for metrics and readiness: read ``state`` and ``opened_at``."""
        return self._throttle.breakers

    def configure(self, *, max_requests_per_second: float | None, longest_pause_seconds: float) -> None:
        """Take other bounds from now on, meant as those of :func:`open_litmus_client`."""
        self._throttle.configure(
            max_requests_per_second=max_requests_per_second, longest_pause_seconds=longest_pause_seconds
        )

    @property
    def pace_per_second(self) -> float:
        """How many requests per second are sent at most now."""
        return self._throttle.per_second

    @property
    def capacity_per_second(self) -> float:
        """How many requests per second can be answered now."""
        return self._throttle.capacity_per_second

    def token(self) -> LitmusToken:
        """Return the token that requests are sent with at present.

        Raises:
            UpstreamError: If there is none.
        """
        return self._token()

    def token_id(self) -> str:
        """Return the fingerprint of the present token, to notice that it changed.

        Raises:
            TokenRejectedError: If there is no token.
        """
        return self._token().id

    async def run(self, query: Query[T], variables: Mapping[str, object], timeout_seconds: float) -> T:
        """Ask for one root field and return its value.

        Raises:
            UpstreamError: Whatever went wrong, by class.
        """
        return (await self.ask([query], variables, timeout_seconds)).value(query)

    async def ask(
        self,
        queries: Sequence[Query[Any]],
        variables: Mapping[str, object],
        timeout_seconds: float,
        *,
        is_urgent: bool = False,
    ) -> Answer:
        """Ask for several root fields in one request; a field's own failure is in the answer.

        What ``is_urgent``, like every mutation, is sent only after the auth server was heard, so that nobody
        waits for what would hang.

        Raises:
            UpstreamError: If the request failed as a whole.
        """
        token = self._token()  # Without any, nobody waits for a slot.
        if self._observer is not None:
            self._observer.admit(token)
        verdict: UpstreamError | None = None
        is_proven = False
        try:
            answer, token = await self._send(queries, variables, timeout_seconds, is_urgent=is_urgent)
            is_proven = proves_token(queries, answer)
            rejection = next((e for e in answer.failed.values() if isinstance(e, TokenRejectedError)), None)
            if rejection is not None:
                verdict = await self.rejections.of_graphql(token, rejection)
                failed = {
                    field: verdict if isinstance(error, TokenRejectedError) else error
                    for field, error in answer.failed.items()
                }
                answer = Answer(values=answer.values, failed=failed)
        except TokenRejectedError as exc:
            verdict = await self.rejections.of_graphql(token, exc)
            raise verdict from exc
        finally:
            self._report(token, verdict, is_proven=is_proven)
        return answer

    async def _send(
        self,
        queries: Sequence[Query[Any]],
        variables: Mapping[str, object],
        timeout_seconds: float,
        token: LitmusToken | None = None,
        *,
        is_urgent: bool = False,
    ) -> tuple[Answer, LitmusToken]:
        """Send one document when there is a slot, with this token or the one of then; return that too."""
        counts = not any(query.waits_on_others for query in queries)
        asks_auth = any(query.asks_auth for query in queries)
        is_urgent = is_urgent or any(query.kind == "mutation" for query in queries)
        operation = "+".join(query.field for query in queries)
        kind = RequestKind.CHECKED if asks_auth else RequestKind.UNCHECKED
        async with self._throttle.slot(operation, kind, timeout_counts=counts) as slot:
            token = token or self._token()  # The wait may have been long, and the token renewed.
            body, context = request_body(queries, variables), self._context_of(queries, variables)
            self._http.headers(token)  # What cannot be sent needs nobody to be asked.
            if asks_auth:
                await self._availability.ensure(always=is_urgent or slot.is_probe)
            with self._availability.sending() if asks_auth else nullcontext():
                reply = await self._http.send("POST", QUERY_PATH, body, timeout_seconds, token=token)
            slot.answered()
            answer = await in_slices(_read(queries, reply, context))
            if shows_auth(queries, answer):
                self._availability.confirm()
            slot.error = gravest(answer.failed)
        return answer, token

    async def _try_token(self, token: LitmusToken) -> None:
        """Ask the GraphQL server for what tells only whether it accepts the token."""
        answer, _ = await self._send(
            [documents.TOKEN_TRIAL], {"projectID": "-"}, CONFIRMATION_TIMEOUT_SECONDS, token
        )
        answer.value(documents.TOKEN_TRIAL)

    def _report(self, token: LitmusToken, verdict: UpstreamError | None, *, is_proven: bool) -> None:
        """Tell the observer what a request showed of the token."""
        if self._observer is None:
            return
        if isinstance(verdict, TokenRejectedError):
            self._observer.rejected(token, verdict)
        elif verdict is None and is_proven:
            self._observer.accepted(token)
        else:
            self._observer.inconclusive(token)

    def _context_of(self, queries: Sequence[Query[Any]], variables: Mapping[str, object]) -> RequestContext:
        project_id = variables.get("projectID")
        return self._http.context(
            *(query.field for query in queries),
            path=QUERY_PATH,
            project_id=project_id if isinstance(project_id, str) else None,
            since=next((query.since for query in queries if query.since), None),
        )

    def context(self, operation: str) -> RequestContext:
        """Return what sentences about an operation besides GraphQL need to know."""
        return self._http.context(operation)

    async def rest(
        self,
        operation: str,
        method: str,
        path: str,
        read: Callable[[Reply], T],
        *,
        body: Mapping[str, object] | None = None,
        token: LitmusToken | None,
        timeout_seconds: float,
    ) -> T:
        """Send a request to any path, with this token or none, and return what ``read`` makes of the answer.

        Raises:
            UpstreamError: If no answer came, or ``read`` says so.
        """
        sent = msgspec.json.encode(body) if body is not None else None
        async with self._throttle.slot(operation, RequestKind.REST):
            reply = await self._http.send(method, path, sent, timeout_seconds, token=token)
            try:
                return read(reply)
            except UNREADABLE:
                # Not chained: a decoder's words can hold what it could not decode.
                raise UpstreamProtocolError(
                    f"Litmus at {self._http.server} answered {operation} in a form we do not know."
                ) from None

    async def project_role(self, project_id: str, timeout_seconds: float) -> str | None:
        """Return the role of the token's user in a project as Litmus words it; ``None``: none, or no project.

        Raises:
            UpstreamError: If Litmus could not be asked, or did not tell.
        """

        def read(reply: Reply) -> str | None:
            if reply.status != HTTPStatus.OK and failure_code(reply) != PROJECT_UNKNOWN:
                raise status_error(reply, self.context("getProjectRole"))
            return read_role(reply)

        token = self._token()
        if self._observer is not None:
            self._observer.admit(token)
        verdict: UpstreamError | None = None
        try:
            role = await self.rest(
                "getProjectRole",
                "GET",
                role_path(project_id),
                read,
                token=token,
                timeout_seconds=timeout_seconds,
            )
        except TokenRejectedError as exc:
            verdict = await self.rejections.of_auth(token, exc)
            raise verdict from exc
        finally:
            # The auth server accepts tokens of deactivated users, so this accepts none.
            self._report(token, verdict, is_proven=False)
        return role


def _read(queries: Sequence[Query[Any]], reply: Reply, context: RequestContext) -> Work[Answer]:
    """Return what a reply says of each field.

    Raises:
        UpstreamError: If the failure concerns the request as a whole.
    """
    envelope = read_reply(reply, context)
    yield
    return (yield from read_answer.work(queries, envelope))


@asynccontextmanager
async def open_litmus_client(  # noqa: PLR0913 - each by its name, most with a default
    *,
    base_url: str,
    token: Callable[[], LitmusToken],
    observer: TokenObserver | None = None,
    host_header: str | None = None,
    ca_file: Path | None = None,
    proxy: Proxy | None = None,
    max_in_flight: int = 4,
    max_requests_per_second: float | None = 5.0,
    longest_pause_seconds: float = LONGEST_PAUSE_SECONDS,
    observe: RequestObserver | None = None,
    max_answer_bytes: int = MAX_ANSWER_BYTES,
    patience_seconds: float = math.inf,
) -> AsyncIterator[LitmusClient]:
    """Open the client of one instance.

    ``base_url`` is ChaosCenter's root (``/api/query`` is added); ``token`` is
    called for every request, so that a rotated token takes effect at once, and
    raises where there is none; without ``max_requests_per_second`` the pace
    follows how Litmus answers; ``observer`` is told what Litmus thinks of it;
    ``longest_pause_seconds`` bounds how long the circuit breaker stays open,
    ``patience_seconds`` how long any answer is waited for, whoever asks.
    With a ``ca_file`` only its authorities are trusted; with a ``proxy`` all is asked through it.

    Raises:
        ConfigError: If the CA file cannot be used.
    """
    throttle = Throttle(
        max_in_flight=max_in_flight,
        max_requests_per_second=max_requests_per_second,
        breaker=Breaker(longest_pause_seconds=longest_pause_seconds),
        observe=observe,
    )
    async with open_litmus_http(
        base_url=base_url,
        host_header=host_header,
        ca_file=ca_file,
        proxy=proxy,
        max_connections=max_in_flight,
        max_answer_bytes=max_answer_bytes,
        patience_seconds=patience_seconds,
    ) as http:
        yield LitmusClient(http, token=token, throttle=throttle, observer=observer)
