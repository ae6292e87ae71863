"""``litmus-sidecar health``: whether the service on this machine should go on living.

Asks ``/healthz`` where the configuration says that the service listens. It is
run every few seconds, so it imports nothing that serves.
"""

import http.client
import socket
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Final

import click

from sidecar.cli.options import FINDINGS, FINE, config_option
from sidecar.config import load_listen
from sidecar.domain.errors import ConfigError

_PATH: Final = "/healthz"
_TIMEOUT_SECONDS: Final = 1.5
"""For one address; there are three at most."""
_ALL_OF_IPV4: Final = "0.0.0.0"  # noqa: S104 - is not bound here
_ALL: Final = "::"


def addresses(host: str) -> Iterator[str]:
    """Yield where a service can be asked that listens on a host, the likeliest first."""
    if host in {_ALL_OF_IPV4, _ALL}:
        yield "127.0.0.1"
        if host == _ALL:
            yield "::1"
        yield socket.gethostname()
    else:
        yield host


def ask(host: str, port: int) -> int:
    """Return the status that ``/healthz`` has at an address.

    Raises:
        OSError: If nobody answers there, or something that speaks no HTTP.
    """
    connection = http.client.HTTPConnection(host, port, timeout=_TIMEOUT_SECONDS)
    try:
        connection.request("GET", _PATH)
        return connection.getresponse().status
    except http.client.HTTPException:
        raise OSError("the answer is no HTTP") from None
    finally:
        connection.close()


def judged(host: str, port: int) -> tuple[bool, str]:
    """Return whether the service that listens there is well, and the sentence about it."""
    if port == 0:
        return False, "litmusSidecar.listen.port is 0, so nobody knows the port; configure one."
    tried = []
    for one in addresses(host):
        where = f"[{one}]:{port}" if ":" in one else f"{one}:{port}"
        try:
            status = ask(one, port)
        except OSError as error:
            tried.append(f"{where} ({error.strerror or error})")
            continue
        if status == HTTPStatus.OK:
            return True, f"The sidecar at {where} is well."
        return False, f"The sidecar at {where} is not well: {_PATH} answers {status}; its log says why."
    return False, f"No sidecar answers at {', '.join(tried)}."


@click.command("health", help="Ask the service on this machine whether it is well. 0: yes, 1: no.")
@config_option
@click.pass_obj
def health_command(environ: Mapping[str, str], config_paths: tuple[Path, ...]) -> int:
    """Print one sentence."""
    try:
        listen = load_listen(config_paths, environ)
    except ConfigError as error:
        is_well, sentence = False, f"Nobody knows where the sidecar listens. {'; '.join(error.problems)}"
    else:
        is_well, sentence = judged(listen.host, listen.port)
    click.echo(sentence, err=not is_well)
    return FINE if is_well else FINDINGS
