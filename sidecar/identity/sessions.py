"""Who is signed in with a Litmus account, on the pages: begin, know again, end.

The cookie holds a random secret, the store its digest, so nobody who reads the
store can make a cookie. Every request reads the store, so a session that was
ended on one replica is ended on all. What somebody may do is Litmus's word,
asked anew every minute.
"""

import asyncio
import hashlib
import re
import secrets
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from enum import Enum
from typing import Final

import msgspec
import structlog
from cachetools import LRUCache

from sidecar.domain.errors import RightsUnknownError, StoreError, TokenRejectedError, UpstreamError
from sidecar.domain.model import ProjectRef
from sidecar.domain.ports import AccountRights, Accounts, Clock, Locks, OpenedSession, Session, Sessions
from sidecar.identity.signing import SigningKeys
from sidecar.runtime.keyed_locks import KeyedLocks
from sidecar.runtime.supervision import UnitErrors

RIGHTS_CACHED_FOR: Final = timedelta(minutes=1)
"""How long a right that Litmus took away may live on here."""
UNCONFIRMED_RIGHTS_CACHED_FOR: Final = timedelta(minutes=10)
"""How long Litmus's last word counts while it cannot be asked."""
ASKED_AGAIN_AFTER: Final = timedelta(seconds=10)
SEEN_EVERY: Final = timedelta(minutes=1)
LOG_OUT_SECONDS: Final = 5.0
"""Longest that somebody who signs out waits for Litmus; the sweep goes on with it."""
SWEEP_SECONDS: Final = 60.0
SWEPT_AT_ONCE: Final = 500
"""Tokens that one sweep revokes at an instance."""
REMEMBERED: Final = 10_000

_PURPOSE: Final = "session"
_SECRET_BYTES: Final = 32
_SECRET: Final = re.compile(r"[A-Za-z0-9_-]{43}")
_OVER: Final = ".over"
"""Marks a session that has ended and whose token may still hold at Litmus; no cookie leads to it."""
_TOKEN_LIFE: Final = timedelta(days=1)
"""How long a session token of Litmus lives; after that nothing is left to revoke."""
_SWEEP: Final = "sweep of sessions"
_log = structlog.get_logger(__name__)


class SignedIn(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody signed in, and what Litmus lets them do."""

    session_id: str
    instance: str
    username: str
    rights: AccountRights

    def role_in(self, project: ProjectRef) -> str | None:
        """Return the role in a project as Litmus words it; ``None``: none, or a project of another Litmus."""
        return self.rights.roles.get(project.project_id) if project.instance == self.instance else None


class _CachedRights(msgspec.Struct, frozen=True, kw_only=True):
    """What Litmus said of somebody."""

    rights: AccountRights | None
    """``None``: it could not be asked yet."""
    confirmed_at: datetime
    ask_at: datetime


class _Revocation(Enum):
    """What came of revoking a session's token."""

    DONE = "done"
    FAILED = "failed"
    """To be tried again."""
    NOT_OURS = "not ours"
    """Its instance or its key is not configured here; the token ends by itself."""


class LitmusSessions:
    """Begins and ends sessions, and knows them again by what their cookies hold."""

    def __init__(
        self,
        *,
        sessions: Sessions,
        locks: Locks,
        signing: SigningKeys,
        accounts: Mapping[str, Accounts],
        clock: Clock,
        idle: timedelta,
        longest: timedelta,
    ) -> None:
        """Take what it needs; ``accounts`` by instance.

        A session ends ``idle`` after its last use, and ``longest`` after its begin, or with its token.
        """
        self._sessions = sessions
        self._locks = locks
        self._signing = signing
        self._accounts = accounts
        self._clock = clock
        self._idle = idle
        self._longest = longest
        self._holder = secrets.token_hex(8)
        self._rights: LRUCache[str, _CachedRights] = LRUCache(REMEMBERED)
        self._session_locks: KeyedLocks[str] = KeyedLocks()
        self._seen: LRUCache[str, Session] = LRUCache(REMEMBERED)
        """For signing out while the store is away, and for nothing else."""
        self._unit_errors = UnitErrors("sessions")
        self._refused: LRUCache[str, Session] = LRUCache(REMEMBERED)
        """Ended here while the store was away, and still to be ended there."""

    async def begin(self, instance: str, username: str, password: str) -> str:
        """Sign somebody in and return what their cookie is to hold, which is new every time.

        Raises:
            CredentialsRejectedError: If Litmus refuses them.
            UpstreamError: If Litmus could not be asked.
            StoreError: If the session could not be written down; its token is revoked then.
        """
        accounts = self._accounts[instance]
        opened = await accounts.sign_in(username, password)
        now = self._clock()
        secret = secrets.token_urlsafe(_SECRET_BYTES)
        session_id = _digest(secret)
        ends = [now + self._longest, *([opened.expires_at] if opened.expires_at is not None else [])]
        try:
            session = await sealed_session(
                self._signing, session_id, instance, opened, created_at=now, expires_at=min(ends)
            )
            await self._sessions.add(session)
        except StoreError:
            with suppress(UpstreamError):
                await accounts.sign_out(opened.token)
            raise
        _log.info("signed in", instance=instance, caller=f"litmus:{opened.username}")
        return secret

    async def find(self, secret: str) -> Session | None:
        """Return the session of a cookie, and note that it is used; ``None``: none, or it is over.

        Raises:
            StoreError: If nobody can tell.
        """
        if not _SECRET.fullmatch(secret):
            return None
        session = await self._sessions.get(_digest(secret))
        now = self._clock()
        if session is None or session.id in self._refused or self._is_over(session, now):
            return None
        self._seen[session.id] = session
        if now - session.seen_at >= min(SEEN_EVERY, self._idle / 4):
            with suppress(StoreError):  # Reading goes on where nothing can be written; it may seem idle then.
                await self._sessions.touch(session.id, now)
        return session

    def remembered(self, secret: str) -> Session | None:
        """Return the session of a cookie as it was seen last, to end it while the store is away."""
        return self._seen.get(_digest(secret))

    async def person(self, secret: str) -> SignedIn | None:
        """Return who a cookie stands for and what they may do; ``None``: nobody any more.

        Raises:
            StoreError: If nobody can tell.
            RightsUnknownError: If Litmus cannot be asked, and its last word is too old.
        """
        session = await self.find(secret)
        if session is None or session.instance not in self._accounts:
            return None
        # One at a time per session: of the requests of one page, the first asks and the others find.
        async with self._session_locks.of(session.id):
            rights = await self._current_rights(session)
        if rights is None:
            return None
        return SignedIn(
            session_id=session.id, instance=session.instance, username=session.username, rights=rights
        )

    async def end(self, session: Session) -> None:
        """End a session on every replica at once, then revoke its token at Litmus.

        If Litmus does not answer soon, the sweep of any replica goes on asking it.

        Raises:
            StoreError: If it could be ended on this replica only; its token is revoked if Litmus answered.
        """
        self._rights.pop(session.id, None)
        try:
            over = await self._end_in_store(session)
        except StoreError:
            self._refused[session.id] = session
            await self._revoke(session)
            raise
        if over is not None:
            await self._finish(over)
            _log.info("signed out", instance=session.instance, caller=f"litmus:{session.username}")

    async def sweep(self) -> None:
        """Revoke the tokens of sessions that are over, and forget those; one replica at a time does it.

        Raises:
            StoreError: If the store is away.
        """
        for session in list(self._refused.values()):
            ended = await self._end_in_store(session)
            self._refused.pop(session.id, None)
            if ended is not None:
                await self._finish(ended)
        if not await self._locks.take(_SWEEP, self._holder, timedelta(seconds=2 * SWEEP_SECONDS)):
            return
        # Also those that nobody here could revoke: of an instance or sealed with a key that is gone.
        await self._sessions.prune(self._clock() - _TOKEN_LIFE)
        for instance in self._accounts:
            with self._unit_errors.contained(instance):
                await self._sweep_of(instance)

    async def follow(self) -> None:
        """Sweep now and then until cancelled."""
        while True:
            with suppress(StoreError):  # Its health tells.
                await self.sweep()
            await asyncio.sleep(SWEEP_SECONDS)

    async def _sweep_of(self, instance: str) -> None:
        """Revoke what is over at one instance, until it is silent or has been asked often enough."""
        now, asked, after = self._clock(), 0, None
        while asked < SWEPT_AT_ONCE:
            page = await self._sessions.expired(
                instance=instance,
                seen_before=now - self._idle,
                now=now,
                after=after,
                at_most=SWEPT_AT_ONCE,
            )
            for session in page:
                outcome = await self._finish(session)
                if outcome is _Revocation.FAILED:
                    return
                asked += outcome is _Revocation.DONE
            if len(page) < SWEPT_AT_ONCE:
                return
            after = page[-1]

    async def _end_in_store(self, session: Session) -> Session | None:
        """Take a session from its cookie; what is returned stands in its place until its token is revoked.

        ``None``: somebody ended it before.
        """
        # In one step: should this replica end here and now, another one finds it and revokes the token.
        return await self._sessions.retire(session.id, f"{session.id}{_OVER}", self._clock())

    async def _finish(self, over: Session) -> _Revocation:
        """Revoke the token of a session that is over, and forget it if that is done."""
        outcome = await self._revoke(over)
        if outcome is _Revocation.DONE:
            with suppress(StoreError):  # Then the sweep finds it once more, and nothing is left to do.
                await self._sessions.end(over.id)
        return outcome

    def _is_over(self, session: Session, now: datetime) -> bool:
        return now >= session.expires_at or now - session.seen_at >= self._idle

    async def _current_rights(self, session: Session) -> AccountRights | None:
        """Return what Litmus lets somebody do; ``None``: it does not know them any more."""
        now, told = self._clock(), self._rights.get(session.id)
        if told is None or now >= told.ask_at:
            token = await self._token(session)
            if token is None:
                return None
            try:
                rights = await self._accounts[session.instance].rights(token)
            except TokenRejectedError:
                await self.end(session)
                return None
            except UpstreamError as exc:
                _log.warning("rights not confirmed", instance=session.instance, reason=exc.code)
                told = _unconfirmed(told, now)
            else:
                told = _CachedRights(rights=rights, confirmed_at=now, ask_at=now + RIGHTS_CACHED_FOR)
            self._rights[session.id] = told
        if told.rights is None or now - told.confirmed_at >= UNCONFIRMED_RIGHTS_CACHED_FOR:
            raise RightsUnknownError(
                "Litmus cannot be asked what you may see at the moment; nothing is shown until it answers."
            )
        return told.rights

    async def _token(self, session: Session) -> str | None:
        """Return the Litmus token of a session; ``None``: we have not the key, or it is another session's."""
        unsealed = await self._signing.unseal(_PURPOSE, session.sealed_token)
        if unsealed is None:
            return None
        session_id, _, token = unsealed.decode().partition(" ")
        return token if session_id == session.id.removesuffix(_OVER) else None

    async def _revoke(self, session: Session) -> _Revocation:
        """Revoke a session's token at Litmus."""
        accounts = self._accounts.get(session.instance)
        try:
            token = await self._token(session)
            if accounts is None or token is None:
                # Another replica may still know the key or the instance.
                return _Revocation.NOT_OURS
            async with asyncio.timeout(LOG_OUT_SECONDS):
                await accounts.sign_out(token)
        except (UpstreamError, StoreError, TimeoutError) as exc:
            reason = getattr(exc, "code", "timeout")
            _log.warning("session token not revoked yet", instance=session.instance, reason=reason)
            return _Revocation.FAILED
        return _Revocation.DONE


async def sealed_session(
    signing: SigningKeys,
    session_id: str,
    instance: str,
    opened: OpenedSession,
    *,
    created_at: datetime,
    expires_at: datetime,
) -> Session:
    """Return a new session to be stored: its Litmus token is encrypted, and bound to this session.

    Raises:
        StoreError: If the key is in the store, and that is away.
    """
    return Session(
        id=session_id,
        instance=instance,
        user_id=opened.user_id,
        username=opened.username,
        is_admin=opened.is_admin,
        sealed_token=await signing.seal(_PURPOSE, f"{session_id} {opened.token}".encode()),
        created_at=created_at,
        seen_at=created_at,
        expires_at=expires_at,
    )


def _unconfirmed(told: _CachedRights | None, now: datetime) -> _CachedRights:
    """Return what was told before, to be asked again soon."""
    if told is None or told.rights is None:
        return _CachedRights(rights=None, confirmed_at=now, ask_at=now + ASKED_AGAIN_AFTER)
    return msgspec.structs.replace(told, ask_at=now + ASKED_AGAIN_AFTER)


def _digest(secret: str) -> str:
    """Return what the store knows a cookie by; the secret is random, so nothing slower is needed."""
    return hashlib.sha256(secret.encode(errors="surrogatepass")).hexdigest()
