"""What Litmus tells of a token and its user, gathered once for ``hygiene``. Changes nothing.

What cannot be asked is not known; the findings leave it out.
"""

from collections.abc import Awaitable, Callable
from typing import TypeVar

import msgspec

from sidecar.errors import UpstreamError
from sidecar.hygiene import TokenFacts
from sidecar.litmus import proving
from sidecar.litmus.auth import ListedToken, LitmusAuth
from sidecar.litmus.held_token import HeldToken
from sidecar.litmus.token import LitmusToken
from sidecar.ports import ApiToken, TokenState

T = TypeVar("T")

_NO_PROJECT = "-"


def claimed_facts(held: HeldToken) -> TokenFacts:
    """Return what the token says of itself; Litmus is not asked."""
    return TokenFacts(instance=held.instance, status=held.status)


async def asked_facts(
    auth: LitmusAuth,
    held: HeldToken,
    *,
    is_ours: Callable[[ListedToken], bool],
    named_projects: frozenset[str],
) -> TokenFacts:
    """Return what Litmus adds to that: account, API tokens, projects.

    Args:
        auth: Whom to ask.
        held: The token to ask with; what became of it is noted there.
        is_ours: Which of the user's API tokens the sidecar uses.
        named_projects: Projects of the instance that entities name.
    """
    await proving.check(auth, held)
    claimed = claimed_facts(held)
    token, uid = held.token, claimed.status.user_id
    if token is None or uid is None or claimed.status.state is not TokenState.GOOD:
        return claimed
    account = await _known(auth.get_user(token, uid))
    rows = await _known(auth.list_tokens(token, uid))
    projects = await _known(auth.list_projects(token))
    # The claim is as old as the token; an account may have been promoted since.
    role = account.role if account is not None else claimed.status.account_role
    return TokenFacts(
        instance=claimed.instance,
        status=msgspec.structs.replace(claimed.status, account_role=role),
        listed=None if rows is None else [_api_token(row, in_use=is_ours(row)) for row in rows],
        initial_password=None if account is None else account.is_initial_login,
        roles=None if projects is None else {project.project_id: project.role for project in projects},
        named_projects=named_projects,
    )


async def is_accepted(auth: LitmusAuth, token: LitmusToken) -> bool:
    """Tell whether Litmus takes the token, whoever's it is; if it cannot be asked, it does not."""
    if not token.is_sendable:
        return False
    try:
        # Litmus looks at the token before it looks for the project.
        await auth.project_role(token, _NO_PROJECT)
    except UpstreamError:
        return False
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
