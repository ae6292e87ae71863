"""The API's documentation: the OpenAPI document, and a page made from it."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final

from aiohttp import web

from sidecar.http.answers.cache import (
    ANSWER_CACHE,
    Answer,
    conditional_response,
    encode_answer,
)
from sidecar.http.answers.templates import render_template
from sidecar.http.openapi.document import openapi_document
from sidecar.http.route import ROUTES_BY_NAME
from sidecar.http.services import SERVICES


async def openapi(request: web.Request) -> web.Response:
    """Give the OpenAPI document."""

    async def make() -> Answer:
        return Answer(_document(request), as_of=None)

    return conditional_response(request, await _cached_answer(request, make))


async def page(request: web.Request) -> web.Response:
    """Give the documentation as a page; no script, no other host."""

    async def make() -> Answer:
        body = await render_template(request, "api_docs.html", {"document": _document(request)})
        return await encode_answer(request.app[SERVICES].turns, body, as_of=None)

    response = conditional_response(
        request, await _cached_answer(request, make), "text/html", charset="utf-8"
    )
    response.headers["Content-Security-Policy"] = _POLICY
    return response


async def style(_request: web.Request) -> web.FileResponse:
    """Give the page's style sheet."""
    return web.FileResponse(_STYLE, headers={"Cache-Control": "private, no-cache"})


_STYLE: Final = Path(__file__).parents[1] / "static" / "docs.css"
_POLICY: Final = (
    "default-src 'none'; style-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
)


async def _cached_answer(request: web.Request, make: Callable[[], Awaitable[Answer]]) -> Answer:
    """Return what the table of routes alone makes, from what was made before or now."""
    now = request.app[SERVICES].clock()
    return await request.app[ANSWER_CACHE].get(("docs", request.path), now, make)


def _document(request: web.Request) -> dict[str, Any]:
    return openapi_document(list(request.app[ROUTES_BY_NAME].values()))
