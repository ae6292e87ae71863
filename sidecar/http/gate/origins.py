"""Where a request comes from: which origins are our own, whether it was made on this machine."""

import ipaddress
import re
from typing import Final

from aiohttp import web

from sidecar.http.services import Services
from sidecar.identity.origins import origin_of
from sidecar.identity.proxy import requested_origin

_LOOPBACK_HOST: Final = re.compile(
    r"(localhost|127\.0\.0\.1|\[::1\])(:[0-9]{1,5})?", re.IGNORECASE | re.ASCII
)
_FORWARDING_HEADERS: Final = (
    "Forwarded",
    "Via",
    "X-Forwarded-For",
    "X-Forwarded-Host",
    "X-Forwarded-Proto",
    "X-Real-IP",
)


def own_origins(request: web.Request, services: Services) -> frozenset[str]:
    """Return the origins whose pages are ours: the public one, and the one this request was made to."""
    own = {f"{request.scheme}://{request.host}".lower(), browser_origin(request, services)}
    if services.config.public_url is not None:
        own.add(origin_of(services.config.public_url))
    return frozenset(own)


def browser_origin(request: web.Request, services: Services) -> str:
    """Return scheme and host as the browser sees them; a trusted proxy may say otherwise than the request."""
    trusted = services.config.listen.trusted_proxies
    return requested_origin(
        request.remote, request.headers, trusted, scheme=request.scheme, host=request.host
    )


def is_own_machine(request: web.Request) -> bool:
    """Tell whether the caller is on this machine and calls it by a loopback name.

    The Host check keeps out web pages that resolve their own name to
    127.0.0.1; a forwarding header tells of a caller further away.
    """
    try:
        peer = ipaddress.ip_address(request.remote or "")
    except ValueError:
        return False
    mapped = getattr(peer, "ipv4_mapped", None)
    return (
        (mapped or peer).is_loopback
        and _LOOPBACK_HOST.fullmatch(request.host) is not None
        and not any(header in request.headers for header in _FORWARDING_HEADERS)
    )
