"""What the auth server's answers look like, and how each is read.

Pure. Whatever has another form becomes an error that repeats nothing of it.
"""

import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any, Final, TypeVar
from urllib.parse import quote

import msgspec

from sidecar.domain.errors import UpstreamError, UpstreamProtocolError
from sidecar.domain.unreadable import UNREADABLE
from sidecar.litmus.wire.responses import Reply

T = TypeVar("T")

ACCEPTED: Final = "Accepted"
_NO_ROLE: Final = "N/A"
USER_UNKNOWN: Final = "user does not exist"
PROJECT_UNKNOWN: Final = "project does not exist"
"""The auth server's name of a failure that is an answer."""


class Failure(msgspec.Struct, frozen=True):
    """Any answer that is none of success; its text is not read."""

    error: str


class LoginAnswer(msgspec.Struct, frozen=True, rename="camel"):
    """A token was made."""

    access_token: str


class UserAnswer(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """An account."""

    user_id: str = msgspec.field(name="userID")
    username: str
    role: str
    is_initial_login: bool = False
    deactivated_at: int | None = None


class TokenRow(msgspec.Struct, frozen=True):
    """An API token, value included."""

    token: str
    name: str = ""
    created_at: int | None = None
    """Milliseconds, unlike its neighbour."""
    expires_at: int | None = None
    """Seconds."""


class TokenRows(msgspec.Struct, frozen=True, rename="camel"):
    """The API tokens of a user."""

    api_tokens: list[TokenRow] | None
    """``None`` before Litmus 3.14, where there are none."""


class MemberRow(msgspec.Struct, frozen=True):
    """Somebody's place in a project."""

    user_id: str = msgspec.field(name="userID")
    role: str
    invitation: str = ACCEPTED


class ProjectRow(msgspec.Struct, frozen=True):
    """A project."""

    project_id: str = msgspec.field(name="projectID")
    name: str = ""
    members: list[MemberRow] | None = None
    tags: object = None
    """A list of texts, or null; of another form it keeps nobody from their projects."""


class ProjectPage(msgspec.Struct, frozen=True, rename="camel"):
    """A page of projects, from Litmus 3.10 on."""

    projects: list[ProjectRow] | None = None
    total_number_of_projects: int = 0


class ProjectsAnswer(msgspec.Struct, frozen=True):
    """The projects of a user."""

    data: ProjectPage | list[Any] | None = None
    """A bare array before Litmus 3.10, absent where it says that there are none."""


class RoleAnswer(msgspec.Struct, frozen=True):
    """A role in a project."""

    role: str


class Nothing(msgspec.Struct, frozen=True):
    """What is read of an answer whose status says all."""


def failure_code(reply: Reply) -> str | None:
    """Return the auth server's name of its failure; a body it could not decode makes it say text/plain."""
    try:
        return msgspec.json.decode(reply.body, type=Failure).error
    except UNREADABLE:
        return None


def reader(kind: type[T], what: str) -> Callable[[Reply], T]:
    """Return what reads an answer of this kind; ``what`` names it in the error."""

    def read(reply: Reply) -> T:
        try:
            return msgspec.json.decode(reply.body, type=kind)
        except UNREADABLE:
            # Not chained: the decoder's words can hold what it could not decode.
            raise UpstreamProtocolError(
                f"Litmus's auth server answered {what} in a form we do not know."
            ) from None

    return read


def read_login(reply: Reply) -> LoginAnswer:
    """Return the answer to a sign-in.

    Raises:
        UpstreamError: If it is empty: Litmus failed after it had signed the user in.
        UpstreamProtocolError: If it has another form.
    """
    if not reply.body.strip():
        raise UpstreamError(
            "Litmus signed the user in but could not create the project that every new user gets: "
            "sign in to ChaosCenter once as this user, or look at the log of its auth server."
        )
    return reader(LoginAnswer, "the sign-in")(reply)


def read_projects(reply: Reply) -> tuple[Sequence[ProjectRow], int]:
    """Return a page of projects and how many there are on all pages.

    Raises:
        UpstreamProtocolError: If the answer has another form.
    """
    try:
        # Litmus 3.9 and 3.10 sent a second document behind the word that there are none.
        text = reply.body.decode().lstrip()
        _, end = json.JSONDecoder().raw_decode(text)
        # The standard decoder lets half a surrogate pair through, which no answer could be encoded with.
        data = msgspec.json.decode(text[:end], type=ProjectsAnswer).data
        if isinstance(data, list):
            projects = msgspec.convert(data, list[ProjectRow])
            return projects, len(projects)
    except UNREADABLE:
        raise UpstreamProtocolError(
            "Litmus's auth server answered the list of projects in a form we do not know."
        ) from None
    if data is None:
        return (), 0
    return data.projects or (), data.total_number_of_projects


def role_path(project_id: str) -> str:
    """Return where the auth server tells the role of the token's user in a project."""
    return f"/auth/get_project_role/{quote(project_id, safe='')}"


def read_role(reply: Reply) -> str | None:
    """Return the role; ``None``: no member, or no such project."""
    if reply.status != HTTPStatus.OK:
        return None
    role = reader(RoleAnswer, "the role")(reply).role
    return None if role in {"", _NO_ROLE} else role


def instant(value: int | None, *, units_per_second: int) -> datetime | None:
    """Return the moment; ``None`` for none, and for what is no time."""
    try:
        return datetime.fromtimestamp(value / units_per_second, UTC) if value else None
    except (OverflowError, ValueError, OSError):
        return None
