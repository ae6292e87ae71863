"""The part of the composition root for people: who they are, what they may see, their sessions at Litmus."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

from sidecar.backstage.transport import open_backstage_http
from sidecar.backstage.users import BackstageUsers, open_backstage_users
from sidecar.backstage.visibility import CatalogVisibility
from sidecar.config import Config
from sidecar.config.proxies import configured_proxy
from sidecar.domain.ports import Clock
from sidecar.identity.sessions import LitmusSessions
from sidecar.identity.sign_in_limit import SIGN_IN_SHARE, SIGN_INS_PER_SECOND, SignInLimit
from sidecar.identity.signing import SigningKeys
from sidecar.litmus.tokens.accounts import LitmusAccounts
from sidecar.litmus.tokens.creation_locks import CreationLocks
from sidecar.litmus.transport.auth import LitmusAuth
from sidecar.litmus.transport.client import LitmusClient
from sidecar.litmus.transport.pace import FIRST
from sidecar.store.store import Store


@dataclass(frozen=True, kw_only=True)
class People:
    """How the people of Backstage are known."""

    users: BackstageUsers | None = None
    """Verifies their tokens; ``None``: not configured."""
    visibility: CatalogVisibility | None = None
    """Asks what they see of the catalog; ``None``: not configured."""


def issuer_of(config: Config) -> str:
    """Return who must have issued people's tokens; only where ``auth.backstage`` is given."""
    settings = config.auth.backstage
    # One of the two is there: the configuration is refused else.
    issuer = settings.issuer if settings is not None else None
    return issuer or f"{config.backend_base_url}/api/auth"


@asynccontextmanager
async def open_people(config: Config, clock: Clock) -> AsyncIterator[People]:
    """Open the verification of Backstage's people; nothing is asked yet."""
    settings = config.auth.backstage
    if settings is None:
        yield People()
        return
    async with (
        open_backstage_http(
            settings.base_url,
            ca_file=settings.ca_file,
            proxy=configured_proxy(config, settings.base_url),
        ) as http,
        open_backstage_users(
            http, issuer=issuer_of(config), algorithms=settings.algorithms, clock=clock
        ) as users,
    ):
        yield People(users=users, visibility=CatalogVisibility(http, clock=clock))


def litmus_sessions(
    config: Config, store: Store, signing: SigningKeys, clients: Mapping[str, LitmusClient], clock: Clock
) -> LitmusSessions:
    """Return the sessions of those who sign in with an account of Litmus.

    Args:
        config: The whole, for their bounds.
        store: Where they are kept.
        signing: Encrypts their tokens.
        clients: Each instance's, by name.
        clock: The time.
    """
    accounts = {
        instance.name: LitmusAccounts(
            LitmusAuth(clients[instance.name]), CreationLocks(store.locks, instance.address)
        )
        for instance in config.instances
    }
    return LitmusSessions(
        sessions=store.sessions,
        locks=store.locks,
        signing=signing,
        accounts=accounts,
        clock=clock,
        idle=config.auth.sign_in.idle,
        longest=config.auth.sign_in.longest,
    )


def sign_in_pace(config: Config) -> SignInLimit:
    """Return how often Litmus may be asked for people: for a part of the requests that it gets at most."""
    fixed = config.sync.max_requests_per_second
    share = SIGN_IN_SHARE * (FIRST if fixed is None else fixed)
    return SignInLimit(per_second=min(SIGN_INS_PER_SECOND, share))
