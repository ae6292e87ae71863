"""The routes of Backstage's own proxy that may lead to us, for ``check`` to compare with our keys.

They are Backstage's to judge: whatever is odd about them is passed over here, and
of what they send nothing is kept but the name of the key that it is.
"""

from collections.abc import Iterator, Mapping
from typing import Final

from sidecar.config.section import Section

KEY_HEADER: Final = "x-litmus-sidecar-key"
_BEARER: Final = "bearer "
_FORWARD: Final = "forward"
_UNAUTHENTICATED: Final = "dangerously-allow-unauthenticated"


class ProxyRoute(Section):
    """A route of Backstage's proxy that sends one of our keys."""

    path: str
    """Below ``/api/proxy``."""
    key: str
    """Name of the key."""
    carries_person: bool
    """Whether the token of whoever asks comes along."""
    is_public: bool
    """Whether it asks nobody to sign in."""


def proxy_routes(tree: object, keys: Mapping[str, str]) -> tuple[ProxyRoute, ...]:
    """Return those of the routes under ``proxy`` that send one of the keys, given as secret → name."""
    if not isinstance(tree, Mapping):
        return ()
    # As Backstage: routes at the root count only without ``endpoints``.
    routes = tree.get("endpoints", tree)
    return tuple(_routes(routes, keys)) if isinstance(routes, Mapping) else ()


def _routes(routes: Mapping[object, object], keys: Mapping[str, str]) -> Iterator[ProxyRoute]:
    for path, route in routes.items():
        if not isinstance(route, Mapping) or not isinstance(route.get("headers"), Mapping):
            continue
        headers = {str(header).lower(): value for header, value in route["headers"].items()}
        authorization = headers.get("authorization")
        secret = headers.get(KEY_HEADER) or _bearer(authorization)
        name = keys.get(secret.strip()) if isinstance(secret, str) else None
        if name is None:
            continue
        allowed = route.get("allowedHeaders")
        passed = {str(one).lower() for one in allowed} if isinstance(allowed, list | tuple) else set()
        credentials = route.get("credentials")
        yield ProxyRoute(
            path=str(path),
            key=name,
            # A header that is configured takes the place of the person's.
            carries_person=authorization is None and (credentials == _FORWARD or "authorization" in passed),
            is_public=credentials == _UNAUTHENTICATED,
        )


def _bearer(authorization: object) -> str | None:
    if not isinstance(authorization, str) or not authorization.lower().startswith(_BEARER):
        return None
    return authorization[len(_BEARER) :]
