"""Where a Litmus is: how its address is reached, and at which path of it Litmus answers."""

import asyncio
from collections.abc import Iterator
from http import HTTPStatus
from typing import Final

from yarl import URL

from sidecar.app.doctor.findings import PROBE_SECONDS, failed
from sidecar.app.doctor.reach import Reached, reach
from sidecar.config import Config, Instance
from sidecar.config.proxies import configured_proxy
from sidecar.domain.errors import UpstreamError, UpstreamProtocolError
from sidecar.domain.ports import Clock
from sidecar.insight.token_findings import Finding
from sidecar.litmus.transport.auth_availability import READINESS_PATH
from sidecar.litmus.transport.client import QUERY_PATH, LitmusClient
from sidecar.litmus.transport.graphql import request_body
from sidecar.litmus.transport.http import open_litmus_http
from sidecar.litmus.wire.documents import SERVER_VERSION
from sidecar.litmus.wire.responses import Reply, read_reply

_MOST_PATHS: Final = 4
"""Of an address, those that are tried in place of its own."""
_MAX_ANSWER_BYTES: Final = 1024 * 1024
_NO_SUCH_PATH: Final = frozenset({HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED, HTTPStatus.GONE})


async def reach_instance(config: Config, instance: Instance, clock: Clock) -> Reached:
    """Look whether an instance can be reached, before it is asked."""
    return await reach(
        f"Instance {instance.name}",
        instance.base_url,
        ca_file=instance.ca_file,
        proxy=configured_proxy(config, instance.base_url),
        clock=clock,
    )


async def unanswered(config: Config, instance: Instance, error: UpstreamError) -> Finding:
    """Return what a failure of the first question means: mostly itself, or that Litmus is at another path."""
    # Its subclasses know what is wrong.
    if type(error) is UpstreamProtocolError:
        paths = [*_paths_above(_base(instance))][:_MOST_PATHS]
        answers = await asyncio.gather(*(_answers(config, instance, path) for path in paths))
        for path, is_answered in zip(paths, answers, strict=True):
            if is_answered:
                return failed(
                    "base_url_path_wrong",
                    f"Instance {instance.name}: Litmus does not answer below {_base(instance)}, but below "
                    f"{path}: set baseUrl to that",
                )
    return failed(error.code, f"Instance {instance.name}: {error}")


def _base(instance: Instance) -> URL:
    """Return where it is asked, as sentences may show it: without a user."""
    return URL(instance.base_url.rstrip("/")).with_user(None)


def _paths_above(base: URL) -> Iterator[str]:
    """Return the address with fewer and fewer of its path, down to the server's root."""
    while base.path.strip("/"):
        base = base.parent
        yield str(base).rstrip("/")


async def _answers(config: Config, instance: Instance, base_url: str) -> bool:
    """Tell whether Litmus says its version to anybody who asks there."""
    async with open_litmus_http(
        base_url=base_url,
        host_header=instance.host_header,
        ca_file=instance.ca_file,
        proxy=configured_proxy(config, base_url),
        max_connections=1,
        max_answer_bytes=_MAX_ANSWER_BYTES,
    ) as http:
        try:
            body = request_body([SERVER_VERSION], {})
            reply = await http.send("POST", QUERY_PATH, body, PROBE_SECONDS, token=None)
            answered = read_reply(reply, http.context(SERVER_VERSION.field, path=QUERY_PATH)).answered
        except UpstreamError:
            return False
    return SERVER_VERSION.field in answered


async def auth_path_findings(instance: Instance, client: LitmusClient) -> tuple[Finding, ...]:
    """Look for Litmus's auth server beside its GraphQL server, which answers."""

    def is_missing(reply: Reply) -> bool:
        is_page = reply.status == HTTPStatus.OK and not reply.content_type.endswith("json")
        return reply.status in _NO_SUCH_PATH or is_page

    try:
        missing = await client.rest(
            "readiness", "GET", READINESS_PATH, is_missing, token=None, timeout_seconds=PROBE_SECONDS
        )
    except UpstreamError:
        return ()  # It is there, and does not answer: others are told so.
    if not missing:
        return ()
    return (
        failed(
            "auth_path_missing",
            f"Instance {instance.name}: Litmus answers at {_base(instance)} below /api, and its auth server "
            "does not below /auth beside it",
        ),
    )
