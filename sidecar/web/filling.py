"""Templates filled in without holding the event loop, however long what comes of them."""

from collections.abc import Mapping
from typing import Any

import aiohttp_jinja2
from aiohttp import web
from jinja2 import Template

from sidecar.slices import Work
from sidecar.web.keys import SERVICES


async def filled(request: web.Request, template: str, context: Mapping[str, Any]) -> bytes:
    """Return the bytes of a template with this context."""
    found = aiohttp_jinja2.get_env(request.app).get_template(template)
    return await request.app[SERVICES].turns.run(object(), _filling(found, context))


def _filling(template: Template, context: Mapping[str, Any]) -> Work[bytes]:
    pieces = []
    for piece in template.generate(context):
        pieces.append(piece)
        yield
    return "".join(pieces).encode(errors="replace")
