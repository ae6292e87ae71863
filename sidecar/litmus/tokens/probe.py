"""The harmless call that proves a token, and the watch over the one in use."""

import asyncio
from datetime import timedelta
from typing import Final

from sidecar.domain.errors import TokenRejectedError, UpstreamError
from sidecar.domain.ports import TokenState
from sidecar.litmus.tokens.holder import TokenHolder
from sidecar.litmus.transport.auth import Account, LitmusAuth
from sidecar.litmus.wire.token import LitmusToken
from sidecar.runtime.supervision import UnitErrors

PROOF_INTERVAL: Final = timedelta(minutes=10)
FIRST_PROOF: Final = timedelta(seconds=20)
"""By then synchronising has proven the token, or will not."""


async def verify(auth: LitmusAuth, token: LitmusToken) -> Account:
    """Return whose token it is, if it holds.

    Raises:
        TokenRejectedError: If it does not, or its user is deactivated.
        UpstreamError: If Litmus could not be asked.
    """
    if not token.is_sendable or token.claims is None or token.claims.uid is None:
        raise TokenRejectedError("This is no token of a Litmus user.")
    account = await auth.get_user(token, token.claims.uid)
    if account.is_deactivated:
        # The auth server itself goes on to take the token; GraphQL does not.
        raise TokenRejectedError("The token's user is deactivated in Litmus.")
    return account


async def check(auth: LitmusAuth, holder: TokenHolder) -> None:
    """Prove the token in use and note what came of it; nothing is noted while Litmus is away."""
    token = holder.token
    if token is None:
        return
    try:
        await verify(auth, token)
    except TokenRejectedError as exc:
        holder.rejected(token, exc)
    except UpstreamError:
        return
    else:
        holder.accepted(token)


async def watch(auth: LitmusAuth, holder: TokenHolder, interval: timedelta = PROOF_INTERVAL) -> None:
    """Prove the token in use now and then, and warn of its end, until cancelled.

    Synchronising proves it all the time; this is for when there is nothing to
    synchronise.
    """
    unit_errors = UnitErrors("proof of the token")
    holder.warn_of_expiry()
    await asyncio.sleep(min(FIRST_PROOF, interval).total_seconds())
    if holder.state is TokenState.UNPROVEN:
        with unit_errors.contained(holder.instance):
            await check(auth, holder)
    while True:
        holder.warn_of_expiry()
        await asyncio.sleep(interval.total_seconds())
        with unit_errors.contained(holder.instance):
            await check(auth, holder)
