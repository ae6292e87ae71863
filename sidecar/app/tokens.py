"""Ties each instance's client to its token and to whoever looks after that: fixed, in a file, or managed.

The part of the composition root that is about tokens.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Final
from uuid import uuid4

from sidecar.app.clients import (
    configured_token,
    instance_client,
    longest_pause_seconds,
    managed_name,
    read_password,
    shown_token,
    source_of,
)
from sidecar.config import Config, Credentials, Instance, SyncSettings
from sidecar.domain.errors import StoreError
from sidecar.domain.ports import Clock, Locks, ServiceSessions, TokenUses
from sidecar.http.services import InstanceHealth
from sidecar.litmus.tokens.api_tokens import InstanceTokens, TokenUseReporter
from sidecar.litmus.tokens.creation_locks import APART, CreationLocks
from sidecar.litmus.tokens.file import POLL_INTERVAL, TokenFile
from sidecar.litmus.tokens.holder import TokenHolder
from sidecar.litmus.tokens.managed import GRACE, LOOK_INTERVAL, ManagedSettings, ManagedToken
from sidecar.litmus.tokens.probe import PROOF_INTERVAL, watch
from sidecar.litmus.tokens.retries import LASTING_PAUSE
from sidecar.litmus.transport.auth import LitmusAuth
from sidecar.litmus.transport.breaker import LONGEST_PAUSE_SECONDS
from sidecar.litmus.transport.client import LitmusClient
from sidecar.runtime.supervision import RootTasks, end_all
from sidecar.telemetry.metrics import ROTATIONS, Metrics

START_PATIENCE: Final = timedelta(seconds=5)
"""Longest that a start waits for a managed token; a sign-in that is slower than that goes on meanwhile."""
REJECTED_PAUSE_INTERVALS: Final = 5
"""Longest pause between two trials of a rejected token, in intervals of synchronising."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TokenPace:
    """How often tokens are looked after; shorter in tests."""

    file: timedelta = POLL_INTERVAL
    """Between two looks at a token file."""
    managed: timedelta = LOOK_INTERVAL
    """Between two looks at a managed token, and at what other replicas made."""
    grace: timedelta = GRACE
    """A predecessor is kept at least so long."""
    proof: timedelta = PROOF_INTERVAL
    """Between two proofs of a token that nothing else proves."""
    lasting_pause: timedelta = LASTING_PAUSE
    """First wait after a failure that somebody has to end; doubled each time."""
    apart: timedelta = APART
    """Between two managed tokens that nobody asked for."""
    start_patience: timedelta = START_PATIENCE
    """Longest wait of a start."""


@dataclass(frozen=True, kw_only=True)
class OpenedInstance:
    """One instance: how it is asked, and with which token."""

    client: LitmusClient
    holder: TokenHolder
    tokens: InstanceTokens
    tasks: RootTasks
    """What has to run as long as the service, by name."""
    look: Callable[[], Awaitable[float | None]]
    """Look after the token once; tell after how many seconds to look again, ``None``: there is one."""
    patience: timedelta = START_PATIENCE
    looking: set[asyncio.Task[float | None]] = field(default_factory=set)
    """What began at the start and outlived its patience."""

    async def begin(self) -> None:
        """Have a token from the start if there can be one; a Litmus that is away does not hold up the start.

        One failure is not the last word: another replica may be making the
        token, or, while the store is away, have ended the session that is ours
        too. What somebody has to end is not tried again here. A look under way
        goes on when the start does: given up, its session would stay at Litmus,
        and the next look would sign in once more.
        """
        patience_seconds = self.patience.total_seconds()
        with suppress(TimeoutError):
            async with asyncio.timeout(patience_seconds):
                pause = await asyncio.shield(self._look())
                while pause is not None and pause < patience_seconds:
                    await asyncio.sleep(pause)
                    pause = await asyncio.shield(self._look())

    def configure(self, sync: SyncSettings) -> None:
        """Ask at another pace from now on."""
        self.client.configure(
            max_requests_per_second=sync.max_requests_per_second,
            longest_pause_seconds=longest_pause_seconds(sync),
        )
        self.holder.configure(_longest_token_pause_seconds(sync))

    async def close(self) -> None:
        """Give up what is still under way."""
        await end_all(self.looking)

    def _look(self) -> "asyncio.Task[float | None]":
        async def once() -> float | None:
            return await self.look()

        task = asyncio.create_task(once())
        self.looking.add(task)
        task.add_done_callback(self.looking.discard)
        return task


async def _nothing_to_do() -> None:
    """Leave the token as it is."""


@dataclass(frozen=True, kw_only=True)
class _Upkeep:
    """Who looks after the token of an instance; without more, nobody: it is fixed."""

    look: Callable[[], Awaitable[float | None]] = _nothing_to_do
    tasks: RootTasks = field(default_factory=dict)
    rotate: Callable[[], Awaitable[None]] | None = None
    has_initial_password: Callable[[], bool] = bool


@dataclass(frozen=True, kw_only=True)
class _TokenParts:
    """What everything needs that has to do with the token of one instance."""

    holder: TokenHolder
    auth: LitmusAuth
    creation_locks: CreationLocks
    uses: TokenUses
    sessions: ServiceSessions
    replica: str
    clock: Clock
    on_switch: Callable[[str], Awaitable[None]]

    def upkeep(self, instance: Instance, pace: TokenPace) -> _Upkeep:
        if instance.credentials is not None:
            managed = ManagedToken(
                self.holder,
                self.auth,
                self.creation_locks,
                self.uses,
                self.sessions,
                replica=self.replica,
                settings=_managed_settings(instance.credentials, pace),
                password=partial(read_password, instance.credentials),
                on_switch=self.on_switch,
                clock=self.clock,
            )
            return _Upkeep(
                look=managed.begin,
                tasks={f"managed token of {instance.name}": managed.follow},
                rotate=managed.rotate,
                has_initial_password=managed.has_initial_password,
            )
        if instance.token_file is not None:
            path = Path(instance.token_file)
            file = TokenFile(path, self.holder, self.auth, on_switch=self.on_switch, poll_interval=pace.file)
            return _Upkeep(look=file.look, tasks={f"token file of {instance.name}": file.follow})
        return _Upkeep()

    def tokens(self, config: Config, instance: Instance, upkeep: _Upkeep) -> InstanceTokens:
        return InstanceTokens(
            self.holder,
            self.auth,
            self.creation_locks,
            self.uses,
            clock=self.clock,
            rotate=upkeep.rotate,
            managed_name=managed_name(instance),
            shown=shown_token(config),
            has_initial_password=upkeep.has_initial_password,
        )


DEFAULT_PACE: Final = TokenPace()


def new_replica() -> str:
    """Return a name for this process among the replicas."""
    return uuid4().hex


@asynccontextmanager
async def open_instance(
    config: Config,
    instance: Instance,
    metrics: Metrics,
    *,
    locks: Locks,
    uses: TokenUses,
    sessions: ServiceSessions,
    replica: str,
    clock: Clock,
    on_new_token: Callable[[], Awaitable[None]],
    pace: TokenPace = DEFAULT_PACE,
) -> AsyncIterator[OpenedInstance]:
    """Open one instance; nothing is asked yet, and nothing followed.

    Args:
        config: The whole, for the pace.
        instance: The instance.
        metrics: Counted into.
        locks: Keep replicas from making tokens at the same time.
        uses: Tell replicas of each other's tokens.
        sessions: Remember the session in which a managed token is made.
        replica: Name of this process.
        clock: The time.
        on_new_token: Called when another token was taken into use.
        pace: How often it is looked after.

    Raises:
        ConfigError: If a file that the configuration names cannot be used.
    """
    holder = TokenHolder(
        instance.name,
        source_of(instance),
        clock,
        configured_token(instance),
        longest_pause_seconds=_longest_token_pause_seconds(config.sync),
    )
    reporter = TokenUseReporter(holder, uses, replica)

    async def switched(outcome: str) -> None:
        metrics.token_rotations.labels(instance.name, outcome).inc()
        if outcome in ROTATIONS:
            await reporter.report()
            await on_new_token()

    async with instance_client(config, instance, metrics, holder.current, holder) as client:
        parts = _TokenParts(
            holder=holder,
            auth=LitmusAuth(client),
            creation_locks=CreationLocks(locks, instance.address),
            uses=uses,
            sessions=sessions,
            replica=replica,
            clock=clock,
            on_switch=switched,
        )
        upkeep = parts.upkeep(instance, pace)
        tokens = parts.tokens(config, instance, upkeep)
        opened = OpenedInstance(
            client=client,
            holder=holder,
            tokens=tokens,
            tasks={
                f"token of {instance.name}": partial(watch, parts.auth, holder, pace.proof),
                f"use of the token of {instance.name}": reporter.follow,
                **upkeep.tasks,
            },
            look=upkeep.look,
            patience=pace.start_patience,
        )
        try:
            yield opened
        finally:
            await opened.close()
            await tokens.close()
            # While the store is away the others wait for us a few minutes, no more.
            with suppress(StoreError):
                await uses.forget(replica)


def instances_health(instances: Mapping[str, OpenedInstance]) -> Mapping[str, InstanceHealth]:
    """Return how it stands with each instance, by name; nothing is asked."""
    return {
        name: InstanceHealth(
            breaker=opened.client.breaker.state.value,
            opened_at=opened.client.breaker.opened_at,
            token=opened.holder.status,
        )
        for name, opened in instances.items()
    }


def _longest_token_pause_seconds(sync: SyncSettings) -> float:
    """Return how long a rejected token is left alone."""
    return min(LONGEST_PAUSE_SECONDS, REJECTED_PAUSE_INTERVALS * sync.interval.total_seconds())


def _managed_settings(credentials: Credentials, pace: TokenPace) -> ManagedSettings:
    return ManagedSettings(
        username=credentials.username,
        token_name=credentials.token_name,
        token_days=credentials.token_days,
        look_interval=pace.managed,
        grace=pace.grace,
        lasting_pause=pace.lasting_pause,
        apart=pace.apart,
    )
