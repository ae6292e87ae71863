"""How each Litmus is asked: its client, and the token that the configuration has for it.

The way in for commands that ask Litmus without a running service.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from pathlib import Path

from sidecar.config import Config, Credentials, Instance, SyncSettings, bare_token
from sidecar.config.proxies import configured_proxy
from sidecar.domain.errors import CredentialsRejectedError, TokenRejectedError, UpstreamError
from sidecar.litmus.tokens.creation_locks import ALIKE
from sidecar.litmus.transport.auth import LitmusAuth
from sidecar.litmus.transport.client import LitmusClient, TokenObserver, open_litmus_client
from sidecar.litmus.transport.throttle import OK
from sidecar.litmus.wire.token import LitmusToken
from sidecar.telemetry.metrics import Metrics
from sidecar.telemetry.tracing import record


@asynccontextmanager
async def open_client(config: Config, instance: Instance, metrics: Metrics) -> AsyncIterator[LitmusClient]:
    """Open the client of one instance for a short while; with credentials, signed in for that time alone.

    If signing in fails, every request with a token raises what it failed with.
    Its session ends a second after it began at the earliest: another one of
    that second would be the same string, and rejected like this one.
    """
    token = configured_token(instance)
    failure: UpstreamError = TokenRejectedError("There is no token for this Litmus.")

    def current() -> LitmusToken:
        if token is None:
            raise failure
        return token

    async with instance_client(config, instance, metrics, current, None) as client:
        if instance.credentials is None:
            yield client
            return
        auth = LitmusAuth(client)
        try:
            signed_in = await auth.login(
                instance.credentials.username, await read_password(instance.credentials)
            )
        except UpstreamError as exc:
            failure = exc
            yield client
            return
        token = signed_in.token
        another = asyncio.get_running_loop().time() + ALIKE.total_seconds()
        try:
            yield client
        finally:
            with suppress(UpstreamError):
                await auth.logout(signed_in.token)
            await asyncio.sleep(another - asyncio.get_running_loop().time())


async def read_password(credentials: Credentials) -> str:
    """Return the password of now; a file of it is read again, for it may have been changed.

    Raises:
        CredentialsRejectedError: If the file cannot be read.
    """
    if credentials.password_file is None:
        return credentials.password.get_secret_value()
    try:
        text = await asyncio.to_thread(Path(credentials.password_file).read_text, "utf-8-sig")
    except (OSError, UnicodeDecodeError):
        # Not chained: a decoder's words can hold what it could not decode.
        raise CredentialsRejectedError("passwordFile cannot be read; nobody was signed in.") from None
    return text.rstrip("\r\n")


def instance_client(
    config: Config,
    instance: Instance,
    metrics: Metrics,
    token: Callable[[], LitmusToken],
    token_observer: TokenObserver | None,
) -> AbstractAsyncContextManager[LitmusClient]:
    """Return the client of an instance, to be opened; each request is counted, and part of its trace."""

    def observe(operation: str, code: str, seconds: float) -> None:
        metrics.upstream_requests.labels(instance.name, operation, code).inc()
        metrics.upstream_seconds.labels(instance.name, operation).observe(seconds)
        described = {"litmus.instance": instance.name, "litmus.operation": operation, "sidecar.outcome": code}
        record("ask Litmus", seconds, described, failure=None if code == OK else code)

    return open_litmus_client(
        base_url=instance.base_url,
        token=token,
        observer=token_observer,
        host_header=instance.host_header,
        ca_file=instance.ca_file,
        proxy=configured_proxy(config, instance.base_url),
        max_in_flight=config.sync.max_in_flight,
        max_requests_per_second=config.sync.max_requests_per_second,
        patience_seconds=config.sync.request_timeout.total_seconds(),
        longest_pause_seconds=longest_pause_seconds(config.sync),
        observe=observe,
    )


def longest_pause_seconds(sync: SyncSettings) -> float:
    """Return how long a Litmus is left alone: when it is back, all is to be fresh within an interval."""
    return sync.interval.total_seconds() / 2


def source_of(instance: Instance) -> str:
    """Return where the token of an instance comes from, as its status words it."""
    if instance.credentials is not None:
        return "credentials"
    return "token" if instance.token_file is None else "tokenFile"


def configured_token(instance: Instance) -> LitmusToken | None:
    """Return the token in the configuration; ``None``: it is managed."""
    return LitmusToken(instance.token.get_secret_value()) if instance.token is not None else None


def managed_name(instance: Instance) -> str | None:
    """Return the name of the tokens that the sidecar makes itself; ``None``: it makes none."""
    return instance.credentials.token_name if instance.credentials is not None else None


def shown_token(config: Config) -> LitmusToken | None:
    """Return what Backstage shows to every visitor as the token of Litmus; ``None``: nothing."""
    shown = config.display_token
    return LitmusToken(bare_token(shown.get_secret_value())) if shown is not None else None
