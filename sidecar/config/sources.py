"""Sections about what the sidecar reads: Litmus instances, the catalog, and how often."""

from datetime import timedelta
from typing import Annotated, Self
from urllib.parse import urlsplit

from pydantic import Field, model_validator

from sidecar.config.fields import (
    LONGEST_TOKEN_DAYS,
    Age,
    AnySecret,
    FileName,
    HostHeader,
    Integer,
    Interval,
    Label,
    Rate,
    Text,
    Timeout,
    Token,
    TokenName,
    Url,
)
from sidecar.config.section import Section
from sidecar.config.web_address import port_of


class Credentials(Section):
    """A user of Litmus for the sidecar alone, whose API token it manages itself."""

    username: Text
    """Name of the user, who must have replaced the initial password (Litmus asks for that at first)."""
    password: AnySecret
    """Password. Or give `passwordFile`."""
    password_file: FileName | None = None
    """File that holds the password; read again at every sign-in."""
    token_name: TokenName = "backstage-litmus-sidecar"  # noqa: S105  # a name, not a token
    """Name of the token in Litmus's list; every replica finds it by this name."""
    token_days: Annotated[Integer, Field(ge=1, le=LONGEST_TOKEN_DAYS)] = 30
    """Lifetime of a token; it is renewed before a fifth of it remains."""


class Instance(Section):
    """A Litmus installation (ChaosCenter)."""

    name: Label
    """Name that annotations, metrics and answers use."""
    base_url: Url
    """What the sidecar calls: the frontend service of Litmus, which serves `/api` and `/auth`."""
    external_base_url: Url = Field(default_factory=lambda valid: valid.get("base_url", ""))
    """What people's browsers open, for links. Default: `baseUrl`; of the first instance `litmus.baseUrl`."""
    host_header: HostHeader | None = None
    """`Host` to send, where Litmus's `ALLOWED_ORIGINS` does not have the name in `baseUrl`."""
    ca_file: FileName | None = None
    """PEM file with the certificate authorities to trust, in place of the system's."""
    token: Token | None = None
    """API token of a Litmus user; the role Viewer is enough to read. Or give `tokenFile` or `credentials`."""
    token_file: FileName | None = None
    """File that holds the token; read again when it changes, and the new token used once Litmus accepts it.
    Without one in it the service starts, and serves what it has."""
    credentials: Credentials | None = None
    """A user of Litmus in whose name the sidecar keeps an API token of its own, renewed before it expires."""

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        # A file may hold no token yet, or none any more.
        has_token = self.token is not None or self.token_file is not None
        if has_token == (self.credentials is not None):
            raise ValueError("needs exactly one of token, tokenFile and credentials")
        return self

    @property
    def address(self) -> str:
        """Host, port and path of ``baseUrl``, however written: instances of one address are one Litmus."""
        url = urlsplit(self.base_url)
        return f"{url.hostname}:{port_of(url)}{url.path.rstrip('/')}"


class CatalogBackstage(Section):
    """The catalog of a Backstage backend."""

    base_url: Url
    """The backend as the sidecar reaches it; `/api/catalog` is added."""
    token: Token | None = None
    """Static external-access token of Backstage (`backend.auth.externalAccess`). Or give `tokenFile`."""
    token_file: FileName | None = None
    """File that holds the token."""
    signing_key: AnySecret | None = None
    """PEM private key to sign short-lived tokens with (external access of type `jwks`); no token then."""
    signing_key_file: FileName | None = None
    """File that holds the signing key."""
    issuer: Text = "litmus-sidecar"
    """`iss` of signed tokens, as `externalAccess` names it."""
    audience: Text = "backstage-catalog"
    """`aud` of signed tokens, as `externalAccess` names it."""
    ca_file: FileName | None = None
    """PEM file with the certificate authorities to trust, in place of the system's."""
    interval: Interval = timedelta(seconds=60)
    """Time between two readings."""

    @model_validator(mode="after")
    def _one_credential(self) -> Self:
        if (self.token is None) == (self.signing_key is None):
            raise ValueError("needs exactly one of token and signingKey")
        if self.audience == "backstage":
            raise ValueError("audience must not be backstage, which is that of people's tokens")
        return self


class CatalogSettings(Section):
    """Where the entities come from; files and Backstage can be used together."""

    files: tuple[Text, ...] = ()
    """Catalog files (YAML, several documents each); `*` and `**` work. Relative to the file that says so."""
    interval: Interval = timedelta(seconds=5)
    """Time between two looks at the files; unchanged files are not read again."""
    backstage: CatalogBackstage | None = None
    """Read Backstage's catalog. Of two entities with one reference, Backstage's counts."""


class SyncSettings(Section):
    """How often Litmus is read, and with how many requests."""

    interval: Interval = timedelta(seconds=60)
    """Time between two synchronisations of a project in which nothing runs."""
    slow_interval: Interval = Field(
        default_factory=lambda valid: max(timedelta(seconds=600), valid.get("interval", timedelta(0))),
        json_schema_extra={"default": {"seconds": 600}},
    )
    """The same for what is costly to read: ChaosHubs, GitOps, project tags. Never shorter than `interval`."""
    active_interval: Interval = Field(
        default_factory=lambda valid: min(
            timedelta(seconds=10), valid.get("interval", timedelta(seconds=10))
        ),
        json_schema_extra={"default": {"seconds": 10}},
    )
    """The same for a project while a run of it changes. Never longer than `interval`."""
    max_stale: Age = timedelta(days=1)
    """Older data is an error in the plugin, which cannot show an age. Longer than `slowInterval`."""
    max_in_flight: Annotated[Integer, Field(ge=1, le=100)] = 4
    """Requests to one instance at the same time."""
    max_requests_per_second: Rate = Field(default=None, json_schema_extra={"default": "auto"})
    """Requests to one instance per second. `auto`: more while Litmus answers in its usual time, fewer when it
    gets slow or fails, 1 to 50; a number fixes it."""
    request_timeout: Timeout = timedelta(seconds=30)
    """Longest wait for one answer of an instance; some requests wait less."""

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.active_interval > self.interval:
            raise ValueError("activeInterval must not be longer than interval")
        if self.interval > self.slow_interval:
            raise ValueError("interval must not be longer than slowInterval")
        if self.slow_interval >= self.max_stale:
            raise ValueError("maxStale must be longer than slowInterval")
        return self
