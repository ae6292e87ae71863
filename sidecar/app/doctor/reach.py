"""How an address is reached: through which proxy, by which name, and with whose certificate.

Who asks it afterwards only hears that there is no connection; here is why.
"""

import asyncio
import socket
import ssl
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from sidecar.app.doctor.findings import PROBE_SECONDS, failed, noted, warned
from sidecar.config.proxies import Proxy
from sidecar.config.web_address import port_of
from sidecar.domain.ports import Clock
from sidecar.domain.words import counted
from sidecar.insight.token_findings import Finding
from sidecar.runtime.daemon_threads import in_daemon_thread

SOON: Final = timedelta(days=30)
"""A certificate that expires within it is told."""


@dataclass(frozen=True, kw_only=True)
class Reached:
    """What was found on the way to an address."""

    findings: tuple[Finding, ...] = ()
    is_open: bool = True
    """Whether asking it is worth the while: its name resolves, and its certificate is trusted."""


async def reach(
    who: str, base_url: str, *, ca_file: Path | None, proxy: Proxy | None, clock: Clock
) -> Reached:
    """Look whether an address can be reached; ``who`` is there begins the sentences.

    Through a proxy only that one's name is looked up: the rest is its business. That nobody listens is no
    finding here, for whoever asks is told.
    """
    target = urlsplit(base_url if proxy is None else proxy.url)
    host, port = target.hostname or "", port_of(target) or 0
    found = []
    if proxy is not None:
        found.append(noted("asked_through_proxy", f"{who} is asked through the proxy {proxy.url}"))
    unresolved = await _unresolved(host, port)
    if unresolved is not None:
        of = host if proxy is None else f"{host} of its proxy"
        found.append(failed("name_unresolved", f"{who}: the name {of} does not resolve ({unresolved})"))
        return Reached(findings=tuple(found), is_open=False)
    if proxy is None and target.scheme == "https":
        certificate = await _certificate(who, host, port, ca_file, clock)
        return Reached(findings=(*found, *certificate.findings), is_open=certificate.is_open)
    return Reached(findings=tuple(found))


async def _unresolved(host: str, port: int) -> str | None:
    """Return why a name has no address; ``None``: it has one."""
    try:
        return await in_daemon_thread(partial(_looked_up, host, port), timeout_seconds=PROBE_SECONDS)
    except TimeoutError:
        return "no DNS server answered in time"


def _looked_up(host: str, port: int) -> str | None:
    """Return the same, whenever the resolver gets to say it; blocks until then."""
    try:
        socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except UnicodeError:
        return "it is no name that DNS knows"
    except OSError as error:
        away = error.errno == socket.EAI_AGAIN
        return "no DNS server answered, or not with certainty" if away else "there is no such name"
    return None


async def _certificate(who: str, host: str, port: int, ca_file: Path | None, clock: Clock) -> Reached:
    """Open TLS as asking would, and judge the certificate."""
    try:
        expires_at = await _expiry(host, port, ca_file)
    except ssl.SSLCertVerificationError as error:
        sentence = f"{who}: the certificate of {host} is not trusted: {error.verify_message}"
        return Reached(findings=(failed("tls_untrusted", sentence),), is_open=False)
    except ssl.SSLError:
        sentence = f"{who}: port {port} of {host} speaks no TLS, or none of today"
        return Reached(findings=(failed("tls_not_spoken", sentence),), is_open=False)
    except OSError:  # Nobody listens, or in time.
        return Reached()
    left = expires_at - clock()
    if left > SOON:
        return Reached()
    days = max(left // timedelta(days=1), 0)
    sentence = f"{who}: the certificate of {host} expires in {counted(days, 'day')}, on {expires_at:%Y-%m-%d}"
    return Reached(findings=(warned("certificate_expires_soon", sentence),))


async def _expiry(host: str, port: int, ca_file: Path | None) -> datetime:
    """Return when the certificate expires, which was verified.

    Raises:
        OSError: If there is no connection, or no TLS that is trusted on it.
    """
    context = await asyncio.to_thread(ssl.create_default_context, cafile=ca_file)
    async with asyncio.timeout(PROBE_SECONDS):
        _, writer = await asyncio.open_connection(host, port, ssl=context, server_hostname=host.rstrip("."))
    try:
        # Verified, so it is there and has one.
        told = writer.get_extra_info("ssl_object").getpeercert()["notAfter"]
    finally:
        writer.transport.abort()
    return datetime.fromtimestamp(ssl.cert_time_to_seconds(told), UTC)
