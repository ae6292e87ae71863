"""Whether Backstage's proxy leads what people ask to us, as far as app-config tells. Pure."""

from collections.abc import Iterator
from typing import Final

from sidecar.app.doctor.findings import failed, warned
from sidecar.config import Config
from sidecar.config.backstage_proxy import ProxyRoute, place_of
from sidecar.config.loopback import is_loopback
from sidecar.insight.token_findings import Finding

_ACTING: Final = frozenset({"run", "admin"})
"""Scopes of a key for which more is said elsewhere."""


def plugin_findings(config: Config) -> Iterator[Finding]:
    """Judge the plugin's route, and others that send one of our keys."""
    for route in config.proxy_routes:
        name = f"Backstage's proxy route {route.path}"
        elsewhere = _elsewhere(config, route)
        if elsewhere is not None:
            yield failed("proxy_target_elsewhere", f"{name} leads to {elsewhere}")
            continue
        yield from _methods(name, route)
        yield from _credentials(name, config, route)


def _elsewhere(config: Config, route: ProxyRoute) -> str | None:
    """Return where a route leads that is clearly not the sidecar; ``None``: it is, or that cannot be told."""
    place = route.place
    if place is None or (config.public_url is not None and place == place_of(config.public_url)):
        return None
    for instance in config.instances:
        if place in {place_of(instance.base_url), place_of(instance.external_base_url)}:
            return (
                f"Litmus itself, the instance {instance.name}, past the sidecar; "
                "if the sidecar is served on that host, say so in litmusSidecar.publicUrl"
            )
    # Beyond loopback a port may be mapped to ours.
    port = config.listen.port
    if is_loopback(place[0]) and is_loopback(config.listen.host) and port not in {0, place[1]}:
        return f"port {place[1]} of this machine, and litmusSidecar.listen.port is {port}"
    return None


def _methods(name: str, route: ProxyRoute) -> Iterator[Finding]:
    if route.methods is None:
        return
    if "POST" not in route.methods:
        yield failed(
            "proxy_without_post", f"allowedMethods of {name} has no POST, which the plugin asks with"
        )
    if "GET" not in route.methods:
        yield warned(
            "proxy_without_get", f"allowedMethods of {name} has no GET, which cards and tabs read with"
        )


def _credentials(name: str, config: Config, route: ProxyRoute) -> Iterator[Finding]:
    knows_people = config.auth.backstage is not None
    if route.key is None and config.auth.keys and not (knows_people and route.carries_person):
        yield failed(
            "proxy_without_key",
            f"{name} sends none of the keys in litmusSidecar.auth.keys, so what it asks is refused",
        )
    acts = any(key.name == route.key and key.scopes & _ACTING for key in config.auth.keys)
    if knows_people and not (acts or route.carries_person or route.is_public):
        yield warned(
            "proxy_carries_nobody",
            f"{name} does not send who asks, and litmusSidecar.auth.backstage is given: nobody is there as "
            "themselves; set credentials: forward, without a header Authorization",
        )
