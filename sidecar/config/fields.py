"""The kinds of value that a key can have: duration, URL, token, label, file name.

Each is an annotated type with its validator and the way it is written back.
Validators raise sentences that hold no value: it might be a secret.
"""

import math
import re
from collections.abc import Callable, Mapping
from datetime import timedelta
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Annotated, Any, Final, Literal
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    PlainSerializer,
    SecretStr,
    WithJsonSchema,
)

from sidecar.config.store_url import parse_url
from sidecar.config.web_address import DEFAULT_PORTS, without_default_port
from sidecar.domain.references import full_ref

_LABEL: Final = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_HOST: Final = re.compile(r"([A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?")
_LISTEN_HOST: Final = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?|[0-9A-Fa-f:.]+")
AUTO: Final = "auto"
_NUMBER: Final = re.compile(r"[0-9]{1,15}(\.[0-9]{1,9})?")
_SECONDS_OF_UNIT: Final = {
    "milliseconds": 0.001,
    "seconds": 1,
    "minutes": 60,
    "hours": 3_600,
    "days": 86_400,
    "weeks": 604_800,
}
_WORDED: Final = re.compile(
    r"(?P<amount>(?:[0-9]{1,15})?\.?[0-9]{1,15}) *(?:"
    r"(?P<milliseconds>milliseconds?|msecs?|ms)|(?P<seconds>seconds?|secs?|s)|(?P<minutes>minutes?|mins?|m)|"
    r"(?P<hours>hours?|hrs?|h)|(?P<days>days?|d)|(?P<weeks>weeks?|w)|(?P<years>years?|yrs?|y))",
    re.IGNORECASE,
)
"""``60s``, ``1 minute``: what npm's package ``ms`` reads."""
_AMOUNT: Final = r"[0-9]{1,15}(?:\.[0-9]{1,15})?"
_ISO: Final = re.compile(
    rf"P(?=[0-9T])(?:(?P<years>{_AMOUNT})Y)?(?:(?P<months>{_AMOUNT})M)?(?:(?P<weeks>{_AMOUNT})W)?"
    rf"(?:(?P<days>{_AMOUNT})D)?(?:T(?=[0-9])(?:(?P<hours>{_AMOUNT})H)?(?:(?P<minutes>{_AMOUNT})M)?"
    r"(?:(?P<seconds>[0-9]{1,15}(?:[.,][0-9]{1,15})?)S)?)?"
)
"""``PT1M30S``: ISO 8601."""
_HEADER_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,63}")
TOKEN_NAME: Final = re.compile(r"[A-Za-z0-9]([A-Za-z0-9 ._\-]{0,62}[A-Za-z0-9])?")
TOKEN_NAME_RULE: Final = "must be 1 to 64 letters, digits, spaces, '.', '_' or '-', no space at its ends"  # noqa: S105  # a rule
LONGEST_TOKEN_DAYS: Final = 365
"""Of an API token that we make; Litmus has no bound of its own."""
_MIN_SECRET_LENGTH: Final = 16
_MIN_SIGNING_KEY_LENGTH: Final = 32
_DAY: Final = timedelta(days=1)
_DURATION_WANTED: Final = "must be a duration such as { seconds: 60 }, 60s or PT1M, or a number of seconds"


def mask(secret: SecretStr) -> str:
    """Say that there is a secret, and how long it is."""
    return f"****** ({len(secret.get_secret_value())} characters)"


def duration_object(duration: timedelta) -> dict[str, int]:
    """Write a duration as it is written in app-config: ``{"seconds": 60}``."""
    if duration and not duration % _DAY:
        return {"days": duration // _DAY}
    if not duration % timedelta(seconds=1):
        return {"seconds": duration // timedelta(seconds=1)}
    return {"milliseconds": round(duration / timedelta(milliseconds=1))}


def _number(value: object) -> object:
    """Take a number from text, too: a ``${VAR}`` is always text."""
    if isinstance(value, str) and _NUMBER.fullmatch(value):
        return float(value) if "." in value else int(value)
    return value


def _rate(value: object) -> object:
    number = _number(value)
    if isinstance(number, bool | str) and value != AUTO:
        raise ValueError(f"must be a number of requests per second, or {AUTO}")
    return None if value == AUTO else number


def _boolean(value: object) -> object:
    return {"true": True, "false": False}.get(value, value) if isinstance(value, str) else value


def _amounts(text: str) -> dict[str, float]:
    """Return how many of which unit a text names, as Backstage reads it."""
    if match := _WORDED.fullmatch(text):
        unit = next(name for name, word in match.groupdict().items() if word and name != "amount")
        return {unit: float(match["amount"])}
    if match := _ISO.fullmatch(text):
        return {unit: float(n.replace(",", ".")) for unit, n in match.groupdict().items() if n}
    raise ValueError(_DURATION_WANTED)


def _duration(value: object) -> timedelta:
    if isinstance(value, timedelta):
        return value
    value = _number(value)
    if isinstance(value, str):
        value = _amounts(value.strip())
    if isinstance(value, Mapping):
        amounts = {str(unit): _number(amount) for unit, amount in value.items()}
        if unknown := sorted(set(amounts) - set(_SECONDS_OF_UNIT)):
            why = "; months and years have no fixed length" if {"months", "years"} & set(unknown) else ""
            raise ValueError(f"has an unknown unit; known are {', '.join(_SECONDS_OF_UNIT)}{why}")
    else:
        amounts = {"seconds": value}
    seconds = 0.0
    for unit, amount in amounts.items():
        if isinstance(amount, bool) or not isinstance(amount, int | float) or not math.isfinite(amount):
            raise ValueError(_DURATION_WANTED)
        seconds += amount * _SECONDS_OF_UNIT[unit]
    if seconds > timedelta.max.total_seconds():
        raise ValueError("is too long")
    return timedelta(milliseconds=max(-1, round(seconds * 1_000)))


def _between(lowest: timedelta, highest: timedelta, text: str) -> Callable[[timedelta], timedelta]:
    def check(value: timedelta) -> timedelta:
        if not lowest <= value <= highest:
            raise ValueError(f"must be between {text}")
        return value

    return check


def _matching(pattern: re.Pattern[str], wanted: str) -> Callable[[str], str]:
    def check(value: str) -> str:
        if not pattern.fullmatch(value):
            raise ValueError(wanted)
        return value

    return check


def _url(value: str) -> str:
    wanted = "must be an absolute http:// or https:// URL without credentials, query or fragment"
    if not value.isascii() or not value.isprintable() or any(character in value for character in ' ?#\\"<>'):
        raise ValueError(wanted)
    try:
        parts = urlsplit(value)
        usable = bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    else:
        # Also of credentials with a slash in them the rest begins with '@'.
        usable = usable and parts.scheme in {"http", "https"} and "@" not in value
    if not usable:
        raise ValueError(wanted)
    return value.rstrip("/")


def _origin(value: str) -> str:
    """Return an origin as browsers write it: lower case, without the port of its own scheme."""
    scheme, _, place = value.lower().rstrip("/").partition("://")
    if scheme not in DEFAULT_PORTS or not _HOST.fullmatch(place):
        raise ValueError(
            "must be an origin such as https://backstage.example.com: http:// or https://, a host and "
            "perhaps a port, without a path and without *"
        )
    return f"{scheme}://{without_default_port(scheme, place)}"


def _path(value: object) -> object:
    return Path(value) if isinstance(value, str) and value and "\0" not in value else value


def header_safe(secret: SecretStr) -> SecretStr:
    """Strip the line end of a file; what remains must fit into an HTTP header as it is.

    Raises:
        ValueError: If it does not, in words that go on after the name of a key.
    """
    value = secret.get_secret_value().rstrip("\r\n")
    if not value:
        raise ValueError("must not be empty")
    if value.lower().startswith("bearer "):
        raise ValueError("must be the bare token, without 'Bearer ' before it")
    if not (value.isascii() and value.isprintable() and " " not in value):
        raise ValueError("must be printable ASCII without spaces or line breaks")
    return SecretStr(value)


def _at_least(characters: int) -> Callable[[SecretStr], SecretStr]:
    def check(secret: SecretStr) -> SecretStr:
        if len(secret.get_secret_value()) < characters:
            raise ValueError(f"must have at least {characters} characters")
        return secret

    return check


def _as_set(value: object) -> object:
    return frozenset(value) if isinstance(value, tuple) and all(isinstance(v, str) for v in value) else value


def _store_url(secret: SecretStr) -> SecretStr:
    """Accept what the store opens; the sentence names no part of the URL, which may hold a password."""
    url = secret.get_secret_value().strip()
    parse_url(url)
    return SecretStr(url)


def _mask_store_url(secret: SecretStr) -> str:
    """Show which engine and which host or file, not who signs in there with what."""
    return parse_url(secret.get_secret_value()).masked


def _networks(value: object) -> object:
    """Take a list of CIDR texts."""
    if not isinstance(value, tuple | list) or not all(isinstance(one, str) for one in value):
        return value
    try:
        return tuple(ip_network(one) for one in value)
    except ValueError:
        raise ValueError("must be a list of networks such as 10.0.0.0/8 or 192.0.2.7/32") from None


def _references(value: object) -> object:
    """Take a list of full entity references, as they are compared."""
    if not isinstance(value, tuple | list) or not all(isinstance(one, str) for one in value):
        return value
    refs = frozenset(ref for one in value if (ref := full_ref(one)) is not None)
    if not all(full_ref(one) for one in value):
        raise ValueError("must be a list of full references such as user:default/alice or group:default/sre")
    return refs


_DURATION_SCHEMA: Final[dict[str, Any]] = {"type": "object", "format": "duration"}
_duration_parts: Final = (
    BeforeValidator(_duration),
    PlainSerializer(duration_object, when_used="json"),
    WithJsonSchema(_DURATION_SCHEMA),
)
Interval = Annotated[
    timedelta,
    *_duration_parts,
    AfterValidator(_between(timedelta(milliseconds=10), timedelta(days=7), "10 milliseconds and 7 days")),
]
"""How often something is done; short ones are for tests, `findings` speaks about them."""
Timeout = Annotated[
    timedelta,
    *_duration_parts,
    AfterValidator(
        _between(timedelta(milliseconds=10), timedelta(seconds=30), "10 milliseconds and 30 seconds")
    ),
]
Age = Annotated[
    timedelta,
    *_duration_parts,
    AfterValidator(_between(timedelta(milliseconds=10), timedelta(days=366), "10 milliseconds and 366 days")),
]
Text = Annotated[str, Field(min_length=1)]
Url = Annotated[str, AfterValidator(_url), WithJsonSchema({"type": "string", "format": "uri"})]
Origin = Annotated[Url, AfterValidator(_origin)]
Label = Annotated[
    str,
    AfterValidator(
        _matching(_LABEL, "must be 1 to 63 of a-z, 0-9 and '-', with a letter or digit at both ends")
    ),
]
FileName = Annotated[
    Path,
    BeforeValidator(_path),
    PlainSerializer(str, when_used="json"),
    WithJsonSchema({"type": "string", "format": "path"}),
]
Token = Annotated[
    SecretStr,
    AfterValidator(header_safe),
    PlainSerializer(mask, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "format": "password"}),
]
Networks = Annotated[
    tuple[IPv4Network | IPv6Network, ...],
    BeforeValidator(_networks),
    PlainSerializer(lambda networks: [str(network) for network in networks], when_used="json"),
    WithJsonSchema({"type": "array", "items": {"type": "string"}}),
]
References = Annotated[
    frozenset[str],
    BeforeValidator(_references),
    PlainSerializer(sorted, when_used="json"),
    WithJsonSchema({"type": "array", "items": {"type": "string"}}),
]
HeaderName = Annotated[
    str, AfterValidator(_matching(_HEADER_NAME, "must be the name of a header: letters, digits and '-'"))
]
Algorithm = Literal["ES256", "ES384", "ES512", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "EdDSA"]
StoreUrl = Annotated[
    SecretStr,
    AfterValidator(_store_url),
    PlainSerializer(_mask_store_url, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "format": "password"}),
]
TokenName = Annotated[
    str,
    AfterValidator(_matching(TOKEN_NAME, TOKEN_NAME_RULE)),
]
KeySecret = Annotated[Token, AfterValidator(_at_least(_MIN_SECRET_LENGTH))]
Scope = Literal["read", "run", "metrics", "admin"]
ListenHost = Annotated[str, AfterValidator(_matching(_LISTEN_HOST, "must be an IP address or a host name"))]
HostHeader = Annotated[
    str, AfterValidator(_matching(_HOST, "must be a host name, optionally with a port after ':'"))
]
Integer = Annotated[int, BeforeValidator(_number)]
Number = Annotated[float, BeforeValidator(_number), Field(allow_inf_nan=False)]
Rate = Annotated[
    Annotated[Number, Field(gt=0, le=1_000)] | None,
    BeforeValidator(_rate),
    PlainSerializer(lambda rate: AUTO if rate is None else rate, when_used="json"),
    WithJsonSchema(
        {"anyOf": [{"type": "number", "exclusiveMinimum": 0, "maximum": 1_000}, {"enum": [AUTO]}]}
    ),
]
"""Requests per second; ``None``, written ``auto``: as many as the other side takes well."""
Boolean = Annotated[bool, BeforeValidator(_boolean)]
Scopes = Annotated[frozenset[Scope], BeforeValidator(_as_set), Field(min_length=1)]
AnySecret = Annotated[SecretStr, PlainSerializer(mask, return_type=str, when_used="json")]
SigningKey = Annotated[AnySecret, AfterValidator(_at_least(_MIN_SIGNING_KEY_LENGTH))]
