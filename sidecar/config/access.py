"""Sections about who may call the sidecar, and how much: addresses, keys, people, actions, limits."""

from datetime import timedelta
from typing import Annotated, Final, Literal, Self

from pydantic import Field, model_validator

from sidecar.config.fields import (
    Algorithm,
    Boolean,
    FileName,
    HeaderName,
    Integer,
    Interval,
    KeySecret,
    Label,
    ListenHost,
    Networks,
    Origin,
    References,
    Scopes,
    SigningKey,
    Text,
    Url,
)
from sidecar.config.section import Section, require_distinct

KEY_HEADER: Final = "X-Litmus-Sidecar-Key"
"""Where a request says a key, if not as a Bearer token."""


class Listen(Section):
    """Where the sidecar accepts connections."""

    host: ListenHost = "127.0.0.1"
    """Address to bind. Anything but loopback needs a key, or nobody beyond loopback is served."""
    port: Annotated[Integer, Field(ge=0, le=65_535)] = 8080
    """TCP port; 0 takes any free one."""
    trusted_proxies: Networks = ()
    """Networks of reverse proxies whose `X-Forwarded-For` is trusted; it names clients in the log."""
    allowed_origins: tuple[Origin, ...] = ()
    """Origins whose pages may read `/api` from a browser (CORS); off without any."""


class Key(Section):
    """A shared secret by which a program calls the sidecar."""

    name: Label
    """Name for the log and the audit."""
    secret: KeySecret
    """At least 16 characters; the caller sends it as `X-Litmus-Sidecar-Key`. Or give `secretFile`."""
    secret_file: FileName | None = None
    """File that holds the secret."""
    scopes: Scopes
    """What the key may do: any of `read`, `run`, `metrics`, `admin`. None includes another."""


class AuthBackstage(Section):
    """The Backstage whose people are known here."""

    base_url: Url
    """The backend as the sidecar reaches it: signing keys and groups are asked there."""
    issuer: Url | None = None
    """Issuer in people's tokens. Default: `{backend.baseUrl}/api/auth`."""
    algorithms: tuple[Algorithm, ...] = ("ES256",)
    """What tokens may be signed with (`auth.identityTokenAlgorithm` of Backstage)."""
    ca_file: FileName | None = None
    """PEM file with the certificate authorities to trust, in place of the system's."""


class AuthProxy(Section):
    """An authenticating proxy in front, such as oauth2-proxy, that says who is calling."""

    trusted_proxies: Networks = ()
    """Where that proxy connects from; without any, its headers are ignored."""
    user_header: HeaderName = "X-Forwarded-User"
    """Header with the user's name, which becomes `user:default/…`."""
    groups_header: HeaderName = "X-Forwarded-Groups"
    """Header with names of groups, separated by commas, which become `group:default/…`. Keycloak's `/team` is
    `team`; a path such as `/platform/sre` gives no right (there, put 'Full group path' off)."""


class SignIn(Section):
    """Signing in with a Litmus account, for the pages under `/litmus` only."""

    enabled: Boolean = False
    """Whether there is a sign-in page."""
    idle: Interval = timedelta(hours=1)
    """A session expires after so long without a request."""
    longest: Interval = timedelta(hours=12)
    """A session expires at the latest so long after it began, and never after its Litmus token."""


class Auth(Section):
    """Who may call."""

    keys: tuple[Key, ...] = ()
    """Without any (and without Backstage or a proxy), only callers on the same machine are served."""
    backstage: AuthBackstage | None = None
    """Verify the tokens of people that Backstage's proxy forwards (`credentials: forward`)."""
    proxy: AuthProxy = AuthProxy()
    admins: References = frozenset()
    """People, or groups of people, with scope `admin`."""
    catalog_visibility: Literal["off", "enforce"] = "off"
    """`enforce`: for a person there are only the entities that Backstage's catalog shows them."""
    sign_in: SignIn = SignIn()
    signing_keys: tuple[SigningKey, ...] = ()
    """Secrets, at least 32 characters each, for shared pictures, forms and sessions. The first signs and
    encrypts, all verify. Without any, one is made and kept in the store. Or give `signingKeysFile`."""
    signing_keys_file: FileName | None = None
    """File that holds them, one in a line."""

    @model_validator(mode="after")
    def _distinct_keys(self) -> Self:
        require_distinct([key.name for key in self.keys], "names of keys")
        require_distinct([key.secret.get_secret_value() for key in self.keys], "secrets of keys")
        return self


class Project(Section):
    """Whose a Litmus project is. Overrides what tags in Litmus and the catalog say."""

    id: Text
    """Id of the project in Litmus."""
    instance: Label | None = None
    """The instance that has it. Default: the first."""
    owners: Annotated[References, Field(min_length=1)]
    """Groups and people who act on the project, through each entity that names it, and nobody else under
    `actions.policy: owners` but `actions.groups`."""


class Actions(Section):
    """Who may run and stop experiments and switch schedules."""

    policy: Literal["disabled", "owners", "users"] = "owners"
    """Nobody, whose the project is (`projects`, a tag in Litmus, or the one owner who names it), or every
    verified person."""
    groups: References = frozenset()
    """Groups whose members count as owners everywhere."""
    production: Literal["disabled", "owners", "users"] = "owners"
    """The same where the environment is production; only ever makes `policy` stricter."""
    window: Interval = timedelta(seconds=10)
    """For so long, another run of the same experiment gets the first answer, whoever asks."""


class Limits(Section):
    """How much a caller may ask for."""

    person_per_minute: Annotated[Integer, Field(ge=1, le=1_000_000)] = 600
    """Requests of one verified person."""
    actions_per_minute: Annotated[Integer, Field(ge=1, le=1_000_000)] = 30
    """Actions of one caller."""
    key_per_minute: Annotated[Integer, Field(ge=1, le=10_000_000)] | None = None
    """Requests of one key without a person; all of Backstage may share it, so none unless given."""
    concurrent_requests: Annotated[Integer, Field(ge=1, le=100_000)] = 500
    """Requests worked on at the same time, of all known callers together."""
    person_concurrent_requests: Annotated[Integer, Field(ge=1, le=100_000)] = 8
    """Of them, those of one person, at most half of all; as many more wait for up to 2 s."""
    key_concurrent_requests: Annotated[Integer, Field(ge=1, le=100_000)] = 100
    """The same for one key without a person, which all of Backstage may share."""
    person_work_ms_per_minute: Annotated[Integer, Field(ge=1, le=60_000)] = 6_000
    """Milliseconds of computing a minute for one person; the process has 60,000 for everybody."""
    key_work_ms_per_minute: Annotated[Integer, Field(ge=1, le=60_000)] = 30_000
    """The same for one key without a person: 15,000 requests of the plugin a minute, at 2 ms each."""
