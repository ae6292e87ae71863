"""A Litmus and a store on one clock that tests hold, and replicas that look after a token there."""

import random
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from sidecar.domain.errors import StoreError
from sidecar.domain.ports import TokenUse
from sidecar.identity.service_sessions import ServiceSessionStore
from sidecar.identity.signing import SigningKeys
from sidecar.litmus.tokens.creation_locks import CreationLocks
from sidecar.litmus.tokens.holder import TokenHolder
from sidecar.litmus.tokens.managed import ManagedSettings, ManagedToken
from sidecar.litmus.transport.auth import LitmusAuth
from sidecar.litmus.transport.client import LitmusClient, open_litmus_client
from sidecar.litmus.wire.documents import ENVIRONMENTS, pagination
from sidecar.litmus.wire.token import LitmusToken
from sidecar.simulator import Simulator, World, open_simulator
from sidecar.simulator.documents import ApiToken, User
from tests.support.memory_store.accounts import MemoryLocks, MemorySecrets, MemorySessions, MemoryTokenUses

NAME = "backstage-litmus-sidecar"
PASSWORD = "Litmus-1"
DAYS = 30
START = 1_763_728_800.0


@dataclass
class Clock:
    """The time of everybody; it moves when told."""

    seconds: float = START

    def __call__(self) -> float:
        return self.seconds

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.seconds, UTC)

    def pass_by(self, **parts: float) -> None:
        self.seconds += timedelta(**parts).total_seconds()


class FallibleLocks(MemoryLocks):
    """Locks of a store that can go away, and that notes who had to wait."""

    away = False

    def __init__(self, clock: Callable[[], datetime]) -> None:
        super().__init__(clock)
        self.refused: list[str] = []

    async def take(self, name: str, holder: str, hold: timedelta) -> bool:
        if self.away:
            raise StoreError("The store is away.")
        is_taken = await super().take(name, holder, hold)
        if not is_taken:
            self.refused.append(name)
        return is_taken


class FallibleUses(MemoryTokenUses):
    """What replicas say of their tokens, in a store that can go away."""

    away = False

    async def current(self, since: datetime) -> Collection[TokenUse]:
        if self.away:
            raise StoreError("The store is away.")
        return await super().current(since)


@dataclass
class Setting:
    """One Litmus with one user, and what its replicas share."""

    simulator: Simulator
    user: User
    clock: Clock
    locks: FallibleLocks
    uses: FallibleUses
    sessions: MemorySessions = field(default_factory=MemorySessions)

    @property
    def world(self) -> World:
        return self.simulator.world

    def listed(self, name: str = NAME) -> list[ApiToken]:
        return [row for row in self.world.api_tokens if row.name == name]

    def issue(self, *, days: float = DAYS, name: str = NAME) -> LitmusToken:
        """Create token in a second of its own."""
        self.clock.pass_by(seconds=3)
        return LitmusToken(self.world.issue_token(self.user, days=days, name=name))

    def asked(self, path: str) -> int:
        return sum(request.path == path for request in self.simulator.requests)

    @asynccontextmanager
    async def client(self, holder: TokenHolder) -> AsyncIterator[LitmusClient]:
        async with open_litmus_client(
            base_url=self.simulator.url, token=holder.current, observer=holder, max_requests_per_second=10_000
        ) as client:
            yield client

    @asynccontextmanager
    async def replica(
        self, name: str = "one", *, days: int = DAYS, ahead: timedelta = timedelta(0)
    ) -> AsyncIterator["Manager"]:
        """Give one that makes tokens for so many days, and whose clock is so far ahead of Litmus's."""

        def now() -> datetime:
            return self.clock.now() + ahead

        holder = TokenHolder("default", "credentials", now)
        outcomes: list[str] = []

        async def read() -> str:
            return PASSWORD

        async def note(outcome: str) -> None:
            outcomes.append(outcome)

        async with self.client(holder) as client:
            auth = LitmusAuth(client)
            managed = ManagedToken(
                holder,
                auth,
                CreationLocks(self.locks, "litmus:80/"),
                self.uses,
                ServiceSessionStore(self.sessions, SigningKeys(["k" * 32], MemorySecrets()), now),
                replica=name,
                settings=ManagedSettings(username="robot", token_name=NAME, token_days=days),
                password=read,
                on_switch=note,
                clock=now,
                chance=random.Random(1),  # noqa: S311 - the same in every run
            )
            yield Manager(holder, client, managed, self.clock, self.world, outcomes)


@dataclass
class Manager:
    holder: TokenHolder
    client: LitmusClient
    managed: ManagedToken
    clock: Clock
    world: World
    outcomes: list[str] = field(default_factory=list)

    async def reconcile(self) -> bool:
        """Tend in a second of its own: two sessions of one second would be one string."""
        self.clock.pass_by(seconds=3)
        return await self.managed.reconcile()

    async def rotate(self) -> None:
        self.clock.pass_by(seconds=3)
        await self.managed.rotate()

    async def ask(self) -> None:
        """Ask for something with the token in use."""
        (project, *_) = self.world.projects
        await self.client.run(ENVIRONMENTS, {"projectID": project, "environments": pagination(0, 10)}, 10)

    def value(self) -> str:
        token = self.holder.token
        assert token is not None
        return token.reveal()


@asynccontextmanager
async def open_setting() -> AsyncIterator[Setting]:
    clock = Clock()
    world = World(name="tokens", clock=clock)
    user = world.add_user("robot", password=PASSWORD)
    world.add_project("shop", owner=world.add_user("alice"), members={user.user_id: "Viewer"})
    world.add_project("own", owner=user)
    async with open_simulator(world) as simulator:
        yield Setting(simulator, user, clock, FallibleLocks(clock.now), FallibleUses(clock.now))
