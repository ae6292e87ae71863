"""A Litmus of one account, stores that can fail, and replicas that keep sessions in them."""

import asyncio
from collections.abc import Collection, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from sidecar.domain.errors import (
    CredentialsRejectedError,
    StoreError,
    TokenRejectedError,
    UpstreamUnavailableError,
)
from sidecar.domain.model import ProjectRef
from sidecar.domain.ports import AccountRights, Accounts, OpenedSession, Session
from sidecar.identity.sessions import LitmusSessions
from sidecar.identity.signing import SigningKeys
from tests.support.backstage import FixedClock
from tests.support.memory_store.accounts import MemoryLocks, MemorySecrets, MemorySessions

START = datetime(2026, 11, 23, 12, tzinfo=UTC)
SHOP = ProjectRef(instance="default", project_id="shop")


class People:
    """A Litmus whose only account is vera, and what it was asked."""

    def __init__(self, *, token_life: timedelta = timedelta(days=1)) -> None:
        self.token_life = token_life
        self.is_away = False
        self.made = 0
        self.asked = 0
        self.rights_now = AccountRights(is_admin=False, roles={"shop": "Viewer"})
        self.revoked: list[str] = []

    async def sign_in(self, username: str, password: str) -> OpenedSession:
        self._answer()
        if (username, password) != ("vera", "right"):
            raise CredentialsRejectedError("no")
        self.made += 1
        return OpenedSession(
            token=f"litmus-token-{self.made}",
            user_id="id-of-vera",
            username="vera",
            is_admin=False,
            expires_at=START + self.token_life,
        )

    async def sign_out(self, token: str) -> None:
        self._answer()
        self.revoked.append(token)

    async def rights(self, token: str) -> AccountRights:
        self.asked += 1
        await asyncio.sleep(0)
        self._answer()
        if token in self.revoked:
            raise TokenRejectedError("no")
        return self.rights_now

    def _answer(self) -> None:
        if self.is_away:
            raise UpstreamUnavailableError("away")


class FragileSessions(MemorySessions):
    """Sessions of a store that can be away."""

    def __init__(self) -> None:
        super().__init__()
        self.is_away = False
        self.touches = 0

    async def add(self, session: Session) -> None:
        self._answer()
        await super().add(session)

    async def get(self, session_id: str) -> Session | None:
        self._answer()
        return await super().get(session_id)

    async def touch(self, session_id: str, seen_at: datetime) -> None:
        self._answer()
        self.touches += 1
        await super().touch(session_id, seen_at)

    async def end(self, session_id: str) -> Session | None:
        self._answer()
        return await super().end(session_id)

    async def expired(self, **bounds: Any) -> Sequence[Session]:
        self._answer()
        return await super().expired(**bounds)

    async def retire(self, session_id: str, retired_id: str, now: datetime) -> Session | None:
        self._answer()
        return await super().retire(session_id, retired_id, now)

    async def prune(self, before: datetime) -> int:
        self._answer()
        return await super().prune(before)

    async def all(self) -> Collection[Session]:
        """Return everything that is kept, of whatever time."""
        return [*self._sessions.values()]

    def _answer(self) -> None:
        if self.is_away:
            raise StoreError("away")


class HalfSessions(FragileSessions):
    """Sessions of a store that goes away after it was written to once."""

    async def retire(self, session_id: str, retired_id: str, now: datetime) -> Session | None:
        retired = await super().retire(session_id, retired_id, now)
        self.is_away = True
        return retired

    async def end(self, session_id: str) -> Session | None:
        ended = await super().end(session_id)
        self.is_away = True
        return ended


class World:
    """A store, a Litmus, a clock, and replicas between them."""

    def __init__(self) -> None:
        self.clock = FixedClock(START)
        self.people = People()
        self.kept = FragileSessions()
        self.locks = MemoryLocks(self.clock)
        self.secrets = MemorySecrets()

    def replica(
        self, *keys: str, accounts: dict[str, Accounts] | None = None, **times: timedelta
    ) -> LitmusSessions:
        return LitmusSessions(
            sessions=self.kept,
            locks=self.locks,
            signing=SigningKeys(keys, self.secrets),
            accounts=accounts or {"default": self.people},
            clock=self.clock,
            **{"idle": timedelta(hours=1), "longest": timedelta(hours=12), **times},
        )
