"""How each Litmus is reached and with what: from flags, the environment and, on a terminal, questions.

A secret is never a flag, which the list of processes shows: it comes from a
file, a variable of the environment, or a question whose answer is not echoed.
"""

import functools
import re
import sys
from collections.abc import Callable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import click

from sidecar.config.loading import DEFAULT_INSTANCE, TOKEN_VARIABLE

PASSWORD_VARIABLE: Final = "LITMUS_PASSWORD"  # noqa: S105  # the name of a variable, not a password
_NAMED: Final = re.compile(r"([a-z0-9](?:[a-z0-9-]*[a-z0-9])?)=(.+)", re.DOTALL)
_OPTIONS: Final = (
    click.option(
        "--litmus",
        multiple=True,
        metavar="[NAME=]URL",
        help="Address of ChaosCenter; repeatable with names: --litmus staging=https://…",
    ),
    click.option(
        "--token-file",
        multiple=True,
        metavar="[NAME=]FILE",
        help=f"File of the API token; else ${TOKEN_VARIABLE} (${TOKEN_VARIABLE}_NAME) or a prompt.",
    ),
    click.option(
        "--username",
        multiple=True,
        metavar="[NAME=]USER",
        help="User whose tokens the sidecar makes itself; the password comes from --password-file, "
        f"${PASSWORD_VARIABLE} (${PASSWORD_VARIABLE}_NAME) or a prompt.",
    ),
    click.option(
        "--password-file", multiple=True, metavar="[NAME=]FILE", help="File of that user's password."
    ),
)


@dataclass(frozen=True, kw_only=True)
class Access:
    """One Litmus, its address and where the secret for it stands."""

    name: str
    """Name of the instance."""
    base_url: str
    external_url: str | None = None
    """What browsers open; ``None``: the same."""
    username: str | None = None
    """User whose token the sidecar makes itself; ``None``: there is a token."""
    secret_file: str | None = None
    """File of the token, or of the user's password; ``None``: it is in the environment."""
    variable: str
    """Variable of the environment that holds it where no file does."""


@dataclass(frozen=True, kw_only=True)
class Accesses:
    """All that was told, and the environment with what was asked for."""

    accesses: Sequence[Access]
    environ: Mapping[str, str] = field(repr=False)
    """With the answers to questions, under the names by which the configuration takes them."""


@dataclass(frozen=True, kw_only=True)
class Flags:
    """What the flags say, each ``VALUE`` or ``NAME=VALUE``; without a name the first instance is meant."""

    litmus: Sequence[str] = ()
    external_url: Sequence[str] = ()
    token_file: Sequence[str] = ()
    username: Sequence[str] = ()
    password_file: Sequence[str] = ()


def access_options(command: Callable[..., int]) -> Callable[..., int]:
    """Give a command the options that :class:`Flags` takes, together as its argument ``flags``."""

    @functools.wraps(command)
    def with_flags(
        *arguments: Any,
        litmus: tuple[str, ...],
        token_file: tuple[str, ...],
        username: tuple[str, ...],
        password_file: tuple[str, ...],
        **options: Any,
    ) -> int:
        flags = Flags(litmus=litmus, token_file=token_file, username=username, password_file=password_file)
        return command(*arguments, flags=flags, **options)

    wrapped: Callable[..., int] = with_flags
    for option in reversed(_OPTIONS):
        wrapped = option(wrapped)
    return wrapped


def is_interactive() -> bool:
    """Whether somebody can be asked."""
    return sys.stdin.isatty()


def gather(flags: Flags, environ: Mapping[str, str], *, may_ask: bool) -> Accesses:
    """Return how each Litmus is reached; asks for what is missing only if ``may_ask``.

    Raises:
        click.UsageError: If something is missing, given twice, or names no instance.
    """
    addresses = _addresses(flags.litmus, may_ask=may_ask)
    first = next(iter(addresses))
    external = _by_instance("--external-url", flags.external_url, addresses)
    token_files = _by_instance("--token-file", flags.token_file, addresses)
    users = _by_instance("--username", flags.username, addresses)
    password_files = _by_instance("--password-file", flags.password_file, addresses)
    known = dict(environ)
    accesses = []
    for name, url in addresses.items():
        suffix = "" if name == first else f"_{name.upper().replace('-', '_')}"
        if name in token_files and (name in users or name in password_files):
            raise click.UsageError(f"The instance {name} needs a token or a user, not both.")
        if name in password_files and name not in users:
            raise click.UsageError(f"The password of the instance {name} needs its --username.")
        username = users.get(name)
        secret_file = password_files.get(name) if username is not None else token_files.get(name)
        if secret_file is None and username is None and may_ask and not known.get(TOKEN_VARIABLE + suffix):
            username = _ask_token(name, TOKEN_VARIABLE + suffix, known)
        variable = (TOKEN_VARIABLE if username is None else PASSWORD_VARIABLE) + suffix
        if secret_file is None and not known.get(variable):
            if not may_ask:
                raise click.UsageError(_what_is_missing(name, variable, username))
            known[variable] = click.prompt(f"Password of {username}", hide_input=True, err=True)
        accesses.append(
            Access(
                name=name,
                base_url=url,
                external_url=external.get(name),
                username=username,
                secret_file=str(Path(secret_file).absolute()) if secret_file is not None else None,
                variable=variable,
            )
        )
    return Accesses(accesses=accesses, environ=known)


def _addresses(given: Sequence[str], *, may_ask: bool) -> dict[str, str]:
    if not given:
        if not may_ask:
            raise click.UsageError("Needs --litmus, the address of ChaosCenter.")
        given = (click.prompt("Address of Litmus (ChaosCenter)", err=True),)
    addresses: dict[str, str] = {}
    for number, text in enumerate(given):
        name, url = _split(text)
        if name is None and number:
            raise click.UsageError("Each --litmus after the first needs a name: --litmus staging=https://…")
        name = name or DEFAULT_INSTANCE
        if name in addresses:
            raise click.UsageError(f"Two --litmus have the name {name}.")
        addresses[name] = url.strip().rstrip("/")
    return addresses


def _ask_token(name: str, variable: str, known: MutableMapping[str, str]) -> str | None:
    """Ask for a token, and without one for a user, whose name is returned."""
    token: str = click.prompt(
        f"API token for the instance {name} (not shown; empty: user and password)",
        default="",
        show_default=False,
        hide_input=True,
        err=True,
    ).strip()
    if token:
        known[variable] = token
        return None
    username: str = click.prompt("User name", err=True)
    return username


def _what_is_missing(name: str, variable: str, username: str | None) -> str:
    if username is not None:
        return f"The instance {name} needs --password-file, or the password in ${variable}."
    return f"The instance {name} needs --token-file, --username, or the token in ${variable}."


def _by_instance(option: str, given: Sequence[str], addresses: Mapping[str, str]) -> dict[str, str]:
    """Return what a repeatable option says of each instance."""
    said: dict[str, str] = {}
    for text in given:
        name, value = _split(text)
        name = name or next(iter(addresses))
        if name not in addresses:
            raise click.UsageError(f"{option} names the instance {name}, which no --litmus has.")
        if name in said:
            raise click.UsageError(f"{option} is given twice for the instance {name}.")
        said[name] = value
    return said


def _split(text: str) -> tuple[str | None, str]:
    named = _NAMED.fullmatch(text)
    return (None, text) if named is None else (named[1], named[2])
