"""The simulated ChaosCenter as a web server: what nginx, the GraphQL and the auth server are together.

``open_simulator`` is the way in. Requests are remembered, faults are scripted,
and the server can be stopped and started on its port to play a dead Litmus.
"""

import asyncio
import re
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from sidecar.simulator import auth_api, graphql_http
from sidecar.simulator.auth_request import AuthRequest
from sidecar.simulator.authorization import Caller
from sidecar.simulator.faults import Faults, ScriptedFault
from sidecar.simulator.hanging import HangingRequests
from sidecar.simulator.tokens import TokenError
from sidecar.simulator.world import World

_MAX_BODY_BYTES = 1024**2
NOTICE = "This is a simulated ChaosCenter, for demonstration and tests only."
_PAGE = (
    "<!doctype html><html><head><title>Simulated ChaosCenter</title></head>"
    f"<body><p>{NOTICE}</p></body></html>"
)


@dataclass(frozen=True, kw_only=True)
class RecordedRequest:
    """A request as it arrived; the token itself is not kept."""

    method: str
    path: str
    params: dict[str, str]
    headers: dict[str, str]
    """Names in lower case, without ``authorization``."""
    username: str | None
    """Whose token it had, even an expired one; ``None``: no token, or none of ours."""
    root_fields: tuple[str, ...]
    variables: dict[str, Any]
    body: str = field(repr=False)


class Simulator:
    """A running simulated ChaosCenter; made by ``open_simulator``."""

    def __init__(self, world: World, host: str, port: int) -> None:
        self.world = world
        self.requests: list[RecordedRequest] = []
        self.faults = Faults()
        self._hanging = HangingRequests(world)
        self._host = host
        self._port = port
        self._runner: web.AppRunner | None = None
        self._reserved: socket.socket | None = None
        """Keeps the port ours while nobody listens on it."""
        self._stopping = asyncio.Event()
        self._arrived = asyncio.Condition()

    @property
    def url(self) -> str:
        """The base URL, without a slash at the end; valid once started."""
        return f"http://{self._host}:{self._port}"

    @property
    def port(self) -> int:
        """The port, chosen at the first start if 0 was asked for."""
        return self._port

    @property
    def auth_away(self) -> bool:
        """Whether the auth server is away: ``/auth`` answers 502, what needs a role hangs.

        What hangs is executed once it is back, even if its client has left.
        """
        return not self.world.auth_server_up

    @auth_away.setter
    def auth_away(self, away: bool) -> None:
        self.world.auth_server_up = not away

    @property
    def key_unreadable(self) -> bool:
        """Whether Litmus cannot read its signing key from its database: it refuses good tokens too."""
        return not self.world.signing_key_readable

    @key_unreadable.setter
    def key_unreadable(self, unreadable: bool) -> None:
        self.world.signing_key_readable = not unreadable

    @property
    def hanging(self) -> int:
        """How many requests hang inside Litmus, those included whose clients have left."""
        return len(self._hanging)

    @property
    def most_hanging(self) -> int:
        """How many have hung at once, at most, since the last ``clear``."""
        return self._hanging.most

    def asked(self, root_field: str) -> int:
        """Return how many requests asked for this root field."""
        return sum(root_field in request.root_fields for request in self.requests)

    async def wait_for_requests(self, count: int = 1) -> None:
        """Wait until that many requests have arrived since the last ``clear``, answered or not."""
        async with self._arrived:
            await self._arrived.wait_for(lambda: len(self.requests) >= count)

    def clear(self) -> None:
        """Forget the requests so far and end all faults."""
        self.requests.clear()
        self.faults.clear()
        self._hanging.forget()

    async def start(self) -> None:
        """Listen; after a stop, on the same port as before."""
        if self._runner is not None:
            return
        self._stopping = asyncio.Event()
        app = web.Application(client_max_size=_MAX_BODY_BYTES)
        app.router.add_route("*", "/{path:.*}", self._answer)
        # A client that leaves ends its handler; nobody waits for hanging ones at the end.
        self._runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=1.0, access_log=None)
        await self._runner.setup()
        self._release_port()
        site = web.TCPSite(self._runner, self._host, self._port, reuse_address=True)
        await site.start()
        self._port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        """Stop listening, drop every connection; hanging requests end, and connecting is refused."""
        if self._runner is None:
            return
        await self.close()
        self._reserved = socket.socket(socket.AF_INET6 if ":" in self._host else socket.AF_INET)
        self._reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._reserved.bind((self._host, self._port))

    async def close(self) -> None:
        """Stop, and leave the port to others."""
        self._stopping.set()
        await self._hanging.end()
        runner, self._runner = self._runner, None
        if runner is not None:
            await runner.cleanup()
        self._release_port()

    def _release_port(self) -> None:
        if self._reserved is not None:
            self._reserved.close()
            self._reserved = None

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        try:
            text = (await request.read()).decode("utf-8", "replace")
        except web.HTTPRequestEntityTooLarge:
            return _html(413, "413 Request Entity Too Large")
        asked, graphql = self._look(request, text)
        record = self._record(request, text, graphql, asked)
        self.requests.append(record)
        async with self._arrived:
            self._arrived.notify_all()
        fault = self.faults.take(request.path, record.root_fields)
        if fault is None:
            return await self._serve(request, text, graphql)
        return await self._misbehave(fault, request, text, graphql)

    def _look(
        self, request: web.Request, text: str
    ) -> tuple[tuple[str, ...], graphql_http.GraphQLRequest | web.Response | None]:
        """Return the root fields asked for and the decoded GraphQL request, or its refusal."""
        if request.path != "/api/query":
            return (), None
        try:
            decoded = graphql_http.decode(
                request.method, request.headers.get("Content-Type", ""), dict(request.query), text
            )
        except graphql_http.Refusal as refusal:
            return (), refusal.response
        return graphql_http.asked_root_fields(self.world, decoded), decoded

    def _record(
        self,
        request: web.Request,
        text: str,
        graphql: graphql_http.GraphQLRequest | web.Response | None,
        root_fields: tuple[str, ...],
    ) -> RecordedRequest:
        variables = graphql.variables if isinstance(graphql, graphql_http.GraphQLRequest) else None
        return RecordedRequest(
            method=request.method,
            path=request.path,
            params=dict(request.query),
            headers={
                name.lower(): value
                for name, value in request.headers.items()
                if name.lower() != "authorization"
            },
            username=self._username(request),
            root_fields=root_fields,
            variables=variables or {},
            body=text,
        )

    def _username(self, request: web.Request) -> str | None:
        token = graphql_http.bearer_token(request.headers.get("Authorization", ""))
        try:
            claims = self.world.token_factory.parse(token, 0)
        except TokenError:
            return None
        username = claims.get("username")
        return username if isinstance(username, str) else None

    async def _misbehave(
        self,
        fault: ScriptedFault,
        request: web.Request,
        text: str,
        graphql: graphql_http.GraphQLRequest | web.Response | None,
    ) -> web.StreamResponse:
        if fault.never_answer:
            await self._stopping.wait()
            return _drop(request)
        if fault.delay_seconds and await self._interrupted(fault.delay_seconds):
            return _drop(request)
        if fault.drop == "before":
            return _drop(request)
        if fault.drop == "after":
            await self._serve(request, text, graphql)
            return _drop(request)
        if fault.status is None and fault.body is None:
            response = await self._serve(request, text, graphql)
            response.headers.update(fault.headers)
            return response
        body = fault.body.encode() if isinstance(fault.body, str) else fault.body or b""
        headers = {"Content-Type": "application/json"} | fault.headers
        return web.Response(status=fault.status or 200, headers=headers, body=body)

    async def _interrupted(self, seconds: float) -> bool:
        """Wait; tell whether the server stops before the time is over."""
        try:
            await asyncio.wait_for(self._stopping.wait(), seconds)
        except TimeoutError:
            return False
        return True

    async def _serve(
        self,
        request: web.Request,
        text: str,
        graphql: graphql_http.GraphQLRequest | web.Response | None,
    ) -> web.Response:
        path = request.path
        if path.startswith("/api/"):
            return await self._serve_graphql(request, graphql)
        if path.startswith("/auth/"):
            return await self._serve_auth(request, text)
        if path == "/health":
            return web.Response()
        if request.method not in {"GET", "HEAD"}:
            return _html(405, "405 Not Allowed")
        return web.Response(text=_PAGE, content_type="text/html")

    async def _serve_auth(self, request: web.Request, text: str) -> web.Response:
        if not self.world.auth_server_up:
            return _html(502, "502 Bad Gateway")
        if not _admitted(request, self.world.auth_allowed_origins):
            return _invalid_origin()
        asked = AuthRequest(
            world=self.world,
            path=request.path.removeprefix("/auth"),
            params=dict(request.query),
            header=request.headers.get("Authorization"),
            text=text,
        )
        if auth_api.compares_password(asked, request.method) and await self._interrupted(
            self.world.bcrypt_seconds
        ):
            return _drop(request)
        return auth_api.answer(asked, request.method)

    async def _serve_graphql(
        self, request: web.Request, graphql: graphql_http.GraphQLRequest | web.Response | None
    ) -> web.Response:
        if not _admitted(request, self.world.allowed_origins):
            return _invalid_origin()
        token = graphql_http.bearer_token(request.headers.get("Authorization", ""))
        if token and token in self.world.revoked_tokens:
            return graphql_http.revoked_answer()
        if graphql is None:
            return _small_route(request)
        if isinstance(graphql, web.Response):
            return graphql
        return await self._execute(request.method, graphql, token)

    async def _execute(self, method: str, graphql: graphql_http.GraphQLRequest, token: str) -> web.Response:
        try:
            operation = graphql_http.accept(self.world, method, graphql)
        except graphql_http.Refusal as refusal:
            return refusal.response
        caller = Caller(world=self.world, token=token)
        if self.world.auth_server_up or not operation.waits_for_auth(caller):
            return graphql_http.answer(operation, caller)
        answered = await self._hanging.wait(
            lambda: graphql_http.answer(operation, caller),
            patience_seconds=self.world.proxy_timeout_seconds,
        )
        return answered or _html(504, "504 Gateway Time-out")


def _small_route(request: web.Request) -> web.Response:
    """Answer what the GraphQL server has besides its endpoint."""
    if request.path == "/api/query/":
        # The server redirects to its own idea of the path, without nginx's prefix.
        status = 301 if request.method == "GET" else 307
        return web.Response(status=status, headers={"Location": "/query"})
    if request.method == "GET" and request.path == "/api/status":
        return web.json_response({"status": "up"})
    if request.method == "GET" and request.path == "/api/readiness":
        return web.json_response({"database": "up", "collections": ""})
    if request.method == "GET" and request.path == "/api/":
        return web.Response(text=_PAGE, content_type="text/html")
    return web.Response(status=404, text="404 page not found")


def _admitted(request: web.Request, allowed: tuple[str, ...]) -> bool:
    host = re.sub(r":\d+$", "", request.headers.get("Host", ""))  # nginx passes it without the port
    origin = request.headers.get("Origin") or host
    return any(re.search(pattern, origin) for pattern in allowed)


def _invalid_origin() -> web.Response:
    return web.json_response({"error": "Invalid origin"}, status=403)


def _html(status: int, title: str) -> web.Response:
    text = f"<html><head><title>{title}</title></head><body><center><h1>{title}</h1></center></body></html>"
    return web.Response(status=status, text=text, content_type="text/html")


def _drop(request: web.Request) -> web.Response:
    """Close the connection; the response returned goes nowhere."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response()


@asynccontextmanager
async def open_simulator(world: World, *, host: str = "127.0.0.1", port: int = 0) -> AsyncIterator[Simulator]:
    """Serve a world while the context is open; port 0 takes a free one."""
    simulator = Simulator(world, host, port)
    await simulator.start()
    try:
        yield simulator
    finally:
        await simulator.close()
