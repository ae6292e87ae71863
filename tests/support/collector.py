"""A small OTLP collector: takes traces over HTTP and decodes them with OpenTelemetry's own classes."""

import gzip
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import NamedTuple

from aiohttp import web
from aiohttp.test_utils import TestServer
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


class Received(NamedTuple):
    """One span as it arrived."""

    name: str
    trace_id: str
    span_id: str
    parent_id: str
    """``""``: the first of its trace."""
    kind: int
    failed: bool
    attributes: dict[str, str | int | float | bool]


class Collector:
    """What arrived, decoded and raw."""

    def __init__(self) -> None:
        self.endpoint = ""
        self.raw = b""
        self.spans: list[Received] = []
        self.resource: dict[str, str] = {}

    async def take(self, request: web.Request) -> web.Response:
        body = await request.read()
        if body.startswith(b"\x1f\x8b"):
            body = gzip.decompress(body)
        self.raw += body
        for group in ExportTraceServiceRequest.FromString(body).resource_spans:
            self.resource = {pair.key: pair.value.string_value for pair in group.resource.attributes}
            for scope in group.scope_spans:
                self.spans += [
                    Received(
                        name=span.name,
                        trace_id=span.trace_id.hex(),
                        span_id=span.span_id.hex(),
                        parent_id=span.parent_span_id.hex(),
                        kind=span.kind,
                        failed=span.status.code == span.status.STATUS_CODE_ERROR,
                        attributes={
                            pair.key: getattr(pair.value, pair.value.WhichOneof("value") or "string_value")
                            for pair in span.attributes
                        },
                    )
                    for span in scope.spans
                ]
        return web.Response(content_type="application/x-protobuf")

    def named(self, name: str) -> list[Received]:
        return [span for span in self.spans if span.name == name]


@asynccontextmanager
async def open_collector() -> AsyncIterator[Collector]:
    """Serve a collector on a free port of the loopback interface."""
    collector = Collector()
    app = web.Application()
    app.router.add_post("/v1/traces", collector.take)
    async with TestServer(app, host="127.0.0.1") as server:
        collector.endpoint = str(server.make_url("/")).rstrip("/")
        yield collector
