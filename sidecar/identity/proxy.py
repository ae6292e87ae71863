"""What trusted proxies tell about a request: the person, the client's address, the address it was made to.

Pure, but for one hint in the log. Headers count only from peers whose own address is trusted; from anyone
else they are as if not sent.
"""

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final, Protocol

import msgspec
import structlog

from sidecar.config.web_address import without_default_port
from sidecar.domain.errors import UnauthenticatedError
from sidecar.identity.people import Person

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

FORWARDED_FOR: Final = "X-Forwarded-For"
FORWARDED_PROTO: Final = "X-Forwarded-Proto"
FORWARDED_HOST: Final = "X-Forwarded-Host"
MAX_HOPS: Final = 32
MAX_GROUPS: Final = 1_000
_ADDRESSES: Final = 4_096
"""That are remembered as parsed: each connection asks for its own with every request."""

_log = structlog.get_logger(__name__)
_NAME: Final = re.compile(r"[A-Za-z0-9_.@+-]{1,127}")
_HOST: Final = re.compile(r"([A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?")
_WITH_PORT: Final = re.compile(r"\[(?P<six>[^\]]+)\](:\d{1,5})?|(?P<four>[\d.]+):\d{1,5}")


class Headers(Protocol):
    """The headers of a request; aiohttp's match by shape."""

    def getall(self, key: str, default: list[str], /) -> list[str]:
        """Return every value of a header, in order."""


class GroupsHint:
    """Says once in the log that names of groups give no right; nobody would learn why they may not act."""

    def __init__(self) -> None:
        self._is_given = False

    def give(self, header: str, names: Sequence[str]) -> None:
        """Take the names that could not be used, if any."""
        if self._is_given or not names:
            return
        self._is_given = True
        nested = any("/" in name.removeprefix("/") for name in names)
        _log.warning(
            "groups from the proxy give no right",
            header=header,
            names=len(names),
            hint="a group inside a group has no name of its own in its path; send names without paths "
            "(Keycloak: 'Full group path' off)"
            if nested
            else "a name has letters, digits and _.@+- only",
        )


class ProxySettings(msgspec.Struct, frozen=True, kw_only=True):
    """What ``auth.proxy`` configures."""

    trusted: tuple[Network, ...] = ()
    """Addresses of the authenticating proxy itself; without any, nobody is believed."""
    user_header: str = "X-Forwarded-User"
    groups_header: str = "X-Forwarded-Groups"
    hint: GroupsHint = msgspec.field(default_factory=GroupsHint)


def networks(texts: Iterable[str]) -> tuple[Network, ...]:
    """Return the networks of CIDR texts.

    Raises:
        ValueError: If one is none, or has host bits.
    """
    return tuple(ip_network(text) for text in texts)


def is_trusted(peer: str | None, trusted: Sequence[Network]) -> bool:
    """Tell whether the address of a peer lies in one of the networks."""
    if not trusted:
        return False
    address = _address(peer)
    return address is not None and any(address in network for network in trusted)


def person_behind_proxy(peer: str | None, headers: Headers, settings: ProxySettings) -> Person | None:
    """Return the person that an authenticating proxy vouches for; ``None`` if none does.

    ``peer`` is the address the connection comes from, never a forwarded one.
    A value is a bare name, which becomes ``user:default/…`` and
    ``group:default/…``. Full references are refused: whoever chooses a name at
    the identity provider must not choose a kind or namespace with it. The name
    is taken whole; nobody becomes ``alice`` by the first half of an address.
    Keycloak's path of a group at the top, ``/team-a``, is that group; of a group
    inside a group, ``/lab/admins``, it is none: whoever owns ``/lab`` could make
    ``admins`` in it.

    Raises:
        UnauthenticatedError: If a trusted proxy sends a user that cannot be used, or several.
    """
    if not is_trusted(peer, settings.trusted):
        return None
    users = headers.getall(settings.user_header, [])
    if not users or users == [""]:
        return None
    user = users[0].strip()
    if len(users) > 1 or not _NAME.fullmatch(user):
        raise UnauthenticatedError(
            f"Header {settings.user_header} not accepted: it must hold one name of letters, digits and _.@+-"
        )
    group_values = headers.getall(settings.groups_header, [])
    if len(group_values) > 1:
        raise UnauthenticatedError(f"Header {settings.groups_header} not accepted: it was sent twice.")
    names = [name.strip() for value in group_values for name in value.split(",", MAX_GROUPS)[:MAX_GROUPS]]
    settings.hint.give(settings.groups_header, [name for name in names if name and not _group(name)])
    return Person(
        ref=f"user:default/{user.lower()}",
        # A group whose name no entity could have gives no right.
        groups=frozenset(f"group:default/{group}" for name in names if (group := _group(name))),
    )


def _group(name: str) -> str | None:
    """Return the name of a group as it is compared; ``None`` if no entity could have it."""
    bare = name.removeprefix("/")
    return bare.lower() if _NAME.fullmatch(bare) else None


def client_address(peer: str | None, headers: Headers, trusted: Sequence[Network]) -> str | None:
    """Return where a request comes from: the first address from the right that no trusted proxy has.

    What stands left of it in ``X-Forwarded-For`` is the client's word. ``None``
    where the connection has no address (a Unix socket).
    """
    if not trusted:
        return _written_address(peer)
    address = _address(peer)
    if address is None:
        return None
    hops = ",".join(headers.getall(FORWARDED_FOR, [])).split(",")
    for hop in reversed(hops[-MAX_HOPS:]):
        if not any(address in network for network in trusted):
            break
        earlier = _address(hop.strip())
        if earlier is None:
            break
        address = earlier
    return str(address)


@lru_cache(_ADDRESSES)
def _written_address(peer: str | None) -> str | None:
    address = _address(peer)
    return None if address is None else str(address)


def requested_origin(
    peer: str | None, headers: Headers, trusted: Sequence[Network], *, scheme: str, host: str
) -> str:
    """Return scheme and host as the browser sees them, ``https://sidecar.example.com``.

    ``scheme`` and ``host`` are the request's own; a trusted proxy may say
    otherwise, once each. Lower-case, without the scheme's own port.
    """
    if is_trusted(peer, trusted):
        protos, hosts = headers.getall(FORWARDED_PROTO, []), headers.getall(FORWARDED_HOST, [])
        if len(protos) == 1 and protos[0].strip().lower() in {"http", "https"}:
            scheme = protos[0].strip().lower()
        if len(hosts) == 1 and _HOST.fullmatch(hosts[0].strip()):
            host = hosts[0].strip()
    return f"{scheme}://{without_default_port(scheme, host.lower())}"


@lru_cache(_ADDRESSES)
def _address(text: str | None) -> Address | None:
    """Return an address, without port and scope; an IPv4 one in IPv6 clothes as IPv4."""
    if not text:
        return None
    if match := _WITH_PORT.fullmatch(text):
        text = match["six"] or match["four"]
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address
