"""The table of routes: the application, the gate and the documentation are made from it."""

from collections.abc import AsyncIterator
from typing import Final

from aiohttp import web

from sidecar.http.answers.cache import (
    ANSWER_CACHE,
    AnswerCache,
)
from sidecar.http.answers.templates import TEMPLATES, add_templates
from sidecar.http.api import health
from sidecar.http.api.routes import API_ROUTES
from sidecar.http.graphql import query
from sidecar.http.metrics import scrape
from sidecar.http.openapi import page
from sidecar.http.pages.filters import FILTERS
from sidecar.http.pages.routes import PAGE_ROUTES
from sidecar.http.pictures.routes import PICTURE_ROUTES
from sidecar.http.route import (
    QUERY_PATH,
    ROUTES_BY_NAME,
    Route,
)

ROUTES: Final = (
    Route(
        method="GET",
        path="/healthz",
        name="healthz",
        handler=health.healthz,
        scope=None,
        summary="Whether the process is alive.",
    ),
    Route(
        method="GET",
        path="/readyz",
        name="readyz",
        handler=health.readyz,
        scope=None,
        summary="Whether to send requests here; with scope `read`, what is degraded and why.",
    ),
    Route(
        method="GET",
        path="/.well-known/jwks.json",
        name="jwks",
        handler=health.jwks,
        scope=None,
        summary="Public keys of the tokens that the sidecar signs for Backstage's catalog.",
    ),
    Route(
        method="GET",
        path="/metrics",
        name="metrics",
        handler=scrape.metrics,
        scope="metrics",
        summary="Prometheus metrics; OpenMetrics when asked for.",
        content_types=("text/plain", "application/openmetrics-text"),
    ),
    Route(
        method="*",
        path=QUERY_PATH,
        name="query",
        handler=query.query,
        scope="read",
        summary="GraphQL for backstage-plugin-litmus.",
    ),
    *API_ROUTES,
    Route(
        method="GET",
        path="/api/v1/openapi.json",
        name="openapi",
        handler=page.openapi,
        scope="read",
        summary="This API as an OpenAPI 3.1 document.",
    ),
    Route(
        method="GET",
        path="/api/v1/docs",
        name="docs",
        handler=page.page,
        scope="read",
        summary="This API as a page.",
        content_types=("text/html",),
    ),
    Route(
        method="GET",
        path="/api/v1/docs.css",
        name="docs_style",
        handler=page.style,
        scope="read",
        summary="Style sheet of that page.",
        content_types=("text/css",),
    ),
    *PAGE_ROUTES,
    *PICTURE_ROUTES,
)


async def _ending_answers(app: web.Application) -> AsyncIterator[None]:
    """Outlive no service: what is still being made reads the store."""
    yield
    await app[ANSWER_CACHE].close()


def add_routes(app: web.Application, *, before: web.Application | None = None) -> None:
    """Add every route of the service, and what their handlers find in the application.

    ``before`` is the application that this one takes over from: it goes on counting that one's answers, and
    fills in the same templates.
    """
    app[ROUTES_BY_NAME] = {route.name: route for route in ROUTES}
    app[ANSWER_CACHE] = AnswerCache(counts=before[ANSWER_CACHE].counts if before is not None else None)
    app.cleanup_ctx.append(_ending_answers)
    if before is not None:
        app[TEMPLATES] = before[TEMPLATES]
    else:
        add_templates(app, FILTERS)
    for route in ROUTES:
        if route.method == "GET":
            # With HEAD (RFC 9110, 9.1); link checkers ask so.
            app.router.add_get(route.path, route.handler, name=route.name)
        else:
            app.router.add_route(route.method, route.path, route.handler, name=route.name)
