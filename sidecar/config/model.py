"""What can be configured: one class per section, one documented attribute per key.

Strict and frozen; a key is its attribute in camelCase, and a new section is a
new class. The docstrings and the JSON schema make ``docs/reference/configuration.md``.
"""

from datetime import timedelta
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator
from pydantic.alias_generators import to_camel

from sidecar.config.fields import (
    LONGEST_TOKEN_DAYS,
    Age,
    Algorithm,
    AnySecret,
    FileName,
    Flag,
    HeaderName,
    HostHeader,
    Interval,
    KeySecret,
    Label,
    ListenHost,
    Networks,
    Patience,
    Rate,
    References,
    Scopes,
    SigningKey,
    StoreUrl,
    Text,
    Token,
    TokenName,
    Url,
    Whole,
)


def _distinct(names: list[str], what: str) -> None:
    if len(set(names)) != len(names):
        raise ValueError(f"must have distinct {what}")


class Strict(BaseModel):
    """Base of all sections: unknown keys and wrong types are errors, values never change."""

    model_config = ConfigDict(
        strict=True,
        frozen=True,
        extra="forbid",
        alias_generator=to_camel,
        validate_by_alias=True,
        validate_by_name=True,
        validate_default=True,
        use_attribute_docstrings=True,
        hide_input_in_errors=True,
    )


class Listen(Strict):
    """Where the sidecar accepts connections."""

    host: ListenHost = "127.0.0.1"
    """Address to bind. Anything but loopback needs a key, or nobody beyond loopback is served."""
    port: Annotated[Whole, Field(ge=0, le=65_535)] = 8080
    """TCP port; 0 takes any free one."""
    trusted_proxies: Networks = ()
    """Networks of reverse proxies whose `X-Forwarded-For` is believed; it names clients in the log."""
    allowed_origins: tuple[Url, ...] = ()
    """Origins whose pages may read `/api` from a browser (CORS); off without any."""


class Credentials(Strict):
    """A user of Litmus for the sidecar alone, whose API token it manages itself."""

    username: Text
    """Name of the user, who must have replaced the initial password (Litmus asks for that at first)."""
    password: AnySecret
    """Password. Or give `passwordFile`."""
    password_file: FileName | None = None
    """File that holds the password; read again at every sign-in."""
    token_name: TokenName = "backstage-litmus-sidecar"  # noqa: S105  # a name, not a token
    """Name of the token in Litmus's list; every replica finds it by this name."""
    token_days: Annotated[Whole, Field(ge=1, le=LONGEST_TOKEN_DAYS)] = 30
    """Lifetime of a token; it is renewed before a fifth of it remains."""


class Instance(Strict):
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
    """File that holds the token; read again when it changes, and the new token used once it is proven.
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
        port = url.port or (443 if url.scheme == "https" else 80)
        return f"{url.hostname}:{port}{url.path.rstrip('/')}"


class CatalogBackstage(Strict):
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


class CatalogSettings(Strict):
    """Where the entities come from; files and Backstage can be used together."""

    files: tuple[Text, ...] = ()
    """Catalog files (YAML, several documents each); `*` and `**` work. Relative to the file that says so."""
    interval: Interval = timedelta(seconds=5)
    """Time between two looks at the files; unchanged files are not read again."""
    backstage: CatalogBackstage | None = None
    """Read Backstage's catalog. Of two entities with one reference, Backstage's counts."""


class SyncSettings(Strict):
    """How often Litmus is asked, and how hard."""

    interval: Interval = timedelta(seconds=60)
    """Time between two synchronisations of a project in which nothing runs."""
    slow_interval: Interval = Field(
        default_factory=lambda valid: max(timedelta(seconds=600), valid.get("interval", timedelta(0))),
        json_schema_extra={"default": {"seconds": 600}},
    )
    """The same for what is costly to ask: ChaosHubs, GitOps, project tags. Never shorter than `interval`."""
    active_interval: Interval = Field(
        default_factory=lambda valid: min(
            timedelta(seconds=10), valid.get("interval", timedelta(seconds=10))
        ),
        json_schema_extra={"default": {"seconds": 10}},
    )
    """The same for a project while a run of it changes. Never longer than `interval`."""
    max_stale: Age = timedelta(days=1)
    """Older data is an error in the plugin, which cannot show an age. Longer than `slowInterval`."""
    max_in_flight: Annotated[Whole, Field(ge=1, le=100)] = 4
    """Requests to one instance at the same time."""
    max_requests_per_second: Annotated[Rate, Field(gt=0, le=1_000)] = 5.0
    """Requests to one instance per second; intervals stretch when the projects do not fit."""
    request_timeout: Patience = timedelta(seconds=30)
    """Longest that one answer of an instance is waited for; some are waited for less."""

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.active_interval > self.interval:
            raise ValueError("activeInterval must not be longer than interval")
        if self.interval > self.slow_interval:
            raise ValueError("interval must not be longer than slowInterval")
        if self.slow_interval >= self.max_stale:
            raise ValueError("maxStale must be longer than slowInterval")
        return self


class Key(Strict):
    """A shared secret by which a program calls the sidecar."""

    name: Label
    """Name for the log and the audit."""
    secret: KeySecret
    """At least 16 characters; the caller sends it as `X-Litmus-Sidecar-Key`. Or give `secretFile`."""
    secret_file: FileName | None = None
    """File that holds the secret."""
    scopes: Scopes
    """What the key may do: any of `read`, `run`, `metrics`, `admin`. None includes another."""


class AuthBackstage(Strict):
    """The Backstage whose people are known here."""

    base_url: Url
    """The backend as the sidecar reaches it: signing keys and groups are asked there."""
    issuer: Url | None = None
    """Issuer in people's tokens. Default: `{backend.baseUrl}/api/auth`."""
    algorithms: tuple[Algorithm, ...] = ("ES256",)
    """What tokens may be signed with (`auth.identityTokenAlgorithm` of Backstage)."""
    ca_file: FileName | None = None
    """PEM file with the certificate authorities to trust, in place of the system's."""


class AuthProxy(Strict):
    """An authenticating proxy in front, such as oauth2-proxy, that says who is calling."""

    trusted_proxies: Networks = ()
    """Where that proxy connects from; without any, its headers are ignored."""
    user_header: HeaderName = "X-Forwarded-User"
    """Header with the user's name, which becomes `user:default/…`."""
    groups_header: HeaderName = "X-Forwarded-Groups"
    """Header with names of groups, separated by commas, which become `group:default/…`. Keycloak's `/team` is
    `team`; a path such as `/platform/sre` gives no right (there, put 'Full group path' off)."""


class SignIn(Strict):
    """Signing in with a Litmus account, for the pages under `/litmus` only."""

    enabled: Flag = False
    """Whether there is a sign-in page."""
    idle: Interval = timedelta(hours=1)
    """A session ends when nothing was asked for so long."""
    longest: Interval = timedelta(hours=12)
    """A session ends at the latest so long after it began, and never after its Litmus token."""


class Auth(Strict):
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
        _distinct([key.name for key in self.keys], "names of keys")
        _distinct([key.secret.get_secret_value() for key in self.keys], "secrets of keys")
        return self


class MetricsSettings(Strict):
    """Who may scrape."""

    public: Flag = False
    """Whether `GET /metrics` needs no credential."""
    max_experiments: Annotated[Whole, Field(ge=0, le=1_000_000)] = 2_000
    """With more experiments than this altogether there are no series per experiment; a metric says so."""


class Pages(Strict):
    """The pages under `/litmus`."""

    frame_ancestors: tuple[Url, ...] = ()
    """Origins that may show the pages in a frame; none unless given."""


class Tracing(Strict):
    """OpenTelemetry traces; needs the extra `otel`."""

    endpoint: Url | None = None
    """OTLP collector over HTTP, such as `http://collector:4318`; without it nothing is traced."""
    sample_ratio: Annotated[Rate, Field(ge=0, le=1)] = 1.0
    """Part of the requests that is traced; a caller may keep its own from being traced, not force it."""


class Project(Strict):
    """Whose a Litmus project is. Overrides what tags in Litmus and the catalog say."""

    id: Text
    """Id of the project in Litmus."""
    instance: Label | None = None
    """The instance that has it. Default: the first."""
    owners: Annotated[References, Field(min_length=1)]
    """Groups and people who act on the project, through each entity that names it, and nobody else under
    `actions.policy: owners` but `actions.groups`."""


class Actions(Strict):
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


class Limits(Strict):
    """How much a caller may ask for."""

    person_per_minute: Annotated[Whole, Field(ge=1, le=1_000_000)] = 600
    """Requests of one verified person."""
    actions_per_minute: Annotated[Whole, Field(ge=1, le=1_000_000)] = 30
    """Actions of one caller."""
    key_per_minute: Annotated[Whole, Field(ge=1, le=10_000_000)] | None = None
    """Requests of one key without a person; all of Backstage may share it, so none unless given."""
    concurrent_requests: Annotated[Whole, Field(ge=1, le=100_000)] = 500
    """Requests worked on at the same time, of all known callers together."""
    person_concurrent_requests: Annotated[Whole, Field(ge=1, le=100_000)] = 8
    """Of them, those of one person, at most half of all; as many more wait for up to 2 s."""
    key_concurrent_requests: Annotated[Whole, Field(ge=1, le=100_000)] = 100
    """The same for one key without a person, which all of Backstage may share."""
    person_work_ms_per_minute: Annotated[Whole, Field(ge=1, le=60_000)] = 6_000
    """Milliseconds of computing a minute for one person; the process has 60,000 for everybody."""
    key_work_ms_per_minute: Annotated[Whole, Field(ge=1, le=60_000)] = 30_000
    """The same for one key without a person: 15,000 requests of the plugin a minute, at 2 ms each."""


class Store(Strict):
    """Where snapshots and run history are kept."""

    url: StoreUrl = SecretStr("sqlite:///litmus-sidecar.db")
    """`sqlite:///FILE`, `postgresql://…` (needed for several replicas), or `memory:`. Or give `urlFile`."""
    url_file: FileName | None = None
    """File that holds the URL, where it contains a password."""


class HistorySettings(Strict):
    """How long runs are kept."""

    retention_days: Annotated[Whole, Field(ge=1, le=3_650)] = 400
    """Older runs are forgotten, and not read from Litmus in the first place."""


class AttentionSettings(Strict):
    """From when on an experiment needs attention."""

    not_run_days: Annotated[Whole, Field(ge=1, le=3_650)] = 30
    """It did not run for so many days."""
    score_drop: Annotated[Rate, Field(gt=0, le=100)] = 10.0
    """Its latest score lies more than so many points below the mean of those before."""
    failures_in_row: Annotated[Whole, Field(ge=1, le=1_000)] = 3
    """It failed so many times in a row."""


class SidecarSection(Strict):
    """The section `litmusSidecar` of app-config.yaml."""

    public_url: Url | None = None
    """Address of the sidecar itself as browsers see it, for absolute links. With a path, an ingress takes
    that path off each request, and pages, redirects and links carry it."""
    proxy: Literal["env", "off"] = "env"
    """`env`: Litmus and Backstage are asked through the proxy that `HTTPS_PROXY` or `HTTP_PROXY` names,
    except what `NO_PROXY` lists. `off`: always directly."""
    listen: Listen = Listen()
    instances: tuple[Instance, ...] = ()
    """Without any, one named `default`: `litmus.baseUrl` with the token in `$LITMUS_AUTH_TOKEN`."""
    catalog: CatalogSettings = CatalogSettings()
    sync: SyncSettings = SyncSettings()
    auth: Auth = Auth()
    metrics: MetricsSettings = MetricsSettings()
    actions: Actions = Actions()
    projects: tuple[Project, ...] = ()
    """Whose projects are, where several teams' entities name one or nobody but its owners shall act. Without
    an entry: the owners in tags `backstage-owner:<reference>` of it and its environments in Litmus."""
    limits: Limits = Limits()
    store: Store = Store()
    history: HistorySettings = HistorySettings()
    attention: AttentionSettings = AttentionSettings()
    pages: Pages = Pages()
    tracing: Tracing = Tracing()

    @model_validator(mode="after")
    def _distinct_instances(self) -> Self:
        names = [instance.name for instance in self.instances]
        _distinct(names, "names of instances")
        for index, project in enumerate(self.projects):
            if project.instance not in {None, *names}:
                raise ValueError(f"has no instance of the name in projects[{index}].instance")
        first = names[0] if names else ""
        _distinct([f"{project.instance or first} {project.id}" for project in self.projects], "projects")
        return self


class Outside(Strict):
    """What is read of the rest of app-config.yaml."""

    litmus_base_url: Url | None = None
    """`litmus.baseUrl`: where people's browsers open Litmus."""
    display_token: AnySecret | None = None
    """`litmus.apiToken`, which the plugin shows to every visitor; a secret here, for it may be a real one."""
    backend_base_url: Url | None = None
    """`backend.baseUrl`: where browsers find Backstage's backend."""


class Config(SidecarSection, Outside):
    """The whole configuration, valid and complete."""

    notices: tuple[str, ...] = ()
    """Sentences about how the files were read, for `check`; the service works all the same."""
