"""JSON answers to GET: strong ETag, 304, ``Last-Modified``, gzip when asked."""

import hashlib
import zlib
from datetime import datetime
from typing import Final

from aiohttp import web

from sidecar.web.text import http_date

_WORTH_COMPRESSING_BYTES: Final = 1024


def json_answer(request: web.Request, body: bytes, as_of: datetime | None) -> web.Response:
    """Return the body, or 304 if the client has it.

    Args:
        request: Whose ``If-None-Match`` and ``Accept-Encoding`` count.
        body: JSON.
        as_of: Oldest last success among the data used; ``None`` without any.
    """
    tag = hashlib.sha256(body).hexdigest()[:32]
    # A strong tag names exact bytes, so the compressed form has its own.
    compress = len(body) >= _WORTH_COMPRESSING_BYTES and _accepts_gzip(request)
    etag = f"{tag}-gzip" if compress else tag
    headers = {
        "ETag": f'"{etag}"',
        "Cache-Control": "private, no-cache",
        "Vary": f"Accept-Encoding, Authorization, {_KEY_HEADER}",
    }
    if as_of is not None:
        headers["Last-Modified"] = http_date(as_of)
    if _client_has(request, {tag, f"{tag}-gzip"}):
        return web.Response(status=304, headers=headers)
    if compress:
        headers["Content-Encoding"] = "gzip"
        body = _gzip(body)
    return web.Response(body=body, content_type="application/json", headers=headers)


_KEY_HEADER: Final = "X-Litmus-Sidecar-Key"


def _client_has(request: web.Request, tags: set[str]) -> bool:
    given = request.if_none_match
    return given is not None and any(tag.value == "*" or tag.value in tags for tag in given)


def _accepts_gzip(request: web.Request) -> bool:
    for offer in request.headers.get("Accept-Encoding", "").lower().split(","):
        coding, _, quality = offer.partition(";")
        if coding.strip() in {"gzip", "*"}:
            return quality.replace(" ", "").rstrip("0") not in {"q=", "q=0.", "q=."}
    return False


def _gzip(body: bytes) -> bytes:
    compressor = zlib.compressobj(level=5, wbits=31)
    return compressor.compress(body) + compressor.flush()
