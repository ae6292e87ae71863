"""The life of a token that the sidecar manages itself, with a user's name and password.

Nothing of a token is ever stored: all replicas find theirs by name in Litmus's
own list, use the newest, and whoever needs a new one first makes it. So every
step may be the last one before a crash: the next start finds what was left.
"""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import datetime, timedelta
from typing import Final

import msgspec
import structlog

from sidecar.errors import (
    SidecarError,
    StoreError,
    TokenRejectedError,
    UpstreamError,
)
from sidecar.litmus.auth import ListedToken, LitmusAuth, SignedIn
from sidecar.litmus.held_token import HeldToken
from sidecar.litmus.proving import prove
from sidecar.litmus.token import LitmusToken
from sidecar.litmus.token_making import CreationTurns
from sidecar.ports import Clock, TokenState, TokenUses

RENEWED_BEFORE: Final = 0.2
"""Part of its lifetime that a token must still have, or it is not adopted and a new one is made."""
LOOK_INTERVAL: Final = timedelta(seconds=45)
GRACE: Final = timedelta(minutes=2)
_JITTER: Final = 0.1
_FIRST_PAUSE: Final = timedelta(seconds=2)
_LONGEST_PAUSE: Final = timedelta(seconds=60)
_PATIENCE: Final = timedelta(seconds=5)
"""Longest wait for another replica that signs in or makes a token; the next look tries again."""
_LOGOUT_SECONDS: Final = 5.0
_TOLD_WITHIN: Final = timedelta(minutes=3)
"""A replica that was silent for so long is not alive, or will notice by itself that its token is gone."""

_log = structlog.get_logger(__name__)


class ManagedSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What is managed, and at which pace."""

    username: str
    token_name: str
    token_days: int
    look_interval: timedelta = LOOK_INTERVAL
    """Time between two looks: at the token's age, at what other replicas made, at what is left to remove."""
    grace: timedelta = GRACE
    """A predecessor is kept at least so long, for the requests that are still under way with it."""
    longest_grace: timedelta = timedelta(minutes=10)
    """A predecessor is removed after so long, whoever may still use it."""


class _Bearer(msgspec.Struct, frozen=True, kw_only=True):
    """With what, and as whom, the auth server is asked."""

    token: LitmusToken
    user_id: str


class ManagedToken:
    """Keeps a token of one instance alive; one of as many replicas as there are."""

    def __init__(
        self,
        held: HeldToken,
        auth: LitmusAuth,
        turns: CreationTurns,
        uses: TokenUses,
        *,
        replica: str,
        settings: ManagedSettings,
        password: Callable[[], Awaitable[str]],
        on_switch: Callable[[str], Awaitable[None]],
        clock: Clock,
        chance: random.Random | None = None,
    ) -> None:
        """Take what it needs; nothing is asked before :meth:`tend`.

        Args:
            held: Where the token in use stands.
            auth: The auth server.
            turns: Whose turn it is to make a token.
            uses: Who uses which token.
            replica: Name of this process among the replicas.
            settings: What is managed.
            password: Read at every sign-in.
            on_switch: Told ``created`` or ``adopted`` for a new token, else the code of the error.
            clock: The time.
            chance: Source of jitter; seeded by tests.
        """
        self._held = held
        self._auth = auth
        self._turns = turns
        self._uses = uses
        self._replica = replica
        self._settings = settings
        self._password = password
        self._on_switch = on_switch
        self._clock = clock
        part = (chance or random.Random()).random()  # noqa: S311 - keeps replicas apart, guards nothing
        self._renewed_before = RENEWED_BEFORE + _JITTER * part
        self._turn = asyncio.Lock()
        self._user_id: str | None = None
        self._spent: set[str] = set()
        """Tokens that Litmus refused although it lists them."""
        self._superseded: dict[str, datetime] = {}
        """Since when we know of a newer token than this one."""

    async def follow(self) -> None:
        """Look after the token until cancelled; at once when it is rejected, ever slower while that fails."""
        pause = _FIRST_PAUSE
        while True:
            if await self.tend():
                pause = _FIRST_PAUSE
                await self._held.wait_for_trouble(self._settings.look_interval)
            else:
                await asyncio.sleep(pause.total_seconds())
                pause = min(2 * pause, _LONGEST_PAUSE)

    async def tend(self) -> bool:
        """Do whatever the token needs now; tell whether there is one that holds."""
        async with self._turn:
            try:
                await self._tend(must_be_new=False)
            except SidecarError as exc:
                self._held.report(f"The token could not be looked after: {exc}")
                await self._on_switch(exc.code)
            else:
                self._held.report(None)
            return self._held.state in {TokenState.GOOD, TokenState.UNPROVEN}

    async def rotate(self) -> None:
        """Make a new token and take it into use; the one before is removed as soon as nobody needs it.

        Raises:
            StoreError: If the store is away.
            UpstreamError: If Litmus could not be asked.
        """
        async with self._turn:
            await self._tend(must_be_new=True)
            self._held.report(None)

    async def _tend(self, *, must_be_new: bool) -> None:
        await self._tell()
        if self._held.state is TokenState.REJECTED and self._held.token is not None:
            await self._doubt(self._held.token)
        async with self._bearer() as bearer:
            own = await self._own(bearer)
            found, how = (None if must_be_new else self._newest(own)), "adopted"
            if found is None:
                found, how = await self._make(bearer, must_be_new=must_be_new)
            if found != self._held.token:
                await self._switch(found)
                await self._tell()
                await self._on_switch(how)
            await self._clean_up(_Bearer(token=found, user_id=bearer.user_id), own)

    async def _doubt(self, token: LitmusToken) -> None:
        """Make sure that it is the token: Litmus says the same of it when its own database fails."""
        try:
            await prove(self._auth, token)
        except TokenRejectedError as exc:
            self._held.rejected(token, exc)
            self._spent.add(token.id)
        else:
            self._held.accepted(token)

    @asynccontextmanager
    async def _bearer(self) -> AsyncIterator[_Bearer]:
        """Give what the auth server is asked with: the token in use, or a session for the time.

        Ending a session leaves an entry in Litmus's database that it keeps for
        good and searches at every request, so a session is opened for need only.
        """
        token = self._held.token
        if token is not None and self._user_id is not None and self._held.state is not TokenState.REJECTED:
            try:
                yield _Bearer(token=token, user_id=self._user_id)
            except TokenRejectedError as exc:
                self._held.rejected(token, exc)
                raise
            return
        signed_in = await self._sign_in()
        self._user_id = signed_in.user_id
        try:
            yield _Bearer(token=signed_in.token, user_id=signed_in.user_id)
        finally:
            # A token for a day, made in the second of the sign-in, is the very string of the session.
            if signed_in.token != self._held.token:
                with suppress(UpstreamError, TimeoutError):
                    async with asyncio.timeout(_LOGOUT_SECONDS):
                        await self._auth.logout(signed_in.token)

    async def _sign_in(self) -> SignedIn:
        """Open a session that is nobody else's: neither another replica's, nor one of the pages.

        While the store is away nobody gives turns, and a token that is there
        can still be adopted; two that meet then try again.
        """
        username, password = self._settings.username, await self._password()
        try:
            async with self._turns.of_account(username, patience=_PATIENCE):
                return await self._auth.login(username, password)
        except StoreError:
            return await self._auth.login(username, password)

    async def _own(self, bearer: _Bearer) -> Sequence[ListedToken]:
        """Return the tokens of our name, the newest first."""
        rows = await self._auth.list_tokens(bearer.token, bearer.user_id)
        own = [row for row in rows if row.name == self._settings.token_name]
        return sorted(own, key=_age_key, reverse=True)

    def _newest(self, own: Sequence[ListedToken]) -> LitmusToken | None:
        return next((row.token for row in own if self._is_usable(row)), None)

    def _is_usable(self, row: ListedToken) -> bool:
        if row.expires_at is None or row.token.id in self._spent:
            return False
        lifetime = timedelta(days=self._settings.token_days)
        if row.created_at is not None:
            lifetime = row.expires_at - row.created_at
        return row.expires_at - self._clock() > lifetime * self._renewed_before

    async def _make(self, bearer: _Bearer, *, must_be_new: bool) -> tuple[LitmusToken, str]:
        """Make a token when it is our turn, unless another replica just did; tell which of the two it was.

        While the store is away this fails, and no token is made: two replicas
        could make one each at once, in the same second even the same one.
        """
        settings = self._settings
        async with self._turns.turn(bearer.user_id, patience=_PATIENCE):
            made_meanwhile = None if must_be_new else self._newest(await self._own(bearer))
            if made_meanwhile is not None:
                return made_meanwhile, "adopted"
            token = await self._auth.create_token(
                bearer.token, bearer.user_id, settings.token_name, settings.token_days
            )
            return token, "created"

    async def _switch(self, token: LitmusToken) -> None:
        try:
            await prove(self._auth, token)
        except TokenRejectedError as exc:
            self._spent.add(token.id)
            raise UpstreamError(f"A token that Litmus lists is refused: {exc}") from exc
        self._held.use(token)

    async def _tell(self) -> None:
        token = self._held.token
        if token is not None:
            # While the store is away nobody removes a predecessor either.
            with suppress(StoreError):
                await self._uses.tell(self._held.instance, self._replica, token.id)

    async def _clean_up(self, bearer: _Bearer, own: Sequence[ListedToken]) -> None:
        """Remove the tokens of our name that are older than ours, as soon as nobody needs them."""
        now = self._clock()
        older = {row.token.id: row for row in own if row.token != bearer.token}
        self._superseded = {token_id: self._superseded.get(token_id, now) for token_id in older}
        for token_id, row in older.items():
            if await self._is_needed(row, now):
                continue
            try:
                await self._auth.remove_token(bearer.token, bearer.user_id, row.token)
            except UpstreamError as exc:
                _log.warning(
                    "old token was not removed", instance=self._held.instance, token=token_id, reason=str(exc)
                )
            else:
                _log.info("old token removed", instance=self._held.instance, token=token_id)

    async def _is_needed(self, row: ListedToken, now: datetime) -> bool:
        if row.token.id in self._spent or (row.expires_at is not None and row.expires_at <= now):
            return False
        known_for = now - self._superseded[row.token.id]
        try:
            users = await self._uses.replicas(self._held.instance, row.token.id, now - _TOLD_WITHIN)
        except StoreError:
            return True
        if set(users) - {self._replica}:
            return known_for < self._settings.longest_grace
        return known_for < self._settings.grace


def _age_key(row: ListedToken) -> tuple[float, float]:
    return (
        row.created_at.timestamp() if row.created_at is not None else 0.0,
        row.expires_at.timestamp() if row.expires_at is not None else 0.0,
    )
