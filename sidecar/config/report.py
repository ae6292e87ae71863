"""What ``litmus-sidecar check`` says about a valid configuration. Pure.

``masked`` and ``describe`` show what would be used, secrets masked;
``remarks`` are about what is allowed and probably not meant; what
is unwise about tokens is told by ``token_findings``.
"""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any, Final, NamedTuple

from sidecar.config.display_token import display_uid, is_decodable, is_signed
from sidecar.config.loopback import is_loopback
from sidecar.config.model import Config
from sidecar.config.yaml_text import dump_yaml

_SIGNED: Final = "a signed token (not shown)"
_UNREADABLE: Final = "cannot be decoded (not shown)"
_NO_UID: Final = "decodes, without a uid"
_GOOD: Final = "decodes, with a uid"
_OF_PROGRAMS: Final = frozenset({"run", "admin"})
"""Scopes by which a key acts or manages for itself."""
_IMPATIENT: Final = timedelta(seconds=5)


class Remark(NamedTuple):
    """Something that is allowed and probably not meant."""

    code: str
    """Stable name; ``check --explain`` says more."""
    sentence: str


def masked(config: Config) -> dict[str, Any]:
    """Return the configuration as plain JSON values in the shape of app-config, without any secret."""
    # Not with exclude_none: it leaves out what is written otherwise than as it is kept, too.
    section = _given(config.model_dump(mode="json", by_alias=True))
    for key in ("litmusBaseUrl", "displayToken", "backendBaseUrl", "proxyRoutes", "notices"):
        section.pop(key, None)
    for key in section["auth"]["keys"]:
        key["scopes"].sort()
    litmus = {"baseUrl": config.litmus_base_url, "apiToken": _token_state(config)}
    shown = {"litmus": litmus, "backend": {"baseUrl": config.backend_base_url}, "litmusSidecar": section}
    return {name: given for name, values in shown.items() if (given := _given(values))}


def _given(value: Any) -> Any:
    """Return a value without what is not set in it."""
    if isinstance(value, dict):
        return {key: _given(one) for key, one in value.items() if one is not None}
    return [_given(one) for one in value] if isinstance(value, list) else value


def describe(config: Config) -> str:
    """Return the same as YAML for people."""
    return dump_yaml(masked(config))


def remarks(config: Config) -> tuple[Remark, ...]:
    """Return each thing that is allowed and probably not meant."""
    return (
        *(Remark("setting_absent", notice) for notice in config.notices),
        *_proxy_findings(config),
        *_listen_findings(config),
        *_display_token_findings(config),
        *_link_findings(config),
        *_sync_findings(config),
        *_catalog_findings(config),
    )


def _listen_findings(config: Config) -> Iterator[Remark]:
    auth = config.auth
    somebody = auth.keys or auth.backstage is not None or auth.proxy.trusted_proxies or auth.sign_in.enabled
    if not is_loopback(config.listen.host) and not somebody:
        yield Remark(
            "nobody_is_served",
            f"litmusSidecar.listen.host is {config.listen.host}, but litmusSidecar.auth.keys has no key: "
            "only callers on this machine are served",
        )
    is_https = (config.public_url or "").lower().startswith("https://")
    if auth.sign_in.enabled and is_https and not config.listen.trusted_proxies:
        yield Remark(
            "https_ends_unnamed",
            "litmusSidecar.auth.signIn is enabled and litmusSidecar.publicUrl is https, but "
            "litmusSidecar.listen.trustedProxies does not name who ends HTTPS there: all people seem to come "
            "from its one address and share the attempts that an address has; add its network",
        )
    is_https = is_https or bool(config.listen.trusted_proxies)
    if auth.sign_in.enabled and not is_loopback(config.listen.host) and not is_https:
        yield Remark(
            "sign_in_without_https",
            "litmusSidecar.auth.signIn is enabled, but litmusSidecar.publicUrl is no https address: people "
            "can sign in on this machine only, for passwords do not go over plain HTTP",
        )
    if auth.catalog_visibility == "enforce" and auth.backstage is None:
        yield Remark(
            "hides_nothing",
            "litmusSidecar.auth.catalogVisibility is enforce, but litmusSidecar.auth.backstage is not given: "
            "it hides nothing",
        )


def _proxy_findings(config: Config) -> Iterator[Remark]:
    """Tell what people may do in the name of a key that Backstage's proxy sends for them."""
    keys = {key.name: key for key in config.auth.keys}
    for route in config.proxy_routes:
        if route.key is None:
            continue
        key = keys[route.key]
        sends = f"Backstage's proxy route {route.path} sends key {key.name}"
        # A key that only reads makes nobody more than a reader.
        acts = " and ".join(sorted(key.scopes & _OF_PROGRAMS))
        everybody = "everybody who is signed in to Backstage acts as the key, on every project"
        if route.is_public:
            yield Remark(
                "key_serves_anybody",
                f"{sends} for whoever reaches Backstage, signed in or not: each has its scopes "
                f"({', '.join(sorted(key.scopes))}); leave the key out there, or set credentials: forward",
            )
        elif acts and config.auth.backstage is None:
            yield Remark(
                "key_acts_for_everybody",
                f"{sends}, which has {acts}, and litmusSidecar.auth.backstage is not given: {everybody}; "
                f"set auth.backstage, so that people act as themselves, and take {acts} from the key",
            )
        elif acts and not route.carries_person:
            yield Remark(
                "key_acts_without_person",
                f"{sends}, which has {acts}, without the token of whoever asks: {everybody}; "
                f"set credentials: forward, without a header Authorization, and take {acts} from the key",
            )
        elif acts:
            yield Remark(
                "key_scope_superfluous",
                f"{sends}, which has {acts}: people act as themselves there and need none of it; take {acts} "
                "from the key, and give programs one of their own",
            )


def _display_token_findings(config: Config) -> Iterator[Remark]:
    """Judge what the plugin can make of it; whether it is a real token is told by ``token_findings``."""
    state = _token_state(config)
    make_one = "litmus-sidecar display-token creates one"
    if state is None:
        yield Remark(
            "display_token_missing",
            f"litmus.apiToken is missing; the plugin needs a display token there ({make_one})",
        )
    elif state == _UNREADABLE:
        yield Remark(
            "display_token_unreadable",
            f"litmus.apiToken cannot be decoded, so the plugin shows an error ({make_one})",
        )
    elif state == _NO_UID:
        yield Remark(
            "display_token_without_uid",
            f"litmus.apiToken holds no uid, so the plugin calls it missing ({make_one})",
        )


def _link_findings(config: Config) -> Iterator[Remark]:
    """Tell where links lead that the plugin makes: it knows one address, ``litmus.baseUrl``."""
    for index, instance in enumerate(config.instances):
        if config.litmus_base_url is None or instance.external_base_url == config.litmus_base_url:
            continue
        yield Remark(
            "plugin_links_elsewhere",
            f"litmus.baseUrl is {config.litmus_base_url}, and the plugin's own links open it for projects of "
            f"instance {instance.name}, too, which is at {instance.external_base_url}; "
            "links of the sidecar's pages and JSON are right",
        )
        if index and "external_base_url" not in instance.model_fields_set:
            yield Remark(
                "external_url_missing",
                f"litmusSidecar.instances[{index}].externalBaseUrl is missing: links of instance "
                f"{instance.name} open its baseUrl, which people's browsers may not reach",
            )


def _sync_findings(config: Config) -> Iterator[Remark]:
    if config.sync.interval < _IMPATIENT:
        yield Remark(
            "sync_impatient",
            "litmusSidecar.sync.interval is below 5 seconds; Litmus answers no faster for it",
        )


def _catalog_findings(config: Config) -> Iterator[Remark]:
    if not config.catalog.files and config.catalog.backstage is None:
        yield Remark(
            "catalog_not_named",
            "litmusSidecar.catalog.files names no file, so no project is synchronised or served",
        )


def _token_state(config: Config) -> str | None:
    if config.display_token is None or not (token := config.display_token.get_secret_value()):
        return None
    if is_signed(token):
        return _SIGNED
    if display_uid(token) is not None:
        return _GOOD
    return _NO_UID if is_decodable(token) else _UNREADABLE
