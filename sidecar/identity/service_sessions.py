"""The sessions that the sidecar opened at Litmus for itself, stored so that a crash leaves none.

They lie beside those of people, encrypted alike, as sessions that no cookie
leads to: the sweep there revokes what was not removed in time.
"""

import secrets
from datetime import timedelta
from typing import Final

import msgspec

from sidecar.domain.ports import Clock, OpenedSession, Sessions
from sidecar.identity.sessions import sealed_session
from sidecar.identity.signing import SigningKeys

LEFT_AFTER: Final = timedelta(minutes=10)
"""Nobody needs a session of ours so long; one that is still stored then was left by a crash."""
_OWN: Final = ".own"
"""Marks a session of ours; no cookie leads to it."""


class ServiceSessionStore:
    """Implements :class:`ports.ServiceSessions`."""

    def __init__(self, sessions: Sessions, signing: SigningKeys, clock: Clock) -> None:
        self._sessions = sessions
        self._signing = signing
        self._clock = clock

    async def add(self, instance: str, opened: OpenedSession) -> str:
        """See :class:`ports.ServiceSessions`."""
        session_id = f"{secrets.token_hex(32)}{_OWN}"
        now = self._clock()
        session = await sealed_session(
            self._signing, session_id, instance, opened, created_at=now, expires_at=now + LEFT_AFTER
        )
        # Not idle before it is over, however short people's sessions may be.
        await self._sessions.add(msgspec.structs.replace(session, seen_at=session.expires_at))
        return session_id

    async def remove(self, session_id: str) -> None:
        """See :class:`ports.ServiceSessions`."""
        await self._sessions.end(session_id)
