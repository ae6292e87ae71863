"""A ChaosCenter on a real port that answers what the test scripts, and keeps what it was asked.

Knows no data of its own: a script is a function from a request to a reply. For
how Litmus really behaves there is the simulator.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from graphql import FieldNode, OperationDefinitionNode, parse


@dataclass(frozen=True)
class Asked:
    """One request as it arrived."""

    headers: Mapping[str, str]
    fields: tuple[str, ...]
    variables: Mapping[str, Any]
    path: str = "/api/query"


@dataclass(frozen=True)
class Reply:
    """What to answer; ``drop`` closes the connection instead, ``hang`` waits until the client leaves."""

    body: bytes = b""
    status: int = 200
    content_type: str | None = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)
    drop: bool = False
    hang: bool = False


Script = Callable[[Asked], Reply]


def data(**fields: Any) -> Reply:
    """A successful answer."""
    return Reply(json.dumps({"data": fields}).encode())


def errors(failed: Mapping[str, str], answered: Mapping[str, Any] | None = None) -> Reply:
    """An answer with one error per root field, and ``data`` null unless some is given."""
    found = [{"message": message, "path": [name]} for name, message in failed.items()]
    return Reply(json.dumps({"errors": found, "data": answered}).encode())


@dataclass
class ScriptedLitmus:
    """The running server."""

    script: Script
    url: str = ""
    requests: list[Asked] = field(default_factory=list)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        if request.path == "/auth/readiness":  # Its auth server lives, whatever the script plays.
            return web.json_response({"database": "up", "collections": "up"})
        body = json.loads(await request.read())
        operation = parse(body["query"]).definitions[0]
        assert isinstance(operation, OperationDefinitionNode)
        fields = tuple(
            node.name.value for node in operation.selection_set.selections if isinstance(node, FieldNode)
        )
        asked = Asked(dict(request.headers), fields, body["variables"], request.path)
        self.requests.append(asked)
        reply = self.script(asked)
        if reply.drop:
            assert request.transport is not None
            request.transport.close()
        if reply.hang:
            await asyncio.Event().wait()
        headers = dict(reply.headers)
        if reply.content_type is not None:
            headers["Content-Type"] = reply.content_type
        return web.Response(body=reply.body, status=reply.status, headers=headers)


@asynccontextmanager
async def open_scripted_litmus(script: Script) -> AsyncIterator[ScriptedLitmus]:
    """Serve on a free port of loopback."""
    litmus = ScriptedLitmus(script)
    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", litmus.handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1, handler_cancellation=True)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        host, port = runner.addresses[0][:2]
        litmus.url = f"http://{host}:{port}"
        yield litmus
    finally:
        await runner.cleanup()
