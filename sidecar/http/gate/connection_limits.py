"""What connections may take, within what the system allows."""

import resource
from typing import Final

import msgspec
import structlog

_OWN_DESCRIPTORS: Final = 128
"""Kept free for the database, Litmus, Backstage and files."""
_MOST: Final = 4_096
_log = structlog.get_logger(__name__)


class ConnectionLimits(msgspec.Struct, frozen=True, kw_only=True):
    """What connections may take; times are seconds."""

    total: int = _MOST
    per_address: int = 256
    """Of one address that is no trusted proxy's; those speak for many, and have ``total``."""
    head_seconds: float = 10.0
    """From the first byte of a request, or the connection's begin, to the end of its headers."""
    write_seconds: float = 30.0
    """For how long a client may take nothing of what waits for it."""
    idle_seconds: float = 75.0
    """Between requests; longer than what proxies keep connections for."""
    linger_seconds: float = 1.0
    """For the rest of a body whose request was answered without it."""
    request_bytes: int = 1024 * 1024
    """Of one request, headers and body; more than any route reads."""
    sweep_seconds: float = 1.0
    log_seconds: float = 60.0

    @property
    def renewal_seconds(self) -> float:
        """For how long requests may be answered at once; then aiohttp hears that the connection is alive."""
        return self.idle_seconds / 15


def raise_descriptor_limit() -> int:
    """Raise the soft limit of open files to the hard one, and return what holds now."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    except (OSError, ValueError) as exc:
        _log.warning("limit of open files not raised", limit=soft, error=str(exc))
        return soft
    return hard


def limits_within(descriptors: int) -> ConnectionLimits:
    """Return bounds that so many open files allow."""
    if descriptors == resource.RLIM_INFINITY:
        return ConnectionLimits()
    total = max(min(_MOST, descriptors - _OWN_DESCRIPTORS, descriptors // 2), 1)
    return ConnectionLimits(total=total, per_address=max(min(256, total // 2), 1))
