"""The parts of a running service, as one frozen value that views read from."""

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Protocol

from aiohttp import web

from sidecar.actions import ActionService
from sidecar.backstage.users import BackstageUsers
from sidecar.backstage.visibility import CatalogVisibility
from sidecar.catalog.claims import Claims
from sidecar.config import Config
from sidecar.domain.model import Lane, ProjectRef
from sidecar.domain.ports import (
    Audit,
    Catalogue,
    Clock,
    History,
    Keys,
    Shares,
    Snapshots,
    StoreHealth,
    Sync,
    Tokens,
    TokenStatus,
)
from sidecar.identity.proxy import ProxySettings
from sidecar.identity.rates import ConcurrencyLimit, RequestRateLimit, WorkBudget
from sidecar.identity.sessions import LitmusSessions
from sidecar.identity.sign_in_limit import RefusalDelay, SignInLimit
from sidecar.identity.signing import SigningKeys
from sidecar.insight.digest_cache import Digests
from sidecar.insight.links import LitmusLinks
from sidecar.replica import QueryEngine
from sidecar.runtime.supervision import Supervisor
from sidecar.runtime.turns import Turns
from sidecar.telemetry.metrics import Metrics
from sidecar.telemetry.tracing import Tracer


@dataclass(frozen=True, kw_only=True, slots=True)
class ConfigState:
    """How it stands with the configuration: what the last reading of its files came to."""

    loaded_at: datetime
    """When the one in effect was read."""
    problems: tuple[str, ...] = ()
    """Why the last reading was refused, a sentence each; none: it was not."""
    needs_restart: tuple[str, ...] = ()
    """Keys that say something else in the files, and wait for a restart."""


@dataclass(slots=True)
class Phase:
    """Where the process is between start and end; the mutable part."""

    started_at: datetime
    configuration: ConfigState = field(init=False)
    was_ready: bool = False
    """Whether readiness was reached once; it then stays, until draining."""
    in_progress: Counter[str] = field(default_factory=Counter)
    """Requests that are being worked on, by public route; ``""``: those of callers who are known."""
    draining: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.configuration = ConfigState(loaded_at=self.started_at)


class Reconfiguring(Protocol):
    """Gives running parts another configuration; both answer at once, so nobody sees half of it."""

    def services(self, before: "Services", config: Config) -> "Services":
        """Return the same parts under another configuration; nothing is in effect yet."""

    def adopt(self, config: Config) -> None:
        """Have parts that live as long as the process follow it from now on."""


@dataclass(frozen=True, kw_only=True, slots=True)
class InstanceHealth:
    """What readiness tells of one Litmus instance."""

    breaker: str
    """``closed``, ``open`` or ``half_open``."""
    opened_at: datetime | None
    token: TokenStatus


@dataclass(frozen=True, kw_only=True, slots=True)
class PlanHealth:
    """What readiness tells of the pace towards one Litmus instance."""

    requests_per_second: float
    """At most, now."""
    needed_per_second: float
    """For all projects at the configured intervals."""
    asked: Mapping[Lane, timedelta]
    """Planned intervals of projects that somebody looks at."""
    others: Mapping[Lane, timedelta]


@dataclass(frozen=True, kw_only=True, slots=True)
class Services:
    """Everything a view may need; made once by the composition root."""

    config: Config
    clock: Clock
    catalogue: Catalogue
    claims: Claims
    """Whose projects are, and which one a bare id means."""
    snapshots: Snapshots
    history: History
    digests: Digests
    sync: Sync
    query_engine: QueryEngine
    turns: Turns
    """In which long work is done."""
    keys: Keys
    users: BackstageUsers | None
    """People of Backstage; ``None``: not configured."""
    visibility: CatalogVisibility | None
    """Which entities a person sees in Backstage; ``None``: every verified caller reads every project."""
    proxy: ProxySettings
    catalog_keys: Mapping[str, Any]
    """JWKS with which Backstage verifies the tokens we sign for its catalog; empty without a signing key."""
    actions: ActionService
    audit: Audit
    signing: SigningKeys
    """Signs shared pictures and forms, and encrypts what sessions hold."""
    shares: Shares
    sessions: LitmusSessions | None
    """Who is signed in with a Litmus account, for the pages alone; ``None``: nobody can sign in."""
    sign_in_pace: SignInLimit
    refusal_pace: RefusalDelay
    """When a refused sign-in is answered."""
    tokens: Mapping[str, Tokens]
    """The API tokens of each instance's user, by instance."""
    pace: RequestRateLimit
    places: ConcurrencyLimit
    work_pace: WorkBudget
    metrics: Metrics
    tracer: Tracer
    supervisor: Supervisor
    phase: Phase
    store_health: StoreHealth
    instances: Callable[[], Mapping[str, InstanceHealth]]
    links: Callable[[ProjectRef], LitmusLinks]
    """Deep links into a project's Litmus."""
    litmus_version: Callable[[str], str | None]
    """What an instance says its version is; ``None`` until it said so."""
    intervals: Callable[[ProjectRef], Mapping[Lane, timedelta]]
    """After how long each lane of a project is planned to be read again."""
    plans: Callable[[], Mapping[str, PlanHealth]]
    """What of the configured intervals fits, by instance."""
    reconfiguring: Reconfiguring | None = None
    """``None``: these parts stay as they were configured."""


SERVICES = web.AppKey("services", Services)
