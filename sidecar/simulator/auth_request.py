"""A request to the auth server as its routes need it, and how it refuses one.

The token stands behind the first seven characters of the header, which are dropped
unread; a body with unknown keys is refused.
"""

import json
from dataclasses import dataclass, field
from typing import Any

from sidecar.simulator.tokens import TokenError
from sidecar.simulator.world import World

ERRORS: dict[str, tuple[int, str]] = {
    "unauthorized": (401, "The user does not have requested authorization to access this resource"),
    "invalid_request": (
        400,
        (
            "The request is missing a required parameter, includes an invalid parameter value, "
            "includes a parameter more than once, or is otherwise malformed"
        ),
    ),
    "invalid_credentials": (401, "Invalid Credentials"),
    "default password not updated": (500, "Please update your default password"),
    "server_error": (
        500,
        (
            "The authorization server encountered an unexpected condition that prevented it from "
            "fulfilling the request"
        ),
    ),
    "user does not exist": (400, ""),
    "project does not exist": (400, "This project does not exist"),
}
BEARER_LENGTH = len("Bearer ")


class AuthError(Exception):
    """A refusal; ``code`` is a key of the table above."""

    def __init__(self, code: str, *, content_type: str = "application/json") -> None:
        super().__init__(code)
        self.code = code
        self.content_type = content_type


class PanicError(Exception):
    """The server ran into its own bug and answers 500 with nothing."""


@dataclass(frozen=True, kw_only=True)
class AuthRequest:
    """A request as the routes need it."""

    world: World
    path: str
    """Without the ``/auth`` prefix."""
    params: dict[str, str] = field(default_factory=dict)
    header: str | None = None
    """``Authorization`` as sent, ``None`` without one."""
    text: str = ""
    argument: str = ""
    """The variable part of the path."""

    def claims(self) -> dict[str, Any]:
        """Return the token's claims.

        Raises:
            AuthError: If the token is missing, does not hold or is revoked.
            PanicError: If the header is shorter than ``Bearer`` and a space.
        """
        if not self.header:
            raise AuthError("unauthorized")
        if len(self.header) < BEARER_LENGTH:
            raise PanicError
        token = self.header[BEARER_LENGTH:]
        if token in self.world.revoked_tokens:
            raise AuthError("unauthorized")
        if not self.world.signing_key_readable:
            raise AuthError("unauthorized")
        try:
            return self.world.token_factory.parse(token, self.world.clock())
        except TokenError as error:
            raise AuthError("unauthorized") from error

    def body(self, **kinds: type) -> dict[str, Any]:
        """Return the JSON body, which may only have these keys, of these kinds; absent ones are zero values.

        Raises:
            AuthError: If the body is anything else.
        """
        refused = AuthError("invalid_request", content_type="text/plain")
        try:
            body = json.loads(self.text)
        except ValueError as error:
            raise refused from error
        if not isinstance(body, dict) or body.keys() - kinds.keys():
            raise refused
        for key, kind in kinds.items():
            value = body.get(key)
            if value is not None and (not isinstance(value, kind) or isinstance(value, bool)):
                raise refused
        return {key: kind() if body.get(key) is None else body[key] for key, kind in kinds.items()}
