"""The keys with which Backstage signs people's tokens, as last read.

A key we do not know is looked for at once, but only a few times a minute: the
key's id is the caller's word. What is known stays when Backstage is away or
lists nothing (it lists nothing before the first sign-in after a fresh start).
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

import jwt
import structlog

from sidecar.backstage.transport import BackstageError
from sidecar.domain.ports import Clock
from sidecar.domain.unreadable import UNREADABLE

MAX_AGE_SECONDS: Final = 600.0
"""Then the list is read again although nobody asked, so that a key taken off it ends here too."""
MAX_KEYS: Final = 200
"""Keys of a list that are looked at; Backstage lists a handful."""
MAX_MEMBER_LENGTH: Final = 8_192
"""Of a key's member, in characters: the modulus of an RSA key of 16,384 bits has 2,731."""
FETCHES_AT_ONCE: Final = 3
SECONDS_PER_FETCH: Final = 15.0
"""After those at once; also the longest wait for a new key while somebody sends invented ones."""

_log = structlog.get_logger(__name__)


class IssuerKeys:
    """Public keys by their id; reads the list when it must, as often as it may."""

    def __init__(self, fetch: Callable[[], Awaitable[Any]], *, clock: Clock) -> None:
        """Take ``fetch``, which returns the JSON of the list or raises ``BackstageError``."""
        self._fetch = fetch
        self._clock = clock
        self._keys: dict[str, jwt.PyJWK] = {}
        self._listed: object = None
        self._read_at = float("-inf")
        self._allowance = float(FETCHES_AT_ONCE)
        self._allowance_at = clock().timestamp()
        self._fetching: asyncio.Task[None] | None = None
        self.version = 0
        """Rises when the keys change; what was verified with the keys of before counts no longer."""
        self.error: str | None = None
        """Why the last reading brought nothing; ``None`` after one that did, and before the first."""

    async def get(self, key_id: str) -> jwt.PyJWK | None:
        """Return the key; waits for a reading of the list only if it is not known."""
        if key_id in self._keys:
            self.keep_fresh()
            return self._keys[key_id]
        reading = self._start()
        if reading is not None:
            # Shielded: a caller who leaves must not end the reading for the others.
            await asyncio.shield(reading)
        return self._keys.get(key_id)

    def keep_fresh(self) -> None:
        """Have the list read again if that was long ago; nobody waits for it."""
        if abs(self._clock().timestamp() - self._read_at) > MAX_AGE_SECONDS:
            self._start()

    async def close(self) -> None:
        """End a reading in progress."""
        if self._fetching is not None:
            self._fetching.cancel()
            await asyncio.wait([self._fetching])

    def _start(self) -> asyncio.Task[None] | None:
        """Return the reading in progress, else a new one; ``None`` if there were too many lately."""
        if self._fetching is None and self._may_fetch():
            self._fetching = asyncio.create_task(self._read())
            self._fetching.add_done_callback(self._forget)
        return self._fetching

    def _forget(self, _: asyncio.Task[None]) -> None:
        self._fetching = None

    def _may_fetch(self) -> bool:
        now = self._clock().timestamp()
        # A clock set back must not stop the allowance from growing.
        grown = max(0.0, now - self._allowance_at) / SECONDS_PER_FETCH
        self._allowance = min(float(FETCHES_AT_ONCE), self._allowance + grown)
        self._allowance_at = now
        if self._allowance < 1:
            return False
        self._allowance -= 1
        return True

    async def _read(self) -> None:
        try:
            listed = await self._fetch()
        except BackstageError as error:
            self._failed(str(error))
            return
        content = listed.get("keys") if isinstance(listed, Mapping) else None
        if not isinstance(content, list) or not content:
            self._failed("Backstage lists no signing key; it does before the first sign-in.")
            return
        keys: dict[str, jwt.PyJWK] = {}
        for listed_key in content[:MAX_KEYS]:
            key = _key(listed_key)
            if key is not None and isinstance(key.key_id, str) and key.public_key_use in {None, "sig"}:
                keys.setdefault(key.key_id, key)
        if not keys:
            self._failed("Backstage lists no signing key that can be used.")
            return
        self._read_at = self._clock().timestamp()
        self.error = None
        if content != self._listed:
            self._listed, self._keys = content, keys
            self.version += 1

    def _failed(self, why: str) -> None:
        if why != self.error:
            _log.warning("signing keys of Backstage not read", reason=why, known=len(self._keys))
        self.error = why


def _key(listed: object) -> jwt.PyJWK | None:
    """Return a key of the list; ``None`` for one that cannot be used: the others count all the same."""
    if not isinstance(listed, dict):
        return None
    if any(isinstance(member, str) and len(member) > MAX_MEMBER_LENGTH for member in listed.values()):
        return None
    try:
        return jwt.PyJWK(listed)
    except UNREADABLE:
        return None
