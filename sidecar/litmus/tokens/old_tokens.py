"""Removes the tokens that a newer one replaced, as soon as no replica needs them."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

import structlog

from sidecar.domain.errors import StoreError, UpstreamError
from sidecar.domain.ports import TokenUses
from sidecar.litmus.tokens.api_tokens import ALIVE
from sidecar.litmus.transport.auth import ListedToken, LitmusAuth
from sidecar.litmus.wire.token import LitmusToken

_log = structlog.get_logger(__name__)


class OldTokens:
    """The replaced tokens of one instance, as one replica knows them."""

    def __init__(
        self,
        auth: LitmusAuth,
        uses: TokenUses,
        *,
        instance: str,
        replica: str,
        grace: timedelta,
        longest_grace: timedelta,
    ) -> None:
        """Take whom to ask and who uses what.

        An old token is kept for ``grace``; one that another replica still uses, for ``longest_grace``.
        """
        self._auth = auth
        self._uses = uses
        self._instance = instance
        self._replica = replica
        self._grace = grace
        self._longest_grace = longest_grace
        self._replaced_at: dict[str, datetime] = {}
        """Since when we know of a newer token than this one."""

    async def remove(
        self,
        own: Sequence[ListedToken],
        in_use: LitmusToken,
        user_id: str,
        *,
        refused: Collection[str],
        now: datetime,
    ) -> None:
        """Remove those of our name but the one in use that nobody needs; ``refused`` ones at once."""
        older = {row.token.id: row for row in own if row.token != in_use}
        self._replaced_at = {token_id: self._replaced_at.get(token_id, now) for token_id in older}
        for token_id, row in older.items():
            if token_id not in refused and await self._is_needed(row, now):
                continue
            try:
                await self._auth.remove_token(in_use, user_id, row.token)
            except UpstreamError as exc:
                _log.warning(
                    "old token was not removed", instance=self._instance, token=token_id, reason=str(exc)
                )
            else:
                _log.info("old token removed", instance=self._instance, token=token_id)

    async def _is_needed(self, row: ListedToken, now: datetime) -> bool:
        if row.expires_at is not None and row.expires_at <= now:
            return False
        known_for = now - self._replaced_at[row.token.id]
        try:
            uses = await self._uses.current(now - ALIVE)
        except StoreError:
            return True
        # Another instance of this process, with the same user, counts as another replica.
        own = (self._instance, self._replica)
        if any(use.token_id == row.token.id and (use.instance, use.replica) != own for use in uses):
            return known_for < self._longest_grace
        return known_for < self._grace
