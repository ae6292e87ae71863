"""The auth server's REST API below ``/auth``: login, tokens, users, projects.

Known by its rules: unknown JSON keys are refused, the first seven characters of
the header are dropped unread, times come in seconds here and milliseconds there.
"""

import json
import re
from collections.abc import Callable
from typing import Any

from aiohttp import web

from sidecar.simulator.auth_request import BEARER_LENGTH, ERRORS, AuthError, AuthRequest, PanicError
from sidecar.simulator.documents import OWNER, Project, User
from sidecar.simulator.tokens import TokenError
from sidecar.simulator.world import World

_LOGIN_SECONDS = 86_400
_PAGE_LIMIT, _PAGE_MAXIMUM = 15, 50
_NO_PROJECTS = {"message": "No projects found"}


def answer(request: AuthRequest, method: str) -> web.Response:
    """Answer any request below ``/auth``."""
    try:
        return _route(request, method)
    except PanicError:
        return web.Response(status=500)
    except AuthError as error:
        status, description = ERRORS[error.code]
        if error.code == "invalid_credentials" and not request.world.since(3, 10):
            status = 400
        body = {"error": error.code, "errorDescription": description}
        return web.json_response(body, status=status, content_type=error.content_type)


def compares_password(request: AuthRequest, method: str) -> bool:
    """Tell whether a login gets as far as bcrypt: an unknown or deactivated name does not."""
    if (method, request.path) != ("POST", "/login"):
        return False
    try:
        body = request.body(username=str, password=str)
    except AuthError:
        return False
    user = request.world.user_named(body["username"])
    return bool(body["password"]) and user is not None and user.deactivated_at_ms is None


def _route(request: AuthRequest, method: str) -> web.Response:
    public = _PUBLIC.get((method, request.path))
    if public is not None:
        return web.json_response(public(request))
    if request.path == "/capabilities" and method == "GET" and request.world.since(3, 6):
        return web.json_response({"dex": {"enabled": False}})
    claims = request.claims()
    _, _, rest = request.path.partition("/")
    name, _, argument = rest.partition("/")
    handler = _PROTECTED.get((method, name if argument and name != "update" else rest))
    if handler is None:
        plain = {
            "Content-Type": "text/plain"
        }  # without a charset, unlike every other text of the two servers
        return web.Response(status=404, body=b"404 page not found", headers=plain)
    with_argument = AuthRequest(
        world=request.world,
        path=request.path,
        params=request.params,
        header=request.header,
        text=request.text,
        argument=argument,
    )
    answered = handler(with_argument, claims)
    if answered == _NO_PROJECTS and request.world.since(3, 9) and not request.world.since(3, 11):
        # These releases go on after their answer and send a second one behind it.
        return web.json_response(text=json.dumps(answered) + json.dumps({"data": None}))
    return web.json_response(answered)


def _login(request: AuthRequest) -> dict[str, Any]:
    body = request.body(username=str, password=str)
    if not body["username"] or not body["password"]:
        raise AuthError("invalid_request")
    world = request.world
    user = world.user_named(body["username"])
    if user is None or user.password != body["password"] or user.deactivated_at_ms is not None:
        raise AuthError("invalid_credentials")
    if not world.signing_key_readable:
        raise AuthError("server_error")
    owned = [project for project in world.projects.values() if _is_owner(project, user)]
    if not owned and not user.initial_login:
        owned = [world.add_project(f"{user.username}-project", owner=user)]
        owned[0].tags = owned[0].description = None
    token = world.token_factory.issue(user, int(world.clock()) + _LOGIN_SECONDS)
    world.session_tokens.append(token)
    return {
        "accessToken": token,
        "expiresIn": _LOGIN_SECONDS,
        "projectID": owned[0].project_id if owned else "",
        "projectRole": OWNER,
        "type": "Bearer",
    }


def _is_owner(project: Project, user: User) -> bool:
    member = project.member(user.user_id)
    return member is not None and member.role == OWNER


def _logout(request: AuthRequest) -> dict[str, Any]:
    # Logout parses for itself: what does not parse is its server error, not a 401.
    if not request.header:
        raise AuthError("unauthorized")
    if len(request.header) < BEARER_LENGTH:
        raise PanicError
    _revoke(request.world, request.header[BEARER_LENGTH:])
    return {"message": "successfully logged out"}


def _revoke(world: World, token: str) -> None:
    if not world.signing_key_readable:
        raise AuthError("server_error")
    try:
        world.token_factory.parse(token, world.clock())
    except TokenError as error:
        raise AuthError("server_error") from error
    world.revoked_tokens.add(token)


def _require_own(request: AuthRequest, claims: dict[str, Any], user_id: str) -> None:
    if request.world.since(3, 7) and claims.get("uid") != user_id:
        raise AuthError("unauthorized")


def _require_changed_password(world: World, claims: dict[str, Any]) -> User:
    user = world.users.get(str(claims.get("uid")))
    if user is None:
        raise AuthError("server_error")
    if user.initial_login and world.since(3, 9):
        raise AuthError("default password not updated")
    return user


def _tokens(request: AuthRequest, claims: dict[str, Any]) -> dict[str, Any]:
    _require_own(request, claims, request.argument)
    rows = [
        {
            "user_id": row.user_id,
            "name": row.name,
            "token": row.token,
            "expires_at": row.expires_at_seconds,
            "created_at": row.created_at_ms,
        }
        for row in request.world.api_tokens
        if row.user_id == request.argument
    ]
    return {"apiTokens": rows or ([] if request.world.since(3, 14) else None)}


def _create_token(request: AuthRequest, claims: dict[str, Any]) -> dict[str, Any]:
    body = request.body(user_id=str, name=str, days_until_expiration=int)
    _require_own(request, claims, body["user_id"])
    _require_changed_password(request.world, claims)
    user = request.world.users.get(body["user_id"])
    if user is None:
        raise AuthError("server_error")
    token = request.world.issue_token(user, days=body["days_until_expiration"], name=body["name"])
    return {"accessToken": token, "type": "Bearer"}


def _remove_token(request: AuthRequest, claims: dict[str, Any]) -> dict[str, Any]:
    body = request.body(token=str, userID=str)
    _require_own(request, claims, body["userID"])
    _require_changed_password(request.world, claims)
    world = request.world
    # One row: two tokens of one second are one string, and leave a row behind.
    found = next((row for row in world.api_tokens if row.token == body["token"]), None)
    if found is not None:
        world.api_tokens.remove(found)
    _revoke(world, body["token"])
    return {"message": "api token deleted successfully"}


def _get_user(request: AuthRequest, claims: dict[str, Any]) -> dict[str, Any]:
    if claims.get("uid") != request.argument and claims.get("role") != "admin":
        raise AuthError("unauthorized")
    user = request.world.users.get(request.argument)
    if user is None:
        raise AuthError("user does not exist")
    answered: dict[str, Any] = {
        "userID": user.user_id,
        "username": user.username,
        "email": user.email,
        "name": user.name,
        "role": user.role,
        "isInitialLogin": user.initial_login,
        "salt": "",
        "isRemoved": False,
        "createdAt": user.created_at_ms,
        "updatedAt": 0,
        "createdBy": {"userID": "", "username": "", "email": ""},
        "updatedBy": {"userID": "", "username": "", "email": ""},
    }
    if user.deactivated_at_ms is not None:
        answered["deactivatedAt"] = user.deactivated_at_ms
    return answered


def _list_projects(request: AuthRequest, claims: dict[str, Any]) -> dict[str, Any]:
    world, params = request.world, request.params
    for name in ("createdByMe", "sortAscending"):
        if params.get(name) not in {None, "", "true", "false", "1", "0", "t", "f"}:
            world.auth_server_up = False  # Litmus ends its own process over this
            raise PanicError
    user_id = str(claims.get("uid"))
    found = [
        project
        for project in world.projects.values()
        if (member := project.member(user_id)) is not None and member.invitation == "Accepted"
    ]
    if not world.since(3, 10):
        return {"data": [_project(world, project) for project in found]} if found else dict(_NO_PROJECTS)
    if params.get("createdByMe") in {"true", "1", "t"}:
        founder = world.users.get(user_id)
        found = [project for project in found if founder and project.created_by == founder.username]
    try:
        name_test = re.compile(params.get("projectName", ""), re.IGNORECASE)
        page, limit = int(params.get("page") or 0), int(params.get("limit") or _PAGE_LIMIT)
    except (re.error, ValueError):
        return dict(_NO_PROJECTS)  # a database error reads like an empty answer
    found = [project for project in found if name_test.search(project.name)]
    by_name = params.get("sortField", "").lower() == "name"
    found.sort(
        key=lambda project: project.name if by_name else f"{project.created_at_ms:020}",
        reverse=params.get("sortAscending") not in {"true", "1", "t"},
    )
    if not found:
        return dict(_NO_PROJECTS)
    limit = min(limit, _PAGE_MAXIMUM)
    shown = found[page * limit : (page + 1) * limit]
    projects = [_project(world, project) for project in shown]
    return {"data": {"projects": projects, "totalNumberOfProjects": len(found)}}


def _project(world: World, project: Project) -> dict[str, Any]:
    founder = world.user_named(project.created_by)
    by = {
        "userID": founder.user_id if founder else "",
        "username": project.created_by,
        "email": founder.email if founder else "",
    }
    members = []
    for member in project.members:
        user = world.users.get(member.user_id)
        row = {"userID": member.user_id, "username": user.username if user else "", "role": member.role}
        row |= {"email": user.email if user else "", "name": user.name if user else ""}
        members.append(row | {"invitation": member.invitation, "joinedAt": project.created_at_ms})
    return {
        "projectID": project.project_id,
        "name": project.name,
        "members": members,
        "state": "active",
        "tags": project.tags,
        "description": project.description,
        "isRemoved": False,
        "createdAt": project.created_at_ms,
        "updatedAt": project.created_at_ms,
        "createdBy": by,
        "updatedBy": by,
    }


def _get_project_role(request: AuthRequest, claims: dict[str, Any]) -> dict[str, Any]:
    project = request.world.projects.get(request.argument)
    if project is None:
        raise AuthError("project does not exist")
    member = project.member(str(claims.get("uid")))
    accepted = member is not None and member.invitation == "Accepted"
    return {"role": member.role if member is not None and accepted else "N/A"}


def _update_password(request: AuthRequest, claims: dict[str, Any]) -> dict[str, Any]:
    body = request.body(username=str, oldPassword=str, newPassword=str)
    user = request.world.users.get(str(claims.get("uid")))
    if not body["newPassword"]:
        raise AuthError("invalid_request")
    if user is None or user.username != body["username"] or user.password != body["oldPassword"]:
        raise AuthError("invalid_credentials")
    user.password = body["newPassword"]
    user.initial_login = False
    return {"message": "password has been updated successfully"}


def _status(_request: AuthRequest) -> dict[str, Any]:
    return {"status": "up"}


def _readiness(_request: AuthRequest) -> dict[str, Any]:
    return {"database": "up", "collections": "up"}


_PUBLIC: dict[tuple[str, str], Callable[[AuthRequest], dict[str, Any]]] = {
    ("GET", "/status"): _status,
    ("GET", "/readiness"): _readiness,
    ("POST", "/login"): _login,
    ("POST", "/logout"): _logout,
}
_PROTECTED: dict[tuple[str, str], Callable[[AuthRequest, dict[str, Any]], dict[str, Any]]] = {
    ("GET", "token"): _tokens,
    ("POST", "create_token"): _create_token,
    ("POST", "remove_token"): _remove_token,
    ("GET", "get_user"): _get_user,
    ("GET", "list_projects"): _list_projects,
    ("GET", "get_project_role"): _get_project_role,
    ("POST", "update/password"): _update_password,
}
