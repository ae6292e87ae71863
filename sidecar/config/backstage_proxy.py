"""The routes of Backstage's own proxy that may lead to us, for ``check`` to compare with our keys.

They are Backstage's to judge: whatever is odd about them is passed over here, and
of what they send nothing is kept but the name of the key that it is, of where they
lead the host and port alone.
"""

from collections.abc import Iterator, Mapping
from typing import Final
from urllib.parse import urlsplit

from sidecar.config.access import KEY_HEADER
from sidecar.config.section import Section
from sidecar.config.web_address import port_of

_OF_PLUGIN: Final = "litmus"
"""The route that the plugin asks, whatever it sends."""
_BEARER: Final = "bearer "
_FORWARD: Final = "forward"
_UNAUTHENTICATED: Final = "dangerously-allow-unauthenticated"


class ProxyRoute(Section):
    """A route of Backstage's proxy that sends one of our keys, or that the plugin asks."""

    path: str
    """Below ``/api/proxy``."""
    key: str | None
    """Name of the key; ``None``: the plugin's route sends none of ours."""
    place: tuple[str, int] | None
    """Host and port of its target; ``None``: it cannot be told."""
    methods: frozenset[str] | None
    """Those that it passes on, in capitals; ``None``: all."""
    carries_person: bool
    """Whether the token of whoever asks comes along."""
    is_public: bool
    """Whether it asks nobody to sign in."""


def proxy_routes(tree: object, keys: Mapping[str, str]) -> tuple[ProxyRoute, ...]:
    """Return the routes under ``proxy`` that send one of the keys (secret → name), and the plugin's."""
    if not isinstance(tree, Mapping):
        return ()
    # As Backstage: routes at the root count only without ``endpoints``.
    routes = tree.get("endpoints", tree)
    return tuple(_routes(routes, keys)) if isinstance(routes, Mapping) else ()


def place_of(url: str) -> tuple[str, int] | None:
    """Return host and port of an address; ``None``: it has none that can be read."""
    try:
        parts = urlsplit(url)
        port = port_of(parts)
    except ValueError:
        return None
    return None if not parts.hostname or port is None else (parts.hostname, port)


def _routes(routes: Mapping[object, object], keys: Mapping[str, str]) -> Iterator[ProxyRoute]:
    for path, route in routes.items():
        if not isinstance(route, Mapping):
            continue
        sent = route.get("headers")
        headers = (
            {str(name).lower(): value for name, value in sent.items()} if isinstance(sent, Mapping) else {}
        )
        authorization = headers.get("authorization")
        secret = headers.get(KEY_HEADER.lower()) or _bearer(authorization)
        name = keys.get(secret.strip()) if isinstance(secret, str) else None
        if name is None and str(path).strip("/") != _OF_PLUGIN:
            continue
        allowed = route.get("allowedHeaders")
        passed = {str(one).lower() for one in allowed} if isinstance(allowed, list | tuple) else set()
        credentials, methods = route.get("credentials"), route.get("allowedMethods")
        target = route.get("target")
        yield ProxyRoute(
            path=str(path),
            key=name,
            place=place_of(target) if isinstance(target, str) else None,
            methods=frozenset(str(one).upper() for one in methods)
            if isinstance(methods, list | tuple)
            else None,
            # A header that is configured takes the place of the person's.
            carries_person=authorization is None and (credentials == _FORWARD or "authorization" in passed),
            is_public=credentials == _UNAUTHENTICATED,
        )


def _bearer(authorization: object) -> str | None:
    if not isinstance(authorization, str) or not authorization.lower().startswith(_BEARER):
        return None
    return authorization[len(_BEARER) :]
