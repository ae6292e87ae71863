"""What Litmus tells of a token and its user, gathered for ``token_findings``. Changes nothing.

What cannot be asked is not known; the findings leave it out.
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Final, TypeVar

import msgspec

from sidecar.domain.errors import TokenRejectedError, UpstreamError
from sidecar.domain.ports import ApiToken, Clock, TokenFacts, TokenState
from sidecar.litmus.tokens import probe
from sidecar.litmus.tokens.holder import TokenHolder
from sidecar.litmus.transport.auth import ListedToken, LitmusAuth
from sidecar.litmus.wire.token import LitmusToken
from sidecar.runtime.supervision import end_all

T = TypeVar("T")

KEPT: Final = timedelta(minutes=3)
"""So long nobody is asked again."""
PATIENCE_SECONDS: Final = 5.0
"""Longest wait of somebody who looks; Litmus's answer then counts for the next one."""
_NO_PROJECT = "-"


class TokenFactsCache:
    """What Litmus told of one instance's token a short while ago."""

    def __init__(
        self,
        auth: LitmusAuth,
        holder: TokenHolder,
        *,
        clock: Clock,
        managed_name: str | None,
        shown: LitmusToken | None,
        has_initial_password: Callable[[], bool],
    ) -> None:
        """Take what it needs; nothing is asked before :meth:`current`.

        Args:
            auth: Whom to ask.
            holder: Where the token in use stands.
            clock: The time.
            managed_name: See :func:`fetch_facts`.
            shown: See :func:`fetch_facts`.
            has_initial_password: Tells whether that is why there is no token to ask with.
        """
        self._auth = auth
        self._holder = holder
        self._clock = clock
        self._managed_name = managed_name
        self._shown = shown
        self._has_initial_password = has_initial_password
        self._latest: asyncio.Task[TokenFacts] | None = None
        self._about: tuple[str | None, bool] | None = None
        """Of which token, and whether it was rejected."""
        self._asked_at = clock()
        self._running: set[asyncio.Task[TokenFacts]] = set()

    async def current(self) -> TokenFacts:
        """See :meth:`ports.Tokens.facts`."""
        latest = self._asking()
        await asyncio.wait({latest}, timeout=PATIENCE_SECONDS)
        claimed = facts_from_claims(self._holder)
        if latest.done():
            told = latest.result()
            # The token may be another one by now; then this is asked anew at the next look.
            if told.status.token_id == claimed.status.token_id:
                role = told.status.account_role
                status = msgspec.structs.replace(claimed.status, account_role=role)
                claimed = msgspec.structs.replace(told, status=status)
        if self._holder.token is None and self._has_initial_password():
            return msgspec.structs.replace(claimed, initial_password=True)
        return claimed

    def forget(self) -> None:
        """Ask at the next look, because something was changed."""
        self._about = None

    async def close(self) -> None:
        """Give up what is being asked."""
        await end_all(self._running)

    def _asking(self) -> "asyncio.Task[TokenFacts]":
        now, status = self._clock(), self._holder.status
        about = (status.token_id, status.state is TokenState.REJECTED)
        latest = self._latest
        if (
            latest is not None
            and self._about == about
            and now - self._asked_at < KEPT
            and not _is_broken(latest)
        ):
            return latest
        self._about, self._asked_at = about, now
        self._latest = asyncio.create_task(
            fetch_facts(self._auth, self._holder, managed_name=self._managed_name, shown=self._shown)
        )
        self._running.add(self._latest)
        self._latest.add_done_callback(self._running.discard)
        return self._latest


def _is_broken(task: "asyncio.Task[TokenFacts]") -> bool:
    return task.done() and (task.cancelled() or task.exception() is not None)


def facts_from_claims(holder: TokenHolder) -> TokenFacts:
    """Return what the token says of itself; Litmus is not asked."""
    return TokenFacts(instance=holder.instance, status=holder.status)


async def fetch_facts(
    auth: LitmusAuth, holder: TokenHolder, *, managed_name: str | None, shown: LitmusToken | None
) -> TokenFacts:
    """Return what Litmus adds to that: account, API tokens, projects. Nobody is signed in for it.

    Args:
        auth: Whom to ask.
        holder: The token to ask with; what became of it is noted there.
        managed_name: Name of the API tokens that the sidecar makes; ``None``: that in ``holder`` is used.
        shown: What Backstage shows everybody, tried with a harmless call; ``None``: nothing.
    """
    takes_shown = False if shown is None else await is_accepted(auth, shown)
    await probe.check(auth, holder)
    claimed = msgspec.structs.replace(facts_from_claims(holder), takes_display_token=takes_shown)
    token, uid = holder.token, claimed.status.user_id
    if token is None or uid is None or claimed.status.state is not TokenState.GOOD:
        return claimed
    account = await _known(auth.get_user(token, uid))
    rows = await _known(auth.list_tokens(token, uid))
    projects = await _known(auth.list_projects(token))
    # The claim is as old as the token; an account may have been promoted since.
    role = account.role if account is not None else claimed.status.account_role

    def is_ours(row: ListedToken) -> bool:
        return row.token == token if managed_name is None else row.name == managed_name

    return msgspec.structs.replace(
        claimed,
        status=msgspec.structs.replace(claimed.status, account_role=role),
        listed=None if rows is None else [_api_token(row, in_use=is_ours(row)) for row in rows],
        initial_password=None if account is None else account.is_initial_login,
        roles=None if projects is None else {project.project_id: project.role for project in projects},
    )


async def is_accepted(auth: LitmusAuth, token: LitmusToken) -> bool | None:
    """Tell whether Litmus takes the token, whoever's it is; ``None``: it could not be asked."""
    if not token.is_sendable:
        return False
    try:
        # Litmus looks at the token before it looks for the project.
        await auth.project_role(token, _NO_PROJECT)
    except TokenRejectedError:
        return False
    except UpstreamError:
        return None
    return True


async def _known(answer: Awaitable[T]) -> T | None:
    try:
        return await answer
    except UpstreamError:
        return None


def _api_token(row: ListedToken, *, in_use: bool) -> ApiToken:
    return ApiToken(
        id=row.token.id,
        name=row.name,
        created_at=row.created_at,
        expires_at=row.expires_at,
        in_use=in_use,
    )
