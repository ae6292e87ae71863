"""Which proxy a server is asked through, by the variables that most programs honour.

``HTTPS_PROXY`` and ``HTTP_PROXY`` name it for ``https://`` and ``http://``
addresses, ``NO_PROXY`` lists whom to ask directly: names and what is below
them, with or without a port, addresses, networks such as ``10.0.0.0/8``, or
``*``. This machine itself is always asked directly. Lower case counts before
upper case. aiohttp would read them too, but no networks, and ``.netrc`` with
them, whose passwords are nobody's business here.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address, ip_network
from typing import Any
from urllib.parse import unquote, urlsplit

from aiohttp import ClientHandlerType, ClientRequest, ClientResponse, encode_basic_auth
from multidict import CIMultiDict

from sidecar.config import Config
from sidecar.config.loopback import is_loopback
from sidecar.config.web_address import port_of
from sidecar.domain.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Proxy:
    """A proxy to ask through; its ``repr`` holds no credentials."""

    url: str
    """Its address, without credentials."""
    authorization: str | None = field(default=None, repr=False)
    """Header ``Proxy-Authorization`` for it; ``None``: it wants none."""


def configured_proxy(config: Config, base_url: str) -> Proxy | None:
    """Return the proxy through which an address is asked, by the configuration and our environment.

    Raises:
        ConfigError: See :func:`proxy_for`.
    """
    return None if config.proxy == "off" else proxy_for(base_url, os.environ)


def through(proxy: Proxy | None) -> dict[str, Any]:
    """Return what has a session of aiohttp ask through the proxy; nothing without one."""
    if proxy is None:
        return {}

    async def authorized(request: ClientRequest, handler: ClientHandlerType) -> ClientResponse:
        if proxy.authorization is not None:
            sent = CIMultiDict({"Proxy-Authorization": proxy.authorization})
            # Of a tunnel only the request that opens it is the proxy's to read.
            if request.url.scheme == "https":
                request.proxy_headers = sent
            else:
                request.headers.update(sent)
        return await handler(request)

    return {"proxy": proxy.url, "middlewares": (authorized,)}


def require_proxies(config: Config) -> None:
    """Look for proxies of all that will be asked, so that who checks hears what a start would say.

    Raises:
        ConfigError: See :func:`proxy_for`.
    """
    asked = [instance.base_url for instance in config.instances]
    for one in (config.auth.backstage, config.catalog.backstage):
        asked += [one.base_url] if one is not None else []
    for base_url in asked:
        configured_proxy(config, base_url)


def proxy_for(base_url: str, environ: Mapping[str, str]) -> Proxy | None:
    """Return the proxy through which an address is asked; ``None``: it is asked directly.

    Raises:
        ConfigError: If the variable holds no address of a proxy that we can use; names the variable only.
    """
    target = urlsplit(base_url)
    name, value = _variable(f"{target.scheme}_proxy", environ)
    if not value or _is_exempt(target.hostname or "", port_of(target), _variable("no_proxy", environ)[1]):
        return None
    return _proxy(name, value)


def _variable(name: str, environ: Mapping[str, str]) -> tuple[str, str]:
    """Return the name that is set, and its value; the lower-case one counts even if it is empty."""
    found = name if name in environ else name.upper()
    return found, environ.get(found, "").strip()


def _proxy(name: str, value: str) -> Proxy:
    wanted = (
        f"{name} must be http://HOST:PORT or http://USER:PASSWORD@HOST:PORT; '@', '/', '?' and '#' in a "
        "password are written %40, %2F, %3F and %23. Or set litmusSidecar.proxy to off."
    )
    try:
        parts = urlsplit(value if "://" in value else f"http://{value}")
        port = parts.port
    except ValueError:
        raise ConfigError((wanted,)) from None
    is_bare = parts.path in {"", "/"} and not parts.query and not parts.fragment
    if (
        parts.scheme not in {"http", "https"}
        or not parts.hostname
        or not is_bare
        or "%3a" in (parts.username or "").lower()
        or parts.netloc.count("@") > 1
    ):
        raise ConfigError((wanted,))
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return Proxy(
        url=f"{parts.scheme}://{host}" + (f":{port}" if port is not None else ""),
        authorization=None if parts.username is None else _authorization(parts.username, parts.password),
    )


def _authorization(username: str, password: str | None) -> str:
    return encode_basic_auth(unquote(username), unquote(password or ""))


def _is_exempt(host: str, port: int | None, no_proxy: str) -> bool:
    host = host.lower().rstrip(".")
    # A proxy elsewhere would take a loopback address for itself.
    return is_loopback(host) or any(
        _matches(entry, host, port) for entry in no_proxy.lower().replace(",", " ").split()
    )


def _matches(entry: str, host: str, port: int | None) -> bool:
    if entry == "*":
        return True
    try:
        address = ip_address(host)
    except ValueError:
        pass
    else:
        try:
            return address in ip_network(entry.strip("[]"), strict=False)
        except ValueError:
            pass  # An address may also stand there with its port.
    name, _, its_port = entry.rpartition(":") if entry.rpartition(":")[2].isdigit() else (entry, "", "")
    name = name.strip("[]").removeprefix("*").strip(".")
    return bool(name) and (host == name or host.endswith(f".{name}")) and its_port in {"", str(port)}
