"""What an address of http or https leaves unsaid: its port."""

from typing import Final
from urllib.parse import SplitResult

DEFAULT_PORTS: Final = {"http": 80, "https": 443}
"""By scheme; there are no others here."""


def port_of(parts: SplitResult) -> int | None:
    """Return the port of an address, its scheme's own where it names none; ``None``: not of the web.

    Raises:
        ValueError: If what it names is no port.
    """
    return parts.port or DEFAULT_PORTS.get(parts.scheme)


def without_default_port(scheme: str, host: str) -> str:
    """Return a host without the port that its scheme has anyway, as browsers write an origin."""
    return host.removesuffix(f":{DEFAULT_PORTS[scheme]}") if scheme in DEFAULT_PORTS else host
