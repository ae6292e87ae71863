"""Liveness, readiness, metrics."""

import asyncio
import zlib
from collections.abc import AsyncIterator, Iterable, Mapping
from datetime import datetime, timedelta
from itertools import chain
from typing import Any, Final

import msgspec
from aiohttp import web
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4 as TEXT_TYPE
from prometheus_client.exposition import generate_latest as generate_text
from prometheus_client.openmetrics.exposition import CONTENT_TYPE_LATEST as OPENMETRICS_TYPE
from prometheus_client.openmetrics.exposition import generate_latest as generate_openmetrics

from sidecar.model import Section, Snapshot
from sidecar.ports import TokenState, TokenStatus
from sidecar.services import Services
from sidecar.web.auth import reader_of
from sidecar.web.exposition import END
from sidecar.web.keys import DOMAIN_METRICS, SERVICES
from sidecar.web.negotiation import accepts_gzip, wants_openmetrics
from sidecar.web.text import rfc3339

READY_AFTER: Final = timedelta(seconds=30)
"""So long after the start we are ready whatever was reached: an old answer beats none."""


async def healthz(request: web.Request) -> web.Response:
    """Tell whether the process should go on living; answering at all shows that the event loop does."""
    dead = request.app[SERVICES].supervisor.dead
    status = "ok" if dead is None else "failed"
    return web.json_response({"status": status}, status=200 if dead is None else 503, headers=_NO_STORE)


async def readyz(request: web.Request) -> web.Response:
    """Tell whether requests should come here, and to readers, what is degraded."""
    services = request.app[SERVICES]
    now = services.clock()
    projects = {
        str(entity.project): services.snapshots.get(entity.project)
        for entity in services.catalogue.current.entities
    }
    status = _status(services, projects, now)
    document: dict[str, Any] = {"status": status}
    reader = await reader_of(request)
    if reader is not None:
        entities = services.catalogue.current.entities
        seen = await reader.sees(services, entities)
        names = {str(entity.project) for entity in entities if entity.ref in seen}
        document |= _detail(services, {name: projects[name] for name in projects if name in names})
        if len(seen) < len(entities):
            # Problems name documents and projects, also those that this person is not shown.
            document["catalog"] = {"entities": len(seen)}
    code = 503 if status in {"starting", "draining"} else 200
    return web.Response(
        body=msgspec.json.encode(document), status=code, content_type="application/json", headers=_NO_STORE
    )


async def jwks(request: web.Request) -> web.Response:
    """Give the public keys with which Backstage verifies the tokens we sign for its catalog."""
    return web.json_response(request.app[SERVICES].catalog_keys, headers={"Cache-Control": "max-age=300"})


async def metrics(request: web.Request) -> web.Response:
    """Give Prometheus its text, in OpenMetrics when it asks for that."""
    openmetrics = wants_openmetrics(request.headers.get("Accept", ""))
    packed = accepts_gzip(request.headers.get("Accept-Encoding", ""))
    generate = generate_openmetrics if openmetrics else generate_text
    own = await asyncio.to_thread(generate, request.app[SERVICES].metrics.registry)
    domain = request.app[DOMAIN_METRICS].chunks(openmetrics=openmetrics)
    chunks = chain([own.removesuffix(END)], domain, [END] if openmetrics else [])
    headers = {
        "Content-Type": OPENMETRICS_TYPE if openmetrics else TEXT_TYPE,
        "Cache-Control": "no-store",
        "Vary": "Accept, Accept-Encoding",
    }
    if packed:
        headers["Content-Encoding"] = "gzip"
    return web.Response(body=_packed(chunks) if packed else _paced(chunks), headers=headers)


async def _paced(chunks: Iterable[bytes]) -> AsyncIterator[bytes]:
    """Let others have the event loop between chunks: with many projects they come to megabytes."""
    for chunk in chunks:
        yield chunk
        await asyncio.sleep(0)


async def _packed(chunks: Iterable[bytes]) -> AsyncIterator[bytes]:
    """Compress chunk by chunk in a thread."""
    compressor = zlib.compressobj(level=_GZIP_LEVEL, wbits=31)
    for chunk in chunks:
        if packed := await asyncio.to_thread(compressor.compress, chunk):
            yield packed
    yield await asyncio.to_thread(compressor.flush)


_NO_TOKEN: Final = frozenset({TokenState.REJECTED, TokenState.MISSING})
_NO_STORE: Final = {"Cache-Control": "no-store"}
_GZIP_LEVEL: Final = 1
"""A scrape is the same text over and over: the fastest makes it some twenty times smaller too."""


def _status(services: Services, projects: Mapping[str, Snapshot | None], now: datetime) -> str:
    """Decide between ``starting``, ``ok``, ``degraded`` and ``draining``; readiness once reached stays."""
    phase = services.phase
    if phase.draining.is_set():
        return "draining"
    if not phase.was_ready:
        attempted = all(
            snapshot is not None and len(snapshot.freshness) == len(Section) for snapshot in projects.values()
        )
        phase.was_ready = attempted or now - phase.started_at > READY_AFTER
        if not phase.was_ready:
            return "starting"
    is_degraded = (
        any(_errors(snapshot) for snapshot in projects.values())
        or any(
            health.breaker != "closed" or health.token.state in _NO_TOKEN or health.token.problem is not None
            for health in services.instances().values()
        )
        or services.catalogue.current.problems
        or services.store_health.state != "ok"
    )
    return "degraded" if is_degraded else "ok"


def _detail(services: Services, projects: Mapping[str, Snapshot | None]) -> dict[str, Any]:
    return {
        "startedAt": rfc3339(services.phase.started_at),
        "instances": {
            name: {
                "breaker": health.breaker,
                "openedAt": rfc3339(health.opened_at),
                "token": _token(health.token),
            }
            for name, health in services.instances().items()
        },
        "store": {
            "state": services.store_health.state,
            "reason": services.store_health.reason,
            "since": rfc3339(services.store_health.since),
        },
        "catalog": {
            "entities": len(services.catalogue.current.entities),
            "problems": services.catalogue.current.problems,
        },
        "projects": {
            name: {
                "lastSuccess": {
                    section: rfc3339(freshness.succeeded_at)
                    for section, freshness in (snapshot.freshness.items() if snapshot else ())
                },
                "errors": _errors(snapshot),
            }
            for name, snapshot in projects.items()
        },
    }


def _token(status: TokenStatus) -> dict[str, Any]:
    return {
        "source": status.source,
        "state": status.state.value,
        "id": status.token_id,
        "username": status.username,
        "accountRole": status.account_role,
        "expiresAt": rfc3339(status.expires_at),
        "changedAt": rfc3339(status.changed_at),
        "problem": status.problem,
    }


def _errors(snapshot: Snapshot | None) -> dict[str, dict[str, str]]:
    return {
        section: {"code": freshness.error.code, "message": freshness.error.message}
        for section, freshness in (snapshot.freshness.items() if snapshot else ())
        if freshness.error is not None
    }
