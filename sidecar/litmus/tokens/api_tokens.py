"""The API tokens of one instance's user: list, make, revoke, and rotate the managed one."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Sequence
from contextlib import suppress
from datetime import timedelta
from typing import Final

from sidecar.domain.errors import (
    StoreError,
    TokenInUseError,
    TokenNameReservedError,
    TokenNameTakenError,
    TokenNotManagedError,
    TokenRejectedError,
    TokenUnknownError,
)
from sidecar.domain.ports import ApiToken, Clock, CreatedToken, TokenFacts, TokenStatus, TokenUses
from sidecar.litmus.tokens.creation_locks import CreationLocks
from sidecar.litmus.tokens.facts import TokenFactsCache
from sidecar.litmus.tokens.holder import TokenHolder
from sidecar.litmus.transport.auth import ListedToken, LitmusAuth
from sidecar.litmus.wire.token import LitmusToken

_PATIENCE: Final = timedelta(seconds=30)
ALIVE: Final = timedelta(minutes=3)
"""A replica that said nothing for so long has ended."""
REPORT_INTERVAL: Final = timedelta(seconds=45)


class InstanceTokens:
    """Implements :class:`ports.Tokens`."""

    def __init__(
        self,
        holder: TokenHolder,
        auth: LitmusAuth,
        creation_locks: CreationLocks,
        uses: TokenUses,
        *,
        clock: Clock,
        rotate: Callable[[], Awaitable[None]] | None = None,
        managed_name: str | None = None,
        shown: LitmusToken | None = None,
        has_initial_password: Callable[[], bool] = bool,
    ) -> None:
        """Take what it needs; without ``rotate`` and ``managed_name`` the token is not managed.

        ``shown`` and ``has_initial_password`` are for the facts alone, see :class:`TokenFactsCache`.
        """
        self._holder = holder
        self._auth = auth
        self._creation_locks = creation_locks
        self._uses = uses
        self._clock = clock
        self._rotate = rotate
        self._managed_name = managed_name
        self._facts = TokenFactsCache(
            auth,
            holder,
            clock=clock,
            managed_name=managed_name,
            shown=shown,
            has_initial_password=has_initial_password,
        )

    @property
    def status(self) -> TokenStatus:
        """See :class:`ports.Tokens`."""
        return self._holder.status

    async def listed(self) -> Sequence[ApiToken]:
        """See :class:`ports.Tokens`."""
        used: Collection[str] = ()
        with suppress(StoreError):  # Then our own use is all that is known.
            used = await self._used()
        rows = {row.token.id: self._api_token(row, used) for row in await self._rows()}
        return sorted(
            rows.values(),
            key=lambda token: token.created_at.timestamp() if token.created_at is not None else 0.0,
            reverse=True,
        )

    async def facts(self) -> TokenFacts:
        """See :class:`ports.Tokens`."""
        return await self._facts.current()

    async def close(self) -> None:
        """Give up what is being asked for facts."""
        await self._facts.close()

    async def create(self, name: str, days: int, *, is_only_one: bool = False) -> CreatedToken:
        """See :class:`ports.Tokens`; also raises :class:`errors.StoreError` while the store is away."""
        if name == self._managed_name:
            raise TokenNameReservedError(
                "Tokens of this name (credentials.tokenName) are the sidecar's own: it uses the newest and "
                "removes the others; choose another name."
            )
        bearer, user_id = self._bearer()
        async with self._creation_locks.hold(user_id, patience=_PATIENCE):
            # Under the lock: of two that ask at once, the second finds what the first made.
            if is_only_one and await self._has_living(name):
                raise TokenNameTakenError(
                    "There is a token of this name already, and its value is shown only when it is created; "
                    "choose another name, or revoke that one first."
                )
            made = await self._auth.create_token(bearer, user_id, name, days)
        self._facts.forget()
        row = ListedToken(
            token=made,
            name=name,
            created_at=self._clock(),
            expires_at=made.claims.expires_at if made.claims is not None else None,
        )
        return CreatedToken(token=self._api_token(row), value=made.reveal())

    async def revoke(self, token_id: str) -> None:
        """See :class:`ports.Tokens`; also raises :class:`errors.StoreError` while the store is away."""
        found = next((row for row in await self._rows() if row.token.id == token_id), None)
        if found is None:
            raise TokenUnknownError("The user of this instance has no API token of this id.")
        bearer, user_id = self._bearer()
        # While the store is away nobody can tell what the other replicas use: then nothing is revoked.
        if found.token == bearer or token_id in await self._used():
            raise TokenInUseError(
                "The sidecar itself asks Litmus with this token, here or on another replica; give it another "
                "one first, by rotating it where it is managed."
            )
        await self._auth.remove_token(bearer, user_id, found.token)
        self._facts.forget()

    async def rotate(self) -> TokenStatus:
        """See :class:`ports.Tokens`; also raises :class:`errors.StoreError` while the store is away."""
        if self._rotate is None:
            raise TokenNotManagedError(
                f"The token of this instance comes from {self._holder.source}; only one that the sidecar "
                "creates itself, with credentials, can be rotated here."
            )
        await self._rotate()
        self._facts.forget()
        return self._holder.status

    def _bearer(self) -> tuple[LitmusToken, str]:
        token = self._holder.current()
        if token.claims is None or token.claims.uid is None:
            raise TokenRejectedError("The configured token is no token of a Litmus user.")
        return token, token.claims.uid

    async def _rows(self) -> Sequence[ListedToken]:
        return await self._auth.list_tokens(*self._bearer())

    async def _has_living(self, name: str) -> bool:
        now = self._clock()
        return any(
            row.name == name and (row.expires_at is None or row.expires_at > now)
            for row in await self._rows()
        )

    def _api_token(self, row: ListedToken, used: Collection[str] = ()) -> ApiToken:
        return ApiToken(
            id=row.token.id,
            name=row.name,
            created_at=row.created_at,
            expires_at=row.expires_at,
            in_use=row.token == self._holder.token or row.token.id in used,
        )

    async def _used(self) -> Collection[str]:
        """Return the tokens that replicas say they use, in whichever instance.

        Raises:
            StoreError: If the store is away.
        """
        return {use.token_id for use in await self._uses.current(self._clock() - ALIVE)}


class TokenUseReporter:
    """Tells all replicas which token this one uses, so that none of them revokes it."""

    def __init__(self, holder: TokenHolder, uses: TokenUses, replica: str) -> None:
        """Take where the token in use stands, and under which name to tell of it."""
        self._holder = holder
        self._uses = uses
        self._replica = replica

    async def report(self) -> None:
        """Tell which token is in use now; while the store is away nobody is told, and nobody revokes."""
        token = self._holder.token
        if token is not None:
            with suppress(StoreError):
                await self._uses.report(self._holder.instance, self._replica, token.id)

    async def follow(self) -> None:
        """Tell it again and again until cancelled: who falls silent is taken to have ended."""
        while True:
            await self.report()
            await asyncio.sleep(REPORT_INTERVAL.total_seconds())
