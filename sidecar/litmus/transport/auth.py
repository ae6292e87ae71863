"""The auth server's REST API, typed: signing in, API tokens, the account, its projects.

Every call names the token it is made with. Traps of the API end here: failures
that are none, times in two units, answers that are two documents. Sentences
are our own; nothing Litmus wrote is repeated.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from http import HTTPStatus
from typing import Final, TypeVar
from urllib.parse import quote

import msgspec

from sidecar.domain.errors import (
    CredentialsRejectedError,
    InitialPasswordError,
    TokenRejectedError,
    UpstreamError,
    UpstreamProtocolError,
)
from sidecar.domain.ports import OpenedSession
from sidecar.litmus.transport.client import LitmusClient
from sidecar.litmus.wire.auth import (
    ACCEPTED,
    PROJECT_UNKNOWN,
    USER_UNKNOWN,
    LoginAnswer,
    Nothing,
    ProjectRow,
    TokenRows,
    UserAnswer,
    failure_code,
    instant,
    read_login,
    read_projects,
    read_role,
    reader,
    role_path,
)
from sidecar.litmus.wire.responses import Reply, status_error
from sidecar.litmus.wire.token import LitmusToken

T = TypeVar("T")

TIMEOUT_SECONDS: Final = 15.0
_PAGE: Final = 50
"""Projects per page; Litmus gives no more."""
_MAX_PAGES: Final = 100
_EQUAL_ROWS: Final = 4
"""Rows of one string that are removed: as many as there were tokens made within one second."""


class LitmusSession(msgspec.Struct, frozen=True, kw_only=True):
    """A session that Litmus opened for user and password."""

    token: LitmusToken
    user_id: str
    username: str | None
    is_admin: bool
    """Whether the account role is ``admin``."""
    expires_at: datetime | None

    def as_opened(self, username: str) -> OpenedSession:
        """Return it as it is stored, for a user who signed in by that name."""
        return OpenedSession(
            token=self.token.reveal(),
            user_id=self.user_id,
            username=self.username or username,
            is_admin=self.is_admin,
            expires_at=self.expires_at,
        )


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """An account of Litmus, as its database has it now."""

    user_id: str
    username: str
    role: str
    """Account role, ``admin`` or ``user``; gives no right in any project."""
    is_initial_login: bool
    """Whether the initial password is still to be replaced; no token can be made until then."""
    is_deactivated: bool
    """Whether GraphQL refuses its tokens; the auth server goes on to accept them."""


class ListedToken(msgspec.Struct, frozen=True, kw_only=True):
    """An API token in Litmus's list, which tells values."""

    token: LitmusToken
    name: str
    created_at: datetime | None
    expires_at: datetime | None


class Membership(msgspec.Struct, frozen=True, kw_only=True):
    """A project and what the user may do in it."""

    project_id: str
    name: str
    role: str | None
    """As Litmus words it; ``None``: no accepted member."""
    tags: tuple[str, ...] = ()
    """As its owners wrote them, in Litmus's order."""


class _UserGoneError(TokenRejectedError):
    """The auth server does not find the token's user, or failed to look."""


class _AuthServerError(UpstreamError):
    """The auth server's word for a database that failed, and for a token that it could not parse."""


_MEANING: Final[Mapping[str, tuple[type[UpstreamError], str]]] = {
    "unauthorized": (
        TokenRejectedError,
        "Litmus does not accept the token: it is expired, revoked, or from another Litmus.",
    ),
    USER_UNKNOWN: (
        _UserGoneError,
        "The token's user no longer exists in Litmus; use the token of another user.",
    ),
    "invalid_credentials": (
        CredentialsRejectedError,
        "Litmus refused to sign the user in: user name or password is wrong, or the user is deactivated.",
    ),
    "default password not updated": (
        InitialPasswordError,
        (
            "The user still has the initial password, and Litmus creates and removes API tokens only after "
            "it was changed: sign in to ChaosCenter once as this user and set a new password."
        ),
    ),
    "server_error": (_AuthServerError, "Litmus's auth server failed at this; its log says why."),
    "invalid_request": (UpstreamProtocolError, "Litmus's auth server could not read our request."),
}
"""What the auth server's names of its failures stand for."""


class LitmusAuth:
    """Asks the auth server of one instance, throttled like everything else."""

    def __init__(self, client: LitmusClient, *, timeout_seconds: float = TIMEOUT_SECONDS) -> None:
        self._client = client
        self._timeout_seconds = timeout_seconds

    async def login(self, username: str, password: str) -> LitmusSession:
        """Open a session. At the first one, Litmus makes a project for a user who owns none.

        Raises:
            CredentialsRejectedError: If user and password do not fit, or the user is deactivated.
            UpstreamError: If Litmus could not be asked.
        """
        body = {"username": username, "password": password}
        answer = await self._ask("login", "POST", "/auth/login", read_login, body=body)
        token = LitmusToken(answer.access_token)
        if token.claims is None or token.claims.uid is None:
            raise UpstreamProtocolError("Litmus signed the user in with a token of a form we do not know.")
        return LitmusSession(
            token=token,
            user_id=token.claims.uid,
            username=token.claims.username,
            is_admin=token.claims.role == "admin",
            expires_at=token.claims.expires_at,
        )

    async def logout(self, token: LitmusToken) -> None:
        """Revoke the token for good, whether a session's or an API token; an expired one is left alone.

        Raises:
            UpstreamError: If Litmus could not be asked, or failed to.
        """
        try:
            await self._ask("logout", "POST", "/auth/logout", reader(Nothing, "logout"), token=token)
        except TokenRejectedError:
            return
        except _AuthServerError:
            # It says the same of a token that no longer parses and of a database that failed.
            if await self._holds(token):
                raise

    async def list_tokens(self, token: LitmusToken, uid: str) -> Sequence[ListedToken]:
        """Return the user's API tokens, values included, expired ones too, as Litmus orders them.

        Raises:
            TokenRejectedError: If the token does not hold, or is not this user's.
            UpstreamError: If Litmus could not be asked.
        """
        path = f"/auth/token/{quote(uid, safe='')}"
        rows = await self._ask(
            "listTokens", "GET", path, reader(TokenRows, "the list of tokens"), token=token
        )
        return [
            ListedToken(
                token=LitmusToken(row.token),
                name=row.name,
                created_at=instant(row.created_at, units_per_second=1000),
                expires_at=instant(row.expires_at, units_per_second=1),
            )
            for row in rows.api_tokens or ()
        ]

    async def create_token(self, token: LitmusToken, uid: str, name: str, days: int) -> LitmusToken:
        """Make an API token of the user that lives so many days, at least one.

        Two made in one second with one lifetime are the same string: the
        caller keeps them apart.

        Raises:
            InitialPasswordError: If the user has to replace the initial password first.
            UpstreamError: If Litmus could not be asked; the token may exist then.
        """
        body = {"user_id": uid, "name": name, "days_until_expiration": days}
        read = reader(LoginAnswer, "the new token")
        answer = await self._ask("createToken", "POST", "/auth/create_token", read, body=body, token=token)
        return LitmusToken(answer.access_token)

    async def remove_token(self, token: LitmusToken, uid: str, value: LitmusToken) -> None:
        """Take an API token off the list and revoke it, and make sure of both.

        Raises:
            InitialPasswordError: If the user has to replace the initial password first.
            UpstreamError: If Litmus could not be asked, or failed to.
        """
        body = {"token": value.reveal(), "userID": uid}
        read = reader(Nothing, "the removal")
        failure: UpstreamError | None = None
        for _ in range(_EQUAL_ROWS):
            failure = None
            try:
                await self._ask("removeToken", "POST", "/auth/remove_token", read, body=body, token=token)
            except _AuthServerError as exc:
                failure = exc
            if value == token:
                return  # Who has removed their own token can look at nothing any more.
            if all(listed.token != value for listed in await self.list_tokens(token, uid)):
                break
        else:
            raise failure or UpstreamError("Litmus said that it removed the token, and still lists it.")
        if failure is not None:
            # The row goes first: of an expired token nothing is left, any other still has to be revoked.
            await self.logout(value)

    async def get_user(self, token: LitmusToken, uid: str) -> Account:
        """Return an account: one's own, or anybody's for an ``admin``.

        The cheapest proof that a token holds; but the auth server does not
        look whether its user is deactivated, so read that too.

        Raises:
            TokenRejectedError: If the token does not hold, or the user is gone.
            UpstreamError: If Litmus could not be asked.
        """
        path = f"/auth/get_user/{quote(uid, safe='')}"
        user = await self._ask("getUser", "GET", path, reader(UserAnswer, "the account"), token=token)
        return Account(
            user_id=user.user_id,
            username=user.username,
            role=user.role,
            is_initial_login=user.is_initial_login,
            is_deactivated=bool(user.deactivated_at),
        )

    async def list_projects(self, token: LitmusToken) -> Sequence[Membership]:
        """Return the projects of the token's user, each with the role in it.

        None at all can also mean that Litmus's database failed: it answers
        both with the same words. So take an empty answer for no right, never
        for proof.

        Raises:
            UpstreamError: If Litmus could not be asked, or broke off within the list.
        """
        uid = token.claims.uid if token.claims is not None else None
        found: dict[str, Membership] = {}
        for page in range(_MAX_PAGES):
            # The two switches of this route must not be sent: any other text in them ends Litmus's process.
            path = f"/auth/list_projects?page={page}&limit={_PAGE}&sortField=name"
            projects, total = await self._ask("listProjects", "GET", path, read_projects, token=token)
            found |= {project.project_id: _membership(project, uid) for project in projects}
            if projects and len(found) < total:
                continue
            if page and not projects and not 0 < total <= len(found):
                break
            return list(found.values())
        raise UpstreamError("Litmus broke off the list of projects; ask again.")

    async def project_role(self, token: LitmusToken, project_id: str) -> str | None:
        """Return the role of the token's user in a project as Litmus words it; ``None``: none, or no project.

        Raises:
            TokenRejectedError: If the token does not hold.
            UpstreamError: If Litmus could not be asked.
        """
        return await self._ask("getProjectRole", "GET", role_path(project_id), read_role, token=token)

    async def _holds(self, token: LitmusToken) -> bool:
        """Tell whether the auth server takes the token; if it cannot say, it does."""
        uid = token.claims.uid if token.claims is not None else None
        try:
            await self.get_user(token, uid or "-")
        except TokenRejectedError:
            return False
        except UpstreamError:
            return True
        return True

    async def _ask(
        self,
        operation: str,
        method: str,
        path: str,
        read: Callable[[Reply], T],
        *,
        body: Mapping[str, object] | None = None,
        token: LitmusToken | None = None,
    ) -> T:
        def checked(reply: Reply) -> T:
            if reply.status != HTTPStatus.OK and not _tells_absence(operation, reply):
                raise self._error(operation, reply)
            return read(reply)

        try:
            return await self._client.rest(
                operation,
                method,
                path,
                checked,
                body=body,
                token=token,
                timeout_seconds=self._timeout_seconds,
            )
        except _UserGoneError as exc:
            raise await self._client.rejections.of_absence(TokenRejectedError(str(exc))) from exc
        except TokenRejectedError as exc:
            if token is None:
                raise
            raise await self._client.rejections.of_auth(token, exc) from exc

    def _error(self, operation: str, reply: Reply) -> UpstreamError:
        known = _MEANING.get(failure_code(reply) or "")
        if known is None:
            return status_error(reply, self._client.context(operation))
        error, sentence = known
        return error(sentence)


def _tells_absence(operation: str, reply: Reply) -> bool:
    return operation == "getProjectRole" and failure_code(reply) == PROJECT_UNKNOWN


def _membership(project: ProjectRow, uid: str | None) -> Membership:
    roles = [
        member.role
        for member in project.members or ()
        if member.user_id == uid and member.invitation == ACCEPTED
    ]
    tags = project.tags if isinstance(project.tags, list) else ()
    return Membership(
        project_id=project.project_id,
        name=project.name,
        role=roles[0] if roles else None,
        tags=tuple(tag for tag in tags if isinstance(tag, str)),
    )
