"""Locks, the use of tokens, shares, sessions and secrets in memory."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

import msgspec

from sidecar.domain.ports import Clock, Session, SharedPicture, TokenUse


class MemoryLocks:
    """:class:`ports.Locks` for one process."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._held: dict[str, tuple[str, datetime]] = {}
        """Holder and end of each."""

    async def take(self, name: str, holder: str, hold: timedelta) -> bool:
        """See :meth:`ports.Locks.take`."""
        now = self._clock()
        held_by, until = self._held.get(name, (holder, now))
        if held_by != holder and until > now:
            return False
        self._held[name] = (holder, now + hold)
        return True

    async def release(self, name: str, holder: str) -> None:
        """See :meth:`ports.Locks.release`."""
        if name in self._held and self._held[name][0] == holder:
            del self._held[name]

    async def prune(self) -> int:
        """See :meth:`ports.Locks.prune`."""
        now = self._clock()
        over = [name for name, (_, until) in self._held.items() if until <= now]
        for name in over:
            del self._held[name]
        return len(over)


class MemoryTokenUses:
    """:class:`ports.TokenUses` for one process."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._uses: dict[tuple[str, str], tuple[str, datetime]] = {}
        """Token and when it was told, by instance and replica."""

    async def report(self, instance: str, replica: str, token_id: str) -> None:
        """See :meth:`ports.TokenUses.report`."""
        self._uses[instance, replica] = (token_id, self._clock())

    async def current(self, since: datetime) -> Collection[TokenUse]:
        """See :meth:`ports.TokenUses.current`."""
        return {
            TokenUse(instance=instance, replica=replica, token_id=token_id)
            for (instance, replica), (token_id, told_at) in self._uses.items()
            if told_at >= since
        }

    async def forget(self, replica: str) -> None:
        """See :meth:`ports.TokenUses.forget`."""
        self._uses = {key: use for key, use in self._uses.items() if key[1] != replica}

    async def prune(self, before: datetime) -> int:
        """See :meth:`ports.TokenUses.prune`."""
        known = len(self._uses)
        self._uses = {key: use for key, use in self._uses.items() if use[1] >= before}
        return known - len(self._uses)


class MemoryShares:
    """:class:`ports.Shares` for one process."""

    def __init__(self) -> None:
        self._shares: dict[str, SharedPicture] = {}

    async def add(self, share: SharedPicture) -> None:
        """See :meth:`ports.Shares.add`."""
        self._shares[share.id] = share

    async def get(self, share_id: str) -> SharedPicture | None:
        """See :meth:`ports.Shares.get`."""
        return self._shares.get(share_id)

    async def of(self, entity_ref: str) -> Sequence[SharedPicture]:
        """See :meth:`ports.Shares.of`."""
        found = [share for share in self._shares.values() if share.entity_ref == entity_ref]
        return sorted(found, key=lambda share: share.created_at, reverse=True)

    async def revoke(self, share_id: str) -> bool:
        """See :meth:`ports.Shares.revoke`."""
        return self._shares.pop(share_id, None) is not None

    async def prune(self, now: datetime) -> int:
        """See :meth:`ports.Shares.prune`."""
        known = len(self._shares)
        self._shares = {key: share for key, share in self._shares.items() if share.expires_at > now}
        return known - len(self._shares)


class MemorySessions:
    """:class:`ports.Sessions` for one process."""

    def __init__(self) -> None:
        self._sessions: dict[str, Session] = {}

    async def add(self, session: Session) -> None:
        """See :meth:`ports.Sessions.add`."""
        self._sessions[session.id] = session

    async def get(self, session_id: str) -> Session | None:
        """See :meth:`ports.Sessions.get`."""
        return self._sessions.get(session_id)

    async def touch(self, session_id: str, seen_at: datetime) -> None:
        """See :meth:`ports.Sessions.touch`."""
        known = self._sessions.get(session_id)
        if known is not None and known.seen_at < seen_at:
            self._sessions[session_id] = msgspec.structs.replace(known, seen_at=seen_at)

    async def retire(self, session_id: str, retired_id: str, now: datetime) -> Session | None:
        """See :meth:`ports.Sessions.retire`."""
        known = self._sessions.pop(session_id, None)
        if known is None:
            return None
        retired = msgspec.structs.replace(known, id=retired_id, expires_at=now)
        self._sessions[retired_id] = retired
        return retired

    async def end(self, session_id: str) -> Session | None:
        """See :meth:`ports.Sessions.end`."""
        return self._sessions.pop(session_id, None)

    async def expired(
        self, *, instance: str, seen_before: datetime, now: datetime, after: Session | None, at_most: int
    ) -> Sequence[Session]:
        """See :meth:`ports.Sessions.expired`."""
        over = [
            session
            for session in self._sessions.values()
            if session.instance == instance
            and (session.seen_at < seen_before or session.expires_at <= now)
            and (after is None or _place(session) > _place(after))
        ]
        return sorted(over, key=_place)[:at_most]

    async def prune(self, before: datetime) -> int:
        """See :meth:`ports.Sessions.prune`."""
        known = len(self._sessions)
        self._sessions = {key: one for key, one in self._sessions.items() if one.expires_at > before}
        return known - len(self._sessions)


def _place(session: Session) -> tuple[datetime, str]:
    return session.seen_at, session.id


class MemorySecrets:
    """:class:`ports.Secrets` for one process."""

    def __init__(self) -> None:
        self._kept: dict[str, str] = {}

    async def keep(self, name: str, made: str) -> str:
        """See :meth:`ports.Secrets.keep`."""
        return self._kept.setdefault(name, made)
