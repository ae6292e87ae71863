"""``litmus-sidecar tokens``: Litmus's API tokens from a terminal, without a running service.

Asks Litmus in the name of the configured user. A value is printed by
``create``, once, and by nothing else.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import click
import msgspec

from sidecar import __version__
from sidecar.app.clients import open_client, source_of
from sidecar.app.compose import utc_now
from sidecar.app.tokens import new_replica, open_instance
from sidecar.cli.options import FINE, aligned, config_option, echo_json, instance_option, json_option, run
from sidecar.config import (
    LONGEST_TOKEN_DAYS,
    TOKEN_NAME,
    TOKEN_NAME_RULE,
    Config,
    Credentials,
    Instance,
    load_config,
)
from sidecar.domain.errors import InstanceUnknownError, StoreError
from sidecar.domain.ports import ApiToken, CreatedToken, Tokens, TokenState, TokenStatus
from sidecar.domain.words import counted
from sidecar.http.shapes.tokens import created_token_shape, token_list_shape, token_status_shape
from sidecar.identity.service_sessions import ServiceSessionStore
from sidecar.identity.signing import SigningKeys
from sidecar.litmus.tokens.api_tokens import InstanceTokens
from sidecar.litmus.tokens.creation_locks import CreationLocks
from sidecar.litmus.tokens.holder import TokenHolder
from sidecar.litmus.transport.auth import LitmusAuth
from sidecar.store.store import open_store
from sidecar.telemetry.logs import configure_logging
from sidecar.telemetry.metrics import Metrics

_PATIENCE: Final = timedelta(seconds=10)
_HEADINGS = ("ID", "NAME", "CREATED", "EXPIRES", "")
_UNITS = ((timedelta(days=1), "day"), (timedelta(hours=1), "hour"), (timedelta(minutes=1), "minute"))


def chosen(config: Config, name: str | None) -> Instance:
    """Return the instance of that name; without a name the only one.

    Raises:
        InstanceUnknownError: If there is none of the name, or several to choose from.
    """
    names = ", ".join(instance.name for instance in config.instances)
    found = [instance for instance in config.instances if name in {None, instance.name}]
    if not found:
        raise InstanceUnknownError(f"No instance of this name is configured; there are: {names}.")
    if len(found) > 1:
        raise InstanceUnknownError(f"Several instances are configured; name one of them: {names}.")
    return found[0]


@asynccontextmanager
async def open_tokens(config: Config, instance: Instance) -> AsyncIterator[Tokens]:
    """Open the tokens of one instance's user, as a replica for a moment.

    The store is the configured one: it keeps replicas and terminals from
    making a token in the same second, and tells which tokens are in use. With
    ``credentials`` the token in use is the managed one; if there is none, it
    is made, as a starting service would: this is for what changes something.

    Raises:
        ConfigError: If a file that the configuration names cannot be used.
    """
    async with (
        open_store(config.store.url.get_secret_value(), clock=utc_now) as store,
        open_instance(
            config,
            instance,
            Metrics(__version__),
            locks=store.locks,
            uses=store.token_uses,
            sessions=ServiceSessionStore(
                store.sessions,
                SigningKeys([key.get_secret_value() for key in config.auth.signing_keys], store.secrets),
                utc_now,
            ),
            replica=new_replica(),
            clock=utc_now,
            on_new_token=_nothing,
        ) as opened,
    ):
        await opened.look()
        yield opened.tokens


async def listed(config: Config, instance: Instance) -> tuple[Sequence[ApiToken], TokenStatus]:
    """Return the tokens of the instance's user, and how it stands with the configured one. Makes none."""
    if instance.credentials is not None:
        return await _listed_signed_in(config, instance, instance.credentials)
    async with open_tokens(config, instance) as tokens:
        return await tokens.listed(), tokens.status


async def _listed_signed_in(
    config: Config, instance: Instance, credentials: Credentials
) -> tuple[Sequence[ApiToken], TokenStatus]:
    """Return the same with a session for that time alone.

    The managed token is the one that a replica uses, or else the newest that
    the next start can use.
    """
    async with AsyncExitStack() as stack:
        store = await stack.enter_async_context(
            open_store(config.store.url.get_secret_value(), clock=utc_now)
        )
        creation_locks = CreationLocks(store.locks, instance.address)
        signing_in = open_client(config, instance, Metrics(__version__))
        try:
            async with creation_locks.for_sign_in(credentials.username, patience=_PATIENCE):
                client = await stack.enter_async_context(signing_in)
        except StoreError:  # Then nobody locks, and no token is made here that could equal another.
            client = await stack.enter_async_context(signing_in)
        holder = TokenHolder(instance.name, source_of(instance), utc_now, client.token())
        tokens = InstanceTokens(holder, LitmusAuth(client), creation_locks, store.token_uses, clock=utc_now)
        found, now = await tokens.listed(), utc_now()
        own = [token for token in found if token.name == credentials.token_name]
        living = [token for token in own if token.expires_at is not None and token.expires_at > now]
        ours = next((token for token in own if token.in_use), None) or next(iter(living), None)
        status = msgspec.structs.replace(
            holder.status,
            state=TokenState.MISSING if ours is None else TokenState.UNPROVEN,
            token_id=ours.id if ours is not None else None,
            expires_at=ours.expires_at if ours is not None else None,
        )
        marked = [msgspec.structs.replace(token, in_use=token.in_use or token is ours) for token in found]
        return marked, status


async def create(config: Config, instance: Instance, name: str, days: int) -> CreatedToken:
    """Create token."""
    async with open_tokens(config, instance) as tokens:
        return await tokens.create(name, days)


async def revoke(config: Config, instance: Instance, token_id: str) -> None:
    """Revoke a token for good."""
    async with open_tokens(config, instance) as tokens:
        await tokens.revoke(token_id)


async def rotate(config: Config, instance: Instance) -> TokenStatus:
    """Replace the managed token."""
    async with open_tokens(config, instance) as tokens:
        return await tokens.rotate()


async def _nothing() -> None:
    """There is nothing here that would have to be asked again."""


def table(tokens: Sequence[ApiToken], now: datetime) -> str:
    """Return the tokens as a table for people."""
    rows = [
        (
            token.id,
            _printable(token.name),
            _date(token.created_at),
            _expiry(token.expires_at, now),
            "in use" if token.in_use else "",
        )
        for token in tokens
    ]
    return aligned([_HEADINGS, *rows])


def relative(instant: datetime, now: datetime) -> str:
    """Say how far away an instant is, in its largest unit: ``in 3 days``, ``2 hours ago``."""
    distance = abs(instant - now)
    for unit, noun in _UNITS:
        if distance >= unit:
            words = counted(distance // unit, noun)
            return f"in {words}" if instant > now else f"{words} ago"
    return "now"


def _expiry(instant: datetime | None, now: datetime) -> str:
    if instant is None:
        return "never"
    word = "expired " if instant <= now else ""
    return f"{_date(instant)} ({word}{relative(instant, now)})"


def _date(instant: datetime | None) -> str:
    return "unknown" if instant is None else f"{instant:%Y-%m-%d %H:%M}Z"


def _printable(text: str) -> str:
    """Keep a name that somebody chose from steering the terminal."""
    return "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text)


@click.group("tokens")
def tokens_group() -> None:
    """API tokens of the sidecar's user, at Litmus itself; no running service is needed."""


@tokens_group.command(
    "list",
    help="List them, without values. With credentials it signs in for that time, and creates no token.",
)
@config_option
@instance_option
@json_option
@click.pass_obj
def tokens_list_command(
    environ: Mapping[str, str],
    config_paths: tuple[Path, ...],
    instance_name: str | None,
    as_json: bool,  # noqa: FBT001 - click passes options by name
) -> int:
    """Print the user's tokens and which one the configuration uses."""
    config, instance = _instance(environ, config_paths, instance_name)
    tokens, status = run(listed(config, instance))
    if as_json:
        echo_json(token_list_shape(tokens, status, utc_now()))
    else:
        click.echo(table(tokens, utc_now()))
    return FINE


@tokens_group.command("create", help="Create one, and print its value, this once.")
@config_option
@instance_option
@json_option
@click.option("--name", required=True, help="Name in Litmus's list.")
@click.option("--days", type=click.IntRange(1, LONGEST_TOKEN_DAYS), required=True, help="Its lifetime.")
@click.pass_obj
def tokens_create_command(  # noqa: PLR0917  # click passes options by name
    environ: Mapping[str, str],
    config_paths: tuple[Path, ...],
    instance_name: str | None,
    as_json: bool,  # noqa: FBT001 - click passes options by name
    name: str,
    days: int,
) -> int:
    """Print nothing but the value on standard output, so that it can be sent into a file."""
    if not TOKEN_NAME.fullmatch(name):
        raise click.BadParameter(TOKEN_NAME_RULE, param_hint="--name")
    config, instance = _instance(environ, config_paths, instance_name)
    created = run(create(config, instance, name, days))
    if as_json:
        echo_json(created_token_shape(created))
    else:
        click.echo(created.value)
    return FINE


@tokens_group.command("revoke", help="Revoke one for good, by its ID in the list.")
@config_option
@instance_option
@click.argument("token_id", metavar="ID")
@click.pass_obj
def tokens_revoke_command(
    environ: Mapping[str, str], config_paths: tuple[Path, ...], instance_name: str | None, token_id: str
) -> int:
    """Revoke a token, and make sure that it is gone."""
    config, instance = _instance(environ, config_paths, instance_name)
    run(revoke(config, instance, token_id))
    click.echo("Revoked.", err=True)
    return FINE


@tokens_group.command(
    "rotate",
    help="Replace the token that the sidecar manages (credentials), now. The service revokes the one before, "
    "2 to 10 minutes later; if none runs, after its next start.",
)
@config_option
@instance_option
@json_option
@click.pass_obj
def tokens_rotate_command(
    environ: Mapping[str, str],
    config_paths: tuple[Path, ...],
    instance_name: str | None,
    as_json: bool,  # noqa: FBT001 - click passes options by name
) -> int:
    """Put a new token into place; replicas that run take it, and revoke the one before."""
    config, instance = _instance(environ, config_paths, instance_name)
    status = run(rotate(config, instance))
    if as_json:
        echo_json(token_status_shape(status))
    else:
        click.echo(
            f"Rotated; the token in use is {status.token_id}. The service revokes the one before after 2 to "
            "10 minutes, once no replica uses it; if none runs, its next start does.",
            err=True,
        )
    return FINE


def _instance(
    environ: Mapping[str, str], config_paths: tuple[Path, ...], name: str | None
) -> tuple[Config, Instance]:
    configure_logging(level="error")
    config = load_config(config_paths, environ)
    try:
        return config, chosen(config, name)
    except InstanceUnknownError as exc:
        raise click.BadParameter(str(exc), param_hint="--instance") from exc
