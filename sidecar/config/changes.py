"""What differs between two configurations, and what of it a running service takes over; pure.

A key is called as the files call it, without ``litmusSidecar.`` before it. A
list counts as a whole, so that no entry of it is named. Values are compared,
never told.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, TypeVar

from sidecar.config.merging import OTHER_KEYS
from sidecar.config.model import Config
from sidecar.config.section import Section
from sidecar.config.sources import Credentials, Instance
from sidecar.config.substitution import path_text

RELOADABLE: Final = (
    "publicUrl",
    "listen.allowedOrigins",
    "catalog.files",
    "catalog.interval",
    "catalog.backstage.interval",
    "sync.interval",
    "sync.slowInterval",
    "sync.activeInterval",
    "sync.maxStale",
    "sync.maxRequestsPerSecond",
    "auth.keys",
    "auth.proxy",
    "auth.admins",
    "auth.catalogVisibility",
    "auth.signIn.enabled",
    "metrics.public",
    "actions",
    "projects",
    "limits",
    "attention",
    "pages",
    "log",
)
"""Keys that take effect without a restart; a section stands for all keys below it."""
_FOR_CHECK: Final = frozenset({"proxyRoutes", "notices"})
"""What of ``Config`` no service uses, and what is no key of a file."""

S = TypeVar("S", bound=Section)


@dataclass(frozen=True, kw_only=True)
class Changes:
    """What a configuration that was read again means for a service that runs with another one."""

    config: Config
    """What holds from now on: of the new one what is :data:`RELOADABLE`, of the old one all else."""
    applied: tuple[str, ...]
    """Keys that differ and take effect, in the order of the reference."""
    waiting: tuple[str, ...]
    """Keys that differ and wait for a restart."""


def changes(running: Config, read: Config) -> Changes:
    """Tell what of ``read`` a service takes over that runs with ``running``."""
    differing = changed_keys(running, read)
    return Changes(
        config=_taken_over(running, read, ""),
        applied=tuple(key for key in differing if is_reloadable(key)),
        waiting=tuple(key for key in differing if not is_reloadable(key)),
    )


def changed_keys(old: Config, new: Config) -> tuple[str, ...]:
    """Return every key whose value differs; a secret in a file that is followed anyway does not count."""
    return tuple(_differing(old, new, ""))


def is_reloadable(key: str) -> bool:
    """Tell whether a change of this key takes effect without a restart."""
    return any(key == one or key.startswith(f"{one}.") for one in RELOADABLE)


def _differing(old: Section, new: Section, prefix: str) -> Iterator[str]:
    for name, key in _keys(type(old), prefix):
        before, after = getattr(old, name), getattr(new, name)
        if isinstance(before, Section) and isinstance(after, Section):
            yield from _differing(before, after, f"{key}.")
        elif _settled(before) != _settled(after):
            yield key


def _taken_over(old: S, new: S, prefix: str) -> S:
    """Return the old section with what is reloadable of the new one; both are valid, so the whole is."""
    taken: dict[str, object] = {}
    for name, key in _keys(type(old), prefix):
        before, after = getattr(old, name), getattr(new, name)
        if is_reloadable(key):
            taken[name] = after
        elif isinstance(before, Section) and isinstance(after, Section):
            taken[name] = _taken_over(before, after, f"{key}.")
    return old.model_copy(update=taken)


def _keys(model: type[Section], prefix: str) -> Iterator[tuple[str, str]]:
    """Yield the attributes of a section, each with its key."""
    for name, field in model.model_fields.items():
        alias = field.alias or name
        if model is Config and alias in _FOR_CHECK:
            continue
        is_outside = model is Config and alias in OTHER_KEYS
        yield name, path_text(OTHER_KEYS[alias]) if is_outside else f"{prefix}{alias}"


def _settled(value: object) -> object:
    """Return a value without the secrets that are read again from their files while the service runs."""
    if isinstance(value, tuple):
        return tuple(_settled(one) for one in value)
    if isinstance(value, Instance):
        followed = {"token": None} if value.token_file is not None else {}
        return value.model_copy(update={**followed, "credentials": _settled(value.credentials)})
    if isinstance(value, Credentials) and value.password_file is not None:
        return value.model_copy(update={"password": None})
    return value
