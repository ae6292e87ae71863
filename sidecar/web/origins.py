"""Which origins count as our own for a request."""

from aiohttp import web

from sidecar.identity.origins import origin_of
from sidecar.services import Services


def own_origins(request: web.Request, services: Services) -> frozenset[str]:
    """Return the origins whose pages are ours: the public one, and the one this request names itself."""
    own = {f"{request.scheme}://{request.host}".lower()}
    if services.config.public_url is not None:
        own.add(origin_of(services.config.public_url))
    return frozenset(own)
