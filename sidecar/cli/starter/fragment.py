"""The fragment of app-config with which Backstage and the sidecar work together. It holds no secret."""

import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from sidecar.cli.starter.access import Access
from sidecar.cli.starter.yaml_scalar import config_scalar
from sidecar.config import Config, display_token, parse_config
from sidecar.config.loopback import is_loopback
from sidecar.config.yaml_text import parse_yaml

KEY_VARIABLE: Final = "SIDECAR_KEY"
CATALOG_VARIABLE: Final = "SIDECAR_CATALOG_TOKEN"
_PORT: Final = 8080
_ANYWHERE: Final = "0.0.0.0"  # noqa: S104  # what a sidecar on another host than Backstage has to bind
_INDENT: Final = "  "


@dataclass(frozen=True, kw_only=True)
class Places:
    """Where the parts find each other."""

    sidecar_url: str
    """The sidecar as Backstage's backend reaches it."""
    backstage_url: str | None
    """Backstage's backend (``backend.baseUrl``); ``None``: people stay unknown."""
    catalog_file: str | None
    """File with the entities; ``None``: Backstage's catalog is read."""


def instance_lines(access: Access) -> Iterator[str]:
    """Yield an entry of ``litmusSidecar.instances``."""
    external = access.external_url or access.base_url
    yield f"- name: {config_scalar(access.name)}"
    yield f"  baseUrl: {config_scalar(access.base_url)} # as the sidecar reaches it"
    yield f"  externalBaseUrl: {config_scalar(external)} # as people's browsers reach it"
    if access.username is not None:
        yield "  credentials:"
        yield f"    username: {config_scalar(access.username)}"
        prefix, file_key, key = "    ", "passwordFile", "password"
    else:
        prefix, file_key, key = "  ", "tokenFile", "token"
    if access.secret_file is not None:
        yield f"{prefix}{file_key}: {config_scalar(access.secret_file)}"
    else:
        yield f"{prefix}{key}: ${{{access.variable}}}"


def probe_text(accesses: Sequence[Access]) -> str:
    """Return as much of the fragment as it takes to ask each Litmus."""
    lines = ["litmusSidecar:", "  store: { url: 'memory:' }", "  instances:"]
    return _joined([*lines, *_below(2, (line for one in accesses for line in instance_lines(one)))])


def fragment_text(accesses: Sequence[Access], places: Places, uid: str) -> str:
    """Return the fragment; ``uid`` is the user in whose name the plugin's links are made."""
    first = accesses[0]
    lines = [
        "# Made by litmus-sidecar init, for Backstage and for the sidecar. It holds no secret; those are in",
        f"# {', '.join(sorted(variables(accesses, places)))}.",
        "proxy:",
        "  endpoints:",
        "    '/litmus':",
        f"      target: {config_scalar(places.sidecar_url)}",
        "      credentials: forward # only signed-in people; who it is arrives as their Backstage token",
        "      allowedMethods: [GET, POST]",
        "      headers:",
        f"        X-Litmus-Sidecar-Key: ${{{KEY_VARIABLE}}}",
        "",
        "litmus:",
        f"  baseUrl: {config_scalar(first.external_url or first.base_url)}",
        "  # A display token: the plugin reads the uid for its links, Litmus rejects it. Never a real one.",
        f"  apiToken: {config_scalar(display_token(uid))}",
        "",
    ]
    if places.catalog_file is None:
        lines += _external_access()
    lines += ["litmusSidecar:", *_below(1, _listen_lines(places)), "  instances:"]
    lines += _below(2, (line for access in accesses for line in instance_lines(access)))
    lines += _below(1, _catalog_lines(places))
    lines += [
        "  auth:",
        "    keys:",
        "      - name: backstage",
        f"        secret: ${{{KEY_VARIABLE}}}",
        "        scopes: [read] # what people may do is decided by who they are",
    ]
    if places.backstage_url is not None:
        lines += [
            "    backstage:",
            f"      baseUrl: {config_scalar(places.backstage_url)} # as the sidecar reaches it",
            f"      issuer: {config_scalar(f'{places.backstage_url}/api/auth')} # of backend.baseUrl",
        ]
    return _joined(lines)


def variables(accesses: Sequence[Access], places: Places) -> Mapping[str, str]:
    """Return the variables of the environment that the fragment needs, each with what it holds."""
    needed = {KEY_VARIABLE: "shared by Backstage's backend and the sidecar"}
    if places.catalog_file is None:
        needed[CATALOG_VARIABLE] = "shared by Backstage's backend and the sidecar"
    for one in accesses:
        if one.secret_file is None:
            what = "API token" if one.username is None else f"password of {one.username}"
            needed[one.variable] = f"{what} for the instance {one.name}; the sidecar alone needs it"
    return needed


def environment_text(values: Mapping[str, str]) -> str:
    """Return variables as lines for a shell."""
    return _joined([f"export {name}={shlex.quote(value)}" for name, value in values.items()])


def _external_access() -> Iterator[str]:
    yield "backend:"
    yield "  auth:"
    yield "    externalAccess: # a list: where yours has entries already, add this one there"
    yield "      - type: static"
    yield "        options:"
    yield f"          token: ${{{CATALOG_VARIABLE}}}"
    yield "          subject: litmus-sidecar"
    yield "        accessRestrictions:"
    yield "          - plugin: catalog"
    yield "            permission: catalog.entity.read"
    yield ""


def _listen_lines(places: Places) -> Iterator[str]:
    url = urlsplit(places.sidecar_url)
    host = url.hostname or ""
    bound = ("127.0.0.1" if ":" not in host else host) if is_loopback(host) else _ANYWHERE
    yield "listen:"
    yield f"  host: {config_scalar(bound)}"
    yield f"  port: {url.port or _PORT}"


def _catalog_lines(places: Places) -> Iterator[str]:
    yield "catalog:"
    if places.catalog_file is not None:
        yield f"  files: [{config_scalar(places.catalog_file)}]"
        return
    yield "  backstage:"
    yield f"    baseUrl: {config_scalar(places.backstage_url or '')} # as the sidecar reaches it"
    yield f"    token: ${{{CATALOG_VARIABLE}}}"


def _below(levels: int, lines: Iterator[str]) -> Iterator[str]:
    return (f"{_INDENT * levels}{line}" for line in lines)


def _joined(lines: Sequence[str]) -> str:
    return "\n".join(lines) + "\n"


def config_of(text: str, environ: Mapping[str, str]) -> Config:
    """Return the configuration that a text of ours is, in the working directory.

    Raises:
        ConfigError: If it cannot be used.
    """
    mapping = parse_yaml(text)
    assert isinstance(mapping, dict)  # noqa: S101 - the text is ours
    return parse_config(mapping, directory=Path.cwd(), environ=environ)
