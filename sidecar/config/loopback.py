"""Whether a host is this machine. Pure."""

import ipaddress


def is_loopback(host: str) -> bool:
    """Whether a host, in lower case, is this machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
