"""Style sheet, script and icon of the pages: public, and kept by browsers until they change."""

import hashlib
from functools import cache
from pathlib import Path
from typing import Final

from aiohttp import web

from sidecar.domain.errors import NotFoundError

ASSETS: Final = "/litmus/assets"
_FOLDER: Final = Path(__file__).parents[1] / "static"
_TYPES: Final = {"style.css": "text/css", "page.js": "text/javascript", "icon.svg": "image/svg+xml"}
_LASTING: Final = "public, max-age=31536000, immutable"


async def asset(request: web.Request) -> web.Response:
    """Give a file by name; its address changes with its content."""
    name = request.match_info["file"]
    if name not in _TYPES:
        raise NotFoundError("No such file here.")
    body, digest = _content(name)
    # An address of another release must not be kept as if it were this one's.
    lasting = request.query.get("v") == digest
    return web.Response(
        body=body,
        content_type=_TYPES[name],
        charset="utf-8",
        headers={"Cache-Control": _LASTING if lasting else "no-cache"},
    )


def asset_url(name: str) -> str:
    """Return the address of a file as it is now."""
    return f"{ASSETS}/{name}?v={_content(name)[1]}"


@cache
def _content(name: str) -> tuple[bytes, str]:
    body = (_FOLDER / name).read_bytes()
    return body, hashlib.sha256(body).hexdigest()[:12]
