"""The life of a token that the sidecar manages itself, with a user's name and password.

Nothing of a token is ever stored: all replicas find theirs by name in Litmus's
own list, use the newest, and whoever needs a new one first makes it. So every
step may be the last one before a crash: the next start finds what was left.
"""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Final

import msgspec
import structlog

from sidecar.domain.errors import (
    InitialPasswordError,
    SidecarError,
    TokenRejectedError,
    UpstreamError,
)
from sidecar.domain.ports import Clock, ServiceSessions, TokenState, TokenUses
from sidecar.litmus.tokens.api_tokens import TokenUseReporter
from sidecar.litmus.tokens.creation_locks import APART, CreationLocks
from sidecar.litmus.tokens.holder import TokenHolder
from sidecar.litmus.tokens.lifetime import LifetimePolicy, age_key, expiry
from sidecar.litmus.tokens.old_tokens import OldTokens
from sidecar.litmus.tokens.probe import verify
from sidecar.litmus.tokens.retries import LASTING_PAUSE, RetrySchedule
from sidecar.litmus.tokens.temporary_session import PATIENCE, TemporarySession
from sidecar.litmus.transport.auth import ListedToken, LitmusAuth
from sidecar.litmus.wire.token import LitmusToken
from sidecar.runtime.supervision import UnitErrors

RENEWED_BEFORE: Final = 0.2
"""Part of its lifetime that a token must still have, or it is not adopted and a new one is made."""
LOOK_INTERVAL: Final = timedelta(seconds=45)
GRACE: Final = timedelta(minutes=2)
_JITTER: Final = 0.1

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
    lasting_pause: timedelta = LASTING_PAUSE
    """First wait after a failure that somebody has to end; doubled each time."""
    apart: timedelta = APART
    """Between two tokens that are made without being asked for, while the first one is accepted."""


class _Bearer(msgspec.Struct, frozen=True, kw_only=True):
    """With what, and as whom, the auth server is asked."""

    token: LitmusToken
    user_id: str


class _Rotation(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody saw who asked for another token."""

    asked_at: datetime
    replaces: LitmusToken | None
    """The token in use at that time, which is to be replaced."""


class ManagedToken:
    """Keeps a token of one instance alive; one of as many replicas as there are."""

    def __init__(
        self,
        holder: TokenHolder,
        auth: LitmusAuth,
        creation_locks: CreationLocks,
        uses: TokenUses,
        sessions: ServiceSessions,
        *,
        replica: str,
        settings: ManagedSettings,
        password: Callable[[], Awaitable[str]],
        on_switch: Callable[[str], Awaitable[None]],
        clock: Clock,
        chance: random.Random | None = None,
    ) -> None:
        """Take what it needs; nothing is asked before :meth:`reconcile`.

        Args:
            holder: Where the token in use stands.
            auth: The auth server.
            creation_locks: Keep what two replicas create apart.
            uses: Who uses which token.
            sessions: Where a session is stored while it is open.
            replica: Name of this process among the replicas.
            settings: What is managed.
            password: Read at every sign-in.
            on_switch: Told ``created`` or ``adopted`` for a new token, else the code of the error.
            clock: The time.
            chance: Source of jitter; seeded by tests.
        """
        self._holder = holder
        self._auth = auth
        self._creation_locks = creation_locks
        self._reporter = TokenUseReporter(holder, uses, replica)
        self._settings = settings
        self._session = TemporarySession(
            holder, auth, creation_locks, sessions, username=settings.username, password=password
        )
        self._old_tokens = OldTokens(
            auth,
            uses,
            instance=holder.instance,
            replica=replica,
            grace=settings.grace,
            longest_grace=settings.longest_grace,
        )
        self._on_switch = on_switch
        self._clock = clock
        part = (chance or random.Random()).random()  # noqa: S311 - keeps replicas apart, guards nothing
        self._life = LifetimePolicy(days=settings.token_days, renewed_before=RENEWED_BEFORE + _JITTER * part)
        self._lock = asyncio.Lock()
        self._retries = RetrySchedule(creation_locks, settings.lasting_pause)
        self._has_signed_in = False
        self._warned: set[str] = set()
        self._user_id: str | None = None
        self._unit_errors = UnitErrors("managed token")
        self._refused: set[str] = set()
        """Tokens that Litmus refused although it lists them."""

    async def follow(self) -> None:
        """Look after the token until cancelled; at once when it is rejected, ever slower while that fails."""
        while True:
            if not self._has_token():
                await self._retries.rest()
            if await self.reconcile():
                await self._holder.wait_for_rejection(self._settings.look_interval)

    async def begin(self) -> float | None:
        """Tend once; return after how many seconds that is worth another try, ``None``: there is a token."""
        return None if await self.reconcile() else self._retries.pause_seconds

    async def reconcile(self) -> bool:
        """Do whatever the token needs now; tell whether there is one that holds."""
        async with self._lock:
            self._has_signed_in = False
            try:
                await self._reconcile(None)
            except Exception as exc:  # noqa: BLE001 - whatever Litmus answered, the token is looked after again
                error = exc if isinstance(exc, SidecarError) else self._unexpected(exc)
                self._holder.report(f"The token could not be looked after: {error}")
                if not self._has_token():
                    self._retries.failed(error, has_signed_in=self._has_signed_in)
                await self._on_switch(error.code)
            else:
                self._unit_errors.clear(self._holder.instance)
                self._recover()
            return self._has_token()

    def _unexpected(self, error: Exception) -> SidecarError:
        self._unit_errors.record(self._holder.instance, error)
        return SidecarError("The sidecar failed at this; its log says why.")

    def _recover(self) -> None:
        self._holder.report(None)
        self._retries.succeeded()

    async def rotate(self) -> None:
        """Make a new token and take it into use; the one before is removed as soon as nobody needs it.

        One that another replica made since this was asked for will do.

        Raises:
            StoreError: If the store is away.
            UpstreamError: If Litmus could not be asked.
        """
        rotation = _Rotation(asked_at=self._clock(), replaces=self._holder.token)
        async with self._lock:
            await self._reconcile(rotation)
            self._recover()

    def has_initial_password(self) -> bool:
        """Whether there is no token because the user has to replace the initial password first."""
        return isinstance(self._retries.failure, InitialPasswordError)

    def _has_token(self) -> bool:
        return self._holder.state in {TokenState.GOOD, TokenState.UNPROVEN}

    async def _reconcile(self, rotation: _Rotation | None) -> None:
        await self._reporter.report()
        if self._holder.state is TokenState.REJECTED and self._holder.token is not None:
            await self._verify_again(self._holder.token)
        async with self._bearer() as bearer:
            own = await self._own(bearer)
            found, how = (self._usable_token(own) if rotation is None else None), "adopted"
            if found is None:
                found, how = await self._make(bearer, own, rotation)
            if found != self._holder.token:
                await self._switch(found)
                await self._reporter.report()
                await self._on_switch(how)
            elif all(row.token != found for row in own):
                return  # A list without the token in use is not one to tidy by.
            await self._old_tokens.remove(
                own, found, bearer.user_id, refused=self._refused, now=self._clock()
            )

    async def _verify_again(self, token: LitmusToken) -> None:
        """Make sure that it is the token: Litmus says the same of it when its own database fails."""
        try:
            await verify(self._auth, token)
        except TokenRejectedError as exc:
            self._holder.rejected(token, exc)
            self._refused.add(token.id)
        else:
            self._holder.accepted(token)

    @asynccontextmanager
    async def _bearer(self) -> AsyncIterator[_Bearer]:
        """Give what the auth server is asked with: the token in use, or a session for the time."""
        token = self._holder.token
        if token is not None and self._user_id is not None and self._holder.state is not TokenState.REJECTED:
            try:
                yield _Bearer(token=token, user_id=self._user_id)
            except TokenRejectedError as exc:
                self._holder.rejected(token, exc)
                raise
            return
        async with self._session.opened() as session:
            self._has_signed_in = True
            self._user_id = session.user_id
            yield _Bearer(token=session.token, user_id=session.user_id)

    async def _own(self, bearer: _Bearer) -> Sequence[ListedToken]:
        """Return the tokens of our name, the newest first."""
        rows = await self._auth.list_tokens(bearer.token, bearer.user_id)
        own = [row for row in rows if row.name == self._settings.token_name]
        return sorted(own, key=age_key, reverse=True)

    def _usable_token(self, own: Sequence[ListedToken]) -> LitmusToken | None:
        """Return the token to use: the newest that is listed and has life, or else the one that works."""
        newest = next((row.token for row in own if self._is_usable(row)), None)
        in_use = self._holder.token
        if (
            in_use is None
            or self._holder.state is not TokenState.GOOD
            or any(row.token == in_use for row in own)
        ):
            return newest
        ends_at = expiry(in_use, None)
        if ends_at is None or not self._life.has_life(in_use, None, self._clock()):
            return newest
        later = expiry(newest, None) if newest is not None else None
        if later is not None and later > ends_at:
            return newest
        self._warn("token in use is not listed", "Litmus accepts it and does not list it; it is used on.")
        return in_use

    def _is_usable(self, row: ListedToken) -> bool:
        return row.token.id not in self._refused and self._life.is_usable(row, self._clock())

    async def _recently_made(self, bearer: _Bearer, own: Sequence[ListedToken]) -> LitmusToken | None:
        """Return the token to go on with, because one was made a short while ago; ``None``: make another.

        Whoever made one that Litmus accepts, and yet does not find it good for
        use, would make more and more of them: its clock is wrong, or the list is.
        """
        if self._holder.state is TokenState.REJECTED or not await self._creation_locks.was_made_recently(
            bearer.user_id
        ):
            return None
        now = self._clock()
        rows = (
            row.token
            for row in own
            if row.token.id not in self._refused and not self._life.is_too_long(row.token, row, now)
        )
        found = self._holder.token or next(rows, None)
        if found is not None:
            self._warn(
                "no further token made",
                "The last one was made less than an hour ago, is accepted, and seems to end soon: compare "
                "the clocks of this machine and of Litmus.",
            )
        return found

    def _made_since(
        self, rotation: _Rotation, before: Collection[ListedToken], own: Sequence[ListedToken]
    ) -> LitmusToken | None:
        """Return a token that was made since the rotation was asked for, here or by another replica."""
        known = {row.token.id for row in before}
        for row in own:
            if row.token == rotation.replaces or not self._is_usable(row):
                continue
            made_since = row.created_at is not None and row.created_at >= rotation.asked_at
            if made_since or row.token == self._holder.token or row.token.id not in known:
                return row.token
        return None

    def _warn(self, event: str, reason: str) -> None:
        """Log a warning once for each token in use."""
        if event not in self._warned:
            self._warned.add(event)
            _log.warning(event, instance=self._holder.instance, reason=reason)

    async def _make(
        self, bearer: _Bearer, before: Collection[ListedToken], rotation: _Rotation | None
    ) -> tuple[LitmusToken, str]:
        """Create a token under the lock, unless another replica just did; tell which of the two it was.

        While the store is away this fails, and no token is made: two replicas
        could make one each at once, in the same second even the same one.
        """
        settings = self._settings
        async with self._creation_locks.hold(bearer.user_id, patience=PATIENCE):
            own = await self._own(bearer)
            if rotation is not None:
                found = self._made_since(rotation, before, own)
            else:
                found = self._usable_token(own) or await self._recently_made(bearer, own)
            if found is not None:
                return found, "adopted"
            token = await self._auth.create_token(
                bearer.token, bearer.user_id, settings.token_name, settings.token_days
            )
            await self._creation_locks.note_made(bearer.user_id, settings.apart)
            return token, "created"

    async def _switch(self, token: LitmusToken) -> None:
        try:
            await verify(self._auth, token)
        except TokenRejectedError as exc:
            self._refused.add(token.id)
            raise UpstreamError(f"A token that Litmus lists is refused: {exc}") from exc
        self._holder.use(token)
        self._warned.clear()
