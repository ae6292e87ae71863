"""Whether a request that changes state comes from one of our own pages; what other pages may read.

Pure decisions about headers (contract: end of the section on callers). CORS is
off unless origins are configured, and never allows cookies.
"""

from collections.abc import Collection, Mapping
from typing import Final
from urllib.parse import urlsplit

from sidecar.config.web_address import DEFAULT_PORTS
from sidecar.domain.errors import ForbiddenError, UnsupportedMediaTypeError

SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
JSON_TYPE: Final = "application/json"
_FORM_TYPES: Final = frozenset({"application/x-www-form-urlencoded", "multipart/form-data", "text/plain"})
ORIGIN: Final = "Origin"
FETCH_SITE: Final = "Sec-Fetch-Site"
PREFLIGHT_SECONDS: Final = 600
_OWN_SITES: Final = frozenset({"same-origin", "none"})
"""``none``: the person themselves, by address bar or bookmark."""


def refuse_api_change(
    method: str, content_type: str, headers: Mapping[str, str], origins: Collection[str], *, ambient: bool
) -> None:
    """Let a request under ``/api`` pass, or say why not.

    ``content_type`` is without parameters. ``origins`` are our own and the
    configured ones. ``ambient``: the caller sent no credential of their own
    making (loopback without keys, authenticating proxy), so that any page in
    their browser could have sent the request; only then its origin matters.

    Raises:
        UnsupportedMediaTypeError: If it changes state and is not JSON, which a foreign form cannot send. One
            without body passes, unless it calls itself a form: what a script sends has its origin with it.
        ForbiddenError: If a foreign page sent it.
    """
    if method in SAFE_METHODS:
        return
    sent_as = content_type.strip().lower()
    if sent_as != JSON_TYPE and (sent_as in _FORM_TYPES or _has_body(headers)):
        raise UnsupportedMediaTypeError(f"A request that changes something must be sent as {JSON_TYPE}.")
    if not ambient:
        return
    origin = headers.get(ORIGIN)
    if origin is not None:
        if origin not in origins:
            raise ForbiddenError("Request not accepted: a page of another origin sent it.")
    elif headers.get(FETCH_SITE, "none") not in _OWN_SITES:
        raise ForbiddenError("Request not accepted: a page of another site sent it.")


def _has_body(headers: Mapping[str, str]) -> bool:
    return "Transfer-Encoding" in headers or headers.get("Content-Length", "0").strip() != "0"


def refuse_foreign_form(headers: Mapping[str, str], origins: Collection[str]) -> None:
    """Let a form post under ``/litmus`` pass, or say why not; beside it there is the CSRF token.

    ``Sec-Fetch-Site`` decides where the browser sends it. Browsers leave it out
    on plain HTTP, where ``Origin`` decides; that one is ``null`` if the page's
    referrer policy is ``no-referrer``, so pages with forms use ``same-origin``.

    Raises:
        ForbiddenError: If the form was not on one of our pages, or nothing tells.
    """
    site, origin = headers.get(FETCH_SITE), headers.get(ORIGIN)
    if site is not None and site != "same-origin":
        raise ForbiddenError("Form not accepted: a page of another site sent it.")
    if origin in origins or (site is not None and origin in {None, "null"}):
        return
    raise ForbiddenError("Form not accepted: it does not come from a page of the sidecar.")


def is_preflight(method: str, headers: Mapping[str, str]) -> bool:
    """Tell whether a browser asks what a page of another origin may send."""
    return method == "OPTIONS" and ORIGIN in headers and "Access-Control-Request-Method" in headers


def cors_headers(
    headers: Mapping[str, str], allowed: Collection[str], *, preflight: bool = False
) -> Mapping[str, str]:
    """Return the headers that let an allowed origin read an answer; empty while none is configured."""
    if not allowed:
        return {}
    origin = headers.get(ORIGIN)
    answer = {"Vary": ORIGIN}
    if origin is None or origin not in allowed:
        return answer
    answer["Access-Control-Allow-Origin"] = origin
    if preflight:
        answer["Access-Control-Allow-Methods"] = "GET, HEAD, POST, DELETE"
        answer["Access-Control-Allow-Headers"] = (
            "Authorization, Content-Type, If-None-Match, Idempotency-Key, X-Litmus-Sidecar-Key, X-Request-ID"
        )
        answer["Access-Control-Max-Age"] = str(PREFLIGHT_SECONDS)
    else:
        answer["Access-Control-Expose-Headers"] = "ETag, Retry-After, X-Request-ID"
    return answer


def origin_of(url: str) -> str:
    """Return the origin of an absolute URL as browsers write it, for ``publicUrl``."""
    parts = urlsplit(url.lower())
    host = f"[{parts.hostname}]" if parts.hostname and ":" in parts.hostname else parts.hostname or ""
    return f"{parts.scheme}://{host}" + (
        f":{parts.port}" if parts.port not in {None, DEFAULT_PORTS.get(parts.scheme)} else ""
    )
