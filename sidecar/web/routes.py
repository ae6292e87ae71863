"""The table of routes; names decide who may use them (``web.auth``)."""

from aiohttp import web

from sidecar.web import api, graphql, health
from sidecar.web.errors import QUERY_PATH


def add_routes(app: web.Application) -> None:
    """Add every route of the service."""
    app.add_routes(
        [
            web.get("/healthz", health.healthz, name="healthz"),
            web.get("/readyz", health.readyz, name="readyz"),
            web.get("/metrics", health.metrics, name="metrics"),
            # Every method: the refusal must be one that a GraphQL client can read.
            web.route("*", QUERY_PATH, graphql.query, name="query"),
            web.get("/api/v1/entities", api.entities, name="entities"),
        ]
    )
