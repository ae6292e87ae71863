"""What Prometheus gets: our own metrics and the domain's, in the format that it asks for.

The answer is sent in chunks, compressed in a thread: with many projects it
comes to megabytes, and nobody else should wait for it.
"""

import asyncio
import zlib
from collections.abc import AsyncIterator, Iterable
from itertools import chain
from typing import Final

from aiohttp import web
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4 as TEXT_TYPE
from prometheus_client.exposition import generate_latest as generate_text
from prometheus_client.openmetrics.exposition import CONTENT_TYPE_LATEST as OPENMETRICS_TYPE
from prometheus_client.openmetrics.exposition import generate_latest as generate_openmetrics

from sidecar.http.answers.negotiation import accepts_gzip, wants_openmetrics
from sidecar.http.answers.sending import Stream
from sidecar.http.metrics.domain import (
    DOMAIN_METRICS,
    DomainMetrics,
)
from sidecar.http.metrics.text_format import END
from sidecar.http.services import SERVICES

_GZIP_LEVEL: Final = 1
"""A scrape is the same text over and over: the fastest makes it some twenty times smaller too."""


async def metrics(request: web.Request) -> web.Response:
    """Give Prometheus its text, in OpenMetrics when it asks for that."""
    return await scrape_response(request, request.app[SERVICES].metrics.registry, request.app[DOMAIN_METRICS])


async def scrape_response(
    request: web.Request, registry: CollectorRegistry, domain: DomainMetrics
) -> web.Response:
    """Return the metrics of the registry and those of the domain as one answer."""
    openmetrics = wants_openmetrics(request.headers.get("Accept", ""))
    packed = accepts_gzip(request.headers.get("Accept-Encoding", ""))
    own = await asyncio.to_thread(generate_openmetrics if openmetrics else generate_text, registry)
    chunks = chain(
        [own.removesuffix(END)], domain.chunks(openmetrics=openmetrics), [END] if openmetrics else []
    )
    headers = {
        "Content-Type": OPENMETRICS_TYPE if openmetrics else TEXT_TYPE,
        "Cache-Control": "no-store",
        "Vary": "Accept, Accept-Encoding",
    }
    if packed:
        headers["Content-Encoding"] = "gzip"
    return web.Response(body=Stream(_compressed(chunks) if packed else _paced(chunks)), headers=headers)


async def _paced(chunks: Iterable[bytes]) -> AsyncIterator[bytes]:
    for chunk in chunks:
        yield chunk
        await asyncio.sleep(0)


async def _compressed(chunks: Iterable[bytes]) -> AsyncIterator[bytes]:
    compressor = zlib.compressobj(level=_GZIP_LEVEL, wbits=31)
    for chunk in chunks:
        if packed := await asyncio.to_thread(compressor.compress, chunk):
            yield packed
    yield await asyncio.to_thread(compressor.flush)
