"""The API's documentation: the OpenAPI document, and a page made from it."""

from pathlib import Path
from typing import Any, Final

import aiohttp_jinja2
from aiohttp import web

from sidecar.web.answers import Answer, respond
from sidecar.web.keys import ROUTES
from sidecar.web.openapi import openapi_document


async def openapi(request: web.Request) -> web.Response:
    """Give the OpenAPI document."""
    return respond(request, Answer(_document(request), as_of=None))


async def page(request: web.Request) -> web.Response:
    """Give the documentation as a page; no script, no other host."""
    context = {"document": _document(request)}
    response = await aiohttp_jinja2.render_template_async("api_docs.html", request, context)
    response.headers["Content-Security-Policy"] = _POLICY
    return response


async def style(_request: web.Request) -> web.FileResponse:
    """Give the page's style sheet."""
    return web.FileResponse(_STYLE, headers={"Cache-Control": "private, no-cache"})


_STYLE: Final = Path(__file__).parent / "static" / "docs.css"
_POLICY: Final = (
    "default-src 'none'; style-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
)


def _document(request: web.Request) -> dict[str, Any]:
    return openapi_document(list(request.app[ROUTES].values()))
