"""What of the catalog a person may see, asked with their own token (``auth.catalogVisibility: enforce``).

Backstage's permissions decide; this only asks, and keeps the answer for a
moment. What it does not say is visible is not: also while it is away.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import structlog
from cachetools import TLRUCache

from sidecar.backstage.caching import expiring_cache, token_digest
from sidecar.backstage.transport import BackstageError, BackstageHttp
from sidecar.domain.ports import Clock
from sidecar.runtime.keyed_locks import KeyedLocks

BY_REFS_PATH: Final = "/api/catalog/entities/by-refs"
REFS_AT_ONCE: Final = 100
VISIBLE_SECONDS: Final = 30.0
"""How long a right that was taken away in Backstage may live on here."""
HIDDEN_SECONDS: Final = 10.0
FAILED_SECONDS: Final = 5.0
REMEMBERED: Final = 200_000

_FIELDS: Final = ("kind", "metadata.name", "metadata.namespace")
_log = structlog.get_logger(__name__)


class CatalogVisibility:
    """Asks Backstage's catalog which entities a person sees."""

    def __init__(self, http: BackstageHttp, *, clock: Clock, entries: int = REMEMBERED) -> None:
        self._http = http
        self._clock = clock
        self._kept: TLRUCache[tuple[bytes, str], tuple[bool, float]] = expiring_cache(entries, clock)
        self._locks: KeyedLocks[bytes] = KeyedLocks()

    async def may_see(self, token: str, refs: Collection[str]) -> bool:
        """Tell whether the person sees at least one of the entities: those that name one project.

        The token must have been verified before. Never raises.
        """
        digest = token_digest(token)
        if any(self._known(digest, ref) for ref in refs):
            return True
        async with self._locks.of(digest):
            if any(self._known(digest, ref) for ref in refs):
                return True
            unknown = [ref for ref in refs if self._known(digest, ref) is None]
            for start in range(0, len(unknown), REFS_AT_ONCE):
                if await self._fetch(token, digest, unknown[start : start + REFS_AT_ONCE]):
                    return True
        return False

    async def visible(self, token: str, refs: Collection[str]) -> frozenset[str]:
        """Return those of the entities that the person sees, for lists. As :meth:`may_see` otherwise."""
        digest = token_digest(token)
        # One at a time per person: of the requests of one page, the first asks and the others find.
        async with self._locks.of(digest):
            known = {ref: self._known(digest, ref) for ref in refs}
            seen = {ref for ref, sees in known.items() if sees}
            unknown = [ref for ref, sees in known.items() if sees is None]
            for start in range(0, len(unknown), REFS_AT_ONCE):
                seen |= await self._fetch(token, digest, unknown[start : start + REFS_AT_ONCE])
        return frozenset(seen)

    def known_until(self, token: str, refs: Collection[str]) -> datetime | None:
        """Return until when it is known which of the entities the person sees; ``None``: it is not of all."""
        digest = token_digest(token)
        ends = [kept[1] for ref in refs if (kept := self._kept.get((digest, ref))) is not None]
        return datetime.fromtimestamp(min(ends), UTC) if ends and len(ends) == len(refs) else None

    def _known(self, digest: bytes, ref: str) -> bool | None:
        kept = self._kept.get((digest, ref))
        return kept[0] if kept is not None else None

    async def _fetch(self, token: str, digest: bytes, refs: Sequence[str]) -> set[str]:
        hidden_seconds = HIDDEN_SECONDS
        items: list[Any] = []
        try:
            answer = await self._http.post(BY_REFS_PATH, {"entityRefs": refs, "fields": _FIELDS}, token=token)
        except BackstageError as error:
            _log.warning("entities hidden: the catalog did not answer", reason=str(error), refs=len(refs))
            hidden_seconds = FAILED_SECONDS
        else:
            found = answer.get("items") if isinstance(answer, Mapping) else None
            items = found if isinstance(found, list) else []
        # By name, not by place: an answer of another length must not show the wrong entity.
        seen = {ref for item in items if (ref := _ref_of(item))} & set(refs)
        now = self._clock().timestamp()
        for ref in refs:
            sees = ref in seen
            self._kept[digest, ref] = (sees, now + (VISIBLE_SECONDS if sees else hidden_seconds))
        return seen


def _ref_of(item: object) -> str | None:
    """Return the reference of an entity as the catalog writes it; ``None`` for one that is not shown."""
    if not isinstance(item, Mapping):
        return None
    metadata = item.get("metadata")
    if not isinstance(metadata, Mapping):
        return None
    return f"{item.get('kind')}:{metadata.get('namespace', 'default')}/{metadata.get('name')}".lower()
