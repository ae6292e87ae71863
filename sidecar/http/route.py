"""What a route is: its place, who may use it, and what the documentation says of it."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

import msgspec
from aiohttp import web

ANY_SCOPE: Final = "any"
"""Scope of routes that need somebody known; what they may do is decided further in."""
QUERY_PATH: Final = "/api/query"
"""Where the plugin asks."""
PAGES: Final = "/litmus"
"""What the paths of all pages begin with."""

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Parameter(msgspec.Struct, frozen=True, kw_only=True):
    """A query parameter of a route."""

    name: str
    description: str
    schema: Mapping[str, Any]


class Route(msgspec.Struct, frozen=True, kw_only=True):
    """One route of the service."""

    method: str
    """``*``: every method, for an endpoint that words its own refusal."""
    path: str
    name: str
    handler: Handler
    scope: str | None
    """What the caller needs; ``None``: public; ``any``: only to be known, more is asked within."""
    summary: str
    parameters: tuple[Parameter, ...] = ()
    body: Any = None
    """Type of the JSON body; ``None``: it has none."""
    body_required: bool = True
    """Whether a request without the body is refused."""
    status: int = 200
    """Of the good answer."""
    answer: Any = None
    """Type of the JSON answer, for the documentation; ``None``: it is not JSON of ours."""
    content_types: tuple[str, ...] = ("application/json",)
    picture: str | None = None
    """Picture that a signed address shows here without any other credential; ``None``: none does."""
    errors: tuple[int, ...] = ()
    """Statuses of problem documents beside those that every private route may answer (401, 403, 429)."""


ROUTES_BY_NAME = web.AppKey("routes", dict[str, Route])
"""Every route by name."""
