"""What ``litmus-sidecar check`` says about a valid configuration. Pure.

``masked`` and ``describe`` show what would be used, secrets masked;
``findings`` are sentences about what is allowed and probably not meant.
"""

import ipaddress
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from typing import Any, Final
from urllib.parse import urlsplit

from sidecar.config.display_token import display_uid, is_decodable, is_signed
from sidecar.config.model import Config
from sidecar.yaml_text import dump_yaml

_SIGNED: Final = "a signed token (not shown)"
_UNREADABLE: Final = "cannot be decoded (not shown)"
_NO_UID: Final = "decodes, without a uid"
_GOOD: Final = "decodes, with a uid"
_IMPATIENT: Final = timedelta(seconds=5)


def masked(config: Config) -> dict[str, Any]:
    """Return the configuration as plain JSON values in the shape of app-config, without any secret."""
    section = config.model_dump(mode="json", by_alias=True, exclude_none=True)
    for key in ("litmusBaseUrl", "displayToken", "backendBaseUrl", "notices"):
        section.pop(key, None)
    for key in section["auth"]["keys"]:
        key["scopes"].sort()
    litmus = {"baseUrl": config.litmus_base_url, "apiToken": _token_state(config)}
    shown = {"litmus": litmus, "backend": {"baseUrl": config.backend_base_url}, "litmusSidecar": section}
    return {
        name: {key: value for key, value in values.items() if value is not None}
        for name, values in shown.items()
        if any(value is not None for value in values.values())
    }


def describe(config: Config) -> str:
    """Return the same as YAML for people."""
    return dump_yaml(masked(config))


def findings(config: Config) -> tuple[str, ...]:
    """Return one sentence per thing that is allowed and probably not meant."""
    return (
        *config.notices,
        *_listen_findings(config),
        *_display_token_findings(config),
        *_instance_findings(config),
        *_catalog_findings(config),
    )


def _listen_findings(config: Config) -> Iterator[str]:
    auth = config.auth
    somebody = auth.keys or auth.backstage is not None or auth.proxy.trusted_proxies
    if not _is_loopback(config.listen.host) and not somebody:
        yield (
            f"litmusSidecar.listen.host is {config.listen.host}, but litmusSidecar.auth.keys has no key: "
            "only callers on this machine are served"
        )
    if auth.catalog_visibility == "enforce" and auth.backstage is None:
        yield (
            "litmusSidecar.auth.catalogVisibility is enforce, but litmusSidecar.auth.backstage is not given: "
            "it hides nothing"
        )


def _display_token_findings(config: Config) -> Iterator[str]:
    state = _token_state(config)
    make_one = "litmus-sidecar display-token makes a good one"
    if state is None:
        yield f"litmus.apiToken is missing; the plugin needs a display token there ({make_one})"
    elif state == _SIGNED:
        yield (
            "litmus.apiToken is a signed token, and Backstage shows it to every visitor, signed in or not: "
            f"revoke it in Litmus and put a display token there ({make_one})"
        )
    elif state == _UNREADABLE:
        yield f"litmus.apiToken cannot be decoded, so the plugin shows an error ({make_one})"
    elif state == _NO_UID:
        yield f"litmus.apiToken holds no uid, so the plugin calls it missing ({make_one})"


def _instance_findings(config: Config) -> Iterator[str]:
    for instance in config.instances:
        address = urlsplit(instance.base_url)
        if address.scheme == "http" and not _is_internal(address.hostname or ""):
            yield f"The instance {instance.name} is asked over plain HTTP, which shows its token; use https"
    tokens = {i.name: i.token.get_secret_value() for i in config.instances if i.token is not None}
    counts = Counter(tokens.values())
    shared = [name for name, token in tokens.items() if counts[token] > 1]
    if shared:
        yield f"The instances {', '.join(shared)} share one token; a token is good for one Litmus only"
    secrets = {key.secret.get_secret_value(): key.name for key in config.auth.keys}
    for name, token in tokens.items():
        if (key := secrets.get(token)) is not None:
            yield f"The key {key} is the token of the instance {name}; make a secret of its own"
    if config.sync.interval < _IMPATIENT:
        yield "litmusSidecar.sync.interval is below 5 seconds; Litmus answers no faster for it"


def _catalog_findings(config: Config) -> Iterator[str]:
    if not config.catalog.files and config.catalog.backstage is None:
        yield "litmusSidecar.catalog.files names no file, so no project is synchronised or served"


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def _is_internal(host: str) -> bool:
    """Whether a host is this machine or a name that only a cluster or a local network knows."""
    if _is_loopback(host):
        return True
    if ":" in host:
        return False
    return "." not in host or host.endswith((".svc", ".svc.cluster.local", ".local"))


def _token_state(config: Config) -> str | None:
    if config.display_token is None or not (token := config.display_token.get_secret_value()):
        return None
    if is_signed(token):
        return _SIGNED
    if display_uid(token) is not None:
        return _GOOD
    return _NO_UID if is_decodable(token) else _UNREADABLE
