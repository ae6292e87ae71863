"""What of the services follows from reloadable settings alone: made at the start, and again at a reload."""

from collections.abc import Collection
from dataclasses import dataclass, replace

from sidecar.actions import ActionService
from sidecar.app.acting import rules_of
from sidecar.app.catalog import OpenedCatalog, configured_claims
from sidecar.app.people import People, sign_in_pace
from sidecar.app.sync import Synchronisation
from sidecar.app.tokens import OpenedInstance
from sidecar.backstage.visibility import CatalogVisibility
from sidecar.catalog.claims import Claims
from sidecar.config import Config, Limits
from sidecar.http.services import Services
from sidecar.identity.keys import KeyRing
from sidecar.identity.proxy import ProxySettings
from sidecar.identity.rates import ConcurrencyLimit, RequestRateLimit, WorkBudget
from sidecar.identity.sessions import LitmusSessions


@dataclass(frozen=True, kw_only=True)
class OpenedParts:
    """Implements ``http.services.Reconfiguring`` for the parts that the composition root opened."""

    people: People
    sessions: LitmusSessions
    claims: Claims
    actions: ActionService
    catalog: OpenedCatalog
    syncing: Synchronisation
    instances: Collection[OpenedInstance]

    def services(self, before: Services, config: Config) -> Services:
        """Return the same parts under another configuration; nothing is in effect yet."""
        made = replace(
            before,
            config=config,
            keys=key_ring(config),
            visibility=enforced_visibility(config, self.people),
            proxy=proxy_settings(config),
            sessions=offered_sessions(config, self.sessions),
            sign_in_pace=sign_in_pace(config) if config.sync != before.config.sync else before.sign_in_pace,
        )
        limits = config.limits
        if limits == before.config.limits:
            return made
        # Callers begin anew: what was counted before was measured by another limit.
        return replace(
            made, pace=request_rates(limits), places=caller_places(limits), work_pace=work_budget(limits)
        )

    def adopt(self, config: Config) -> None:
        """Have the parts that live as long as the process follow it from now on."""
        self.claims.configure(configured_claims(config))
        self.actions.configure(rules_of(config), config.actions.window)
        self.catalog.configure(config.catalog)
        self.syncing.configure(config.sync)
        for instance in self.instances:
            instance.configure(config.sync)


def key_ring(config: Config) -> KeyRing:
    """Return the keys that hold."""
    return KeyRing((key.name, key.secret.get_secret_value(), key.scopes) for key in config.auth.keys)


def proxy_settings(config: Config) -> ProxySettings:
    """Return which proxy may say who is calling, and how."""
    proxy = config.auth.proxy
    return ProxySettings(
        trusted=proxy.trusted_proxies, user_header=proxy.user_header, groups_header=proxy.groups_header
    )


def enforced_visibility(config: Config, people: People) -> CatalogVisibility | None:
    """Return what asks which entities a person sees; ``None``: every person sees all."""
    return people.visibility if config.auth.catalog_visibility == "enforce" else None


def offered_sessions(config: Config, sessions: LitmusSessions) -> LitmusSessions | None:
    """Return the sessions of those who sign in with Litmus; ``None``: nobody can."""
    return sessions if config.auth.sign_in.enabled else None


def request_rates(limits: Limits) -> RequestRateLimit:
    """Return how often each caller may ask and act."""
    return RequestRateLimit(
        person_per_minute=limits.person_per_minute,
        actions_per_minute=limits.actions_per_minute,
        key_per_minute=limits.key_per_minute,
    )


def caller_places(limits: Limits) -> ConcurrencyLimit:
    """Return the places of each caller; none can take those of all."""
    half = max(1, limits.concurrent_requests // 2)
    return ConcurrencyLimit(
        person_at_once=min(limits.person_concurrent_requests, half),
        key_at_once=min(limits.key_concurrent_requests, half),
    )


def work_budget(limits: Limits) -> WorkBudget:
    """Return how much of the event loop's time each caller may use."""
    return WorkBudget(
        person_ms_per_minute=limits.person_work_ms_per_minute,
        key_ms_per_minute=limits.key_work_ms_per_minute,
    )
