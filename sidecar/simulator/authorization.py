"""Who may ask which root field, checked in the two steps of Litmus.

First the directive ``@authorized``, where a field has it: signature and expiry, by the
GraphQL server itself. Then the role, for which it asks the auth server.
"""

from dataclasses import dataclass
from typing import Any

from sidecar.simulator.documents import EXECUTOR, OWNER, VIEWER
from sidecar.simulator.selecting import ResolverError
from sidecar.simulator.tokens import TokenError
from sidecar.simulator.world import World

_ALL = (OWNER, EXECUTOR, VIEWER)
_ROLES: dict[str, tuple[str, ...]] = {
    "getExperimentRunStats": _ALL,
    "listExperimentRun": _ALL,
    "getExperimentRun": _ALL,
    "getExperimentStats": _ALL,
    "listExperiment": _ALL,
    "getExperiment": _ALL,
    "getInfraStats": (OWNER, EXECUTOR),
    "listInfras": _ALL,
    "getInfra": _ALL,
    "getGitOpsDetails": (OWNER,),
    "listEnvironments": _ALL,
    "runChaosExperiment": (OWNER, EXECUTOR),
    "stopExperimentRuns": (OWNER, EXECUTOR),
    "updateCronExperimentState": (OWNER,),
}
_AUTHORIZED = frozenset(
    {
        "getInfraStats",
        "listInfras",
        "getInfra",
        "getGitOpsDetails",
        "getChaosHubStats",
        "listChaosHub",
        "listEnvironments",
        "getVersionDetails",
        "stopExperimentRuns",
        "updateCronExperimentState",
    }
)
_DENIED = "permission_denied: rpc error: code = Unknown desc = "
_NO_DOCUMENT = "mongo: no documents in result"


@dataclass(frozen=True, kw_only=True)
class Caller:
    """Who asks: the world, and the token as the header gave it (``""`` without one)."""

    world: World
    token: str


def asks_auth_server(name: str, caller: Caller) -> bool:
    """Tell whether this root field gets as far as asking the auth server for the caller's role."""
    if name not in _ROLES:
        return False
    try:
        _check_directive(name, caller)
    except ResolverError:
        return False
    return True


def authorize(name: str, caller: Caller, args: dict[str, Any]) -> str:
    """Return the caller's user name, or ``""`` if the field asks for no role.

    Raises:
        ResolverError: If the token or the role does not do, in Litmus's words.
    """
    _check_directive(name, caller)
    if name not in _ROLES:
        return ""
    world = caller.world
    if not world.signing_key_readable:
        raise ResolverError(f"{_DENIED}couldn't fetch jwt secret {_NO_DOCUMENT}")
    try:
        claims = world.token_factory.parse(caller.token, world.clock())
    except TokenError as error:
        raise ResolverError(f"{_DENIED}{error}") from error
    if not isinstance(claims.get("uid"), str):
        raise ResolverError("permission_denied: token is invalid")
    user = world.users.get(claims["uid"])
    if user is None:
        raise ResolverError(f"{_DENIED}{_NO_DOCUMENT}")
    if user.deactivated_at_ms is not None:
        raise ResolverError(f"{_DENIED}auth gRPC - Deactivated User")
    roles = _ROLES[name]
    if name == "runChaosExperiment" and world.since(3, 9) and not world.since(3, 10):
        roles = (OWNER,)
    if not world.has_role(args["projectID"], user.user_id, roles):
        raise ResolverError(f"{_DENIED}auth gRPC - Unauthorized")
    return user.username


def _check_directive(name: str, caller: Caller) -> None:
    world = caller.world
    if name not in _AUTHORIZED:
        return
    if not world.signing_key_readable:
        raise ResolverError(_NO_DOCUMENT)  # the database's own words, before the token is looked at
    try:
        world.token_factory.parse(caller.token, world.clock())
    except TokenError as error:
        raise ResolverError("invalid Token" if world.since(3, 5) else "Invalid Token") from error
