"""Who may do what in a world: its clock and ids, users, tokens, projects and roles.

The base of ``World``, split off for size; nothing here knows of experiments.
"""

import asyncio
import re
from collections.abc import Callable, Mapping, Sequence
from uuid import UUID, uuid5

from sidecar.simulator.documents import OWNER, ApiToken, Member, Project, User
from sidecar.simulator.tokens import TokenFactory

_NAMESPACE = UUID("0d4f7f0e-7a8c-5d52-9d0b-5b3c3b1f6a10")
_DAY_SECONDS = 86_400


class Accounts:
    """The accounts and projects of one ChaosCenter."""

    def __init__(self, *, name: str, version: str, clock: Callable[[], float]) -> None:
        self.name = name
        self.version = version
        self.clock = clock
        self.users: dict[str, User] = {}
        self.projects: dict[str, Project] = {}
        self.api_tokens: list[ApiToken] = []
        self.session_tokens: list[str] = []
        """What signing in gave out, oldest first."""
        self.revoked_tokens: set[str] = set()
        self.bcrypt_seconds = 0.002
        """How long a password is compared; seconds in Litmus, and only for accounts that may sign in."""
        self.token_factory = TokenFactory(f"signing key of the simulated ChaosCenter {name}".ljust(96, "."))
        self.signing_key_readable = True
        """Whether the key of the tokens can be read from the database; if not, every token is refused."""
        self._auth_server_up = asyncio.Event()
        self._auth_server_up.set()
        self._ids: dict[str, int] = {}

    def since(self, *release: int) -> bool:
        """Tell whether this world is at least of that release, such as ``since(3, 18)``."""
        return tuple(int(part) for part in re.findall(r"\d+", self.version)) >= release

    @property
    def auth_server_up(self) -> bool:
        """Whether the auth server lives; while it does not, role checks hang."""
        return self._auth_server_up.is_set()

    @auth_server_up.setter
    def auth_server_up(self, up: bool) -> None:
        if up:
            self._auth_server_up.set()
        else:
            self._auth_server_up.clear()

    async def auth_server_back(self) -> None:
        """Wait until the auth server lives; at once if it does."""
        await self._auth_server_up.wait()

    @property
    def now_ms(self) -> int:
        """The time by the world's clock, in milliseconds."""
        return int(self.clock() * 1000)

    def new_id(self, kind: str) -> str:
        """Return the next id of a kind; the same sequence in every world of this name."""
        self._ids[kind] = self._ids.get(kind, 0) + 1
        return str(uuid5(_NAMESPACE, f"{self.name}/{kind}/{self._ids[kind]}"))

    def add_user(
        self,
        username: str,
        *,
        password: str = "Litmus-1",  # noqa: S107 - accounts of a made-up world
        role: str = "user",
        initial_login: bool = False,
    ) -> User:
        """Add an account; ``role`` is the account role, ``admin`` or ``user``."""
        user = User(
            user_id=self.new_id("user"),
            username=username,
            password=password,
            email=f"{username}@example.org",
            name=username.capitalize(),
            role=role,
            initial_login=initial_login,
            created_at_ms=self.now_ms,
        )
        self.users[user.user_id] = user
        return user

    def user_named(self, username: str) -> User | None:
        """Return the account with that user name."""
        return next((user for user in self.users.values() if user.username == username), None)

    def deactivate(self, user: User) -> None:
        """Deactivate an account; its tokens stay valid JWTs."""
        user.deactivated_at_ms = self.now_ms

    def delete_user(self, user: User) -> None:
        """Delete an account; its tokens stay valid JWTs."""
        del self.users[user.user_id]

    def issue_token(self, user: User, *, days: float = 30, name: str = "simulator") -> str:
        """Make and list an API token, as ``/auth/create_token`` does; 0 days or fewer make an expired one."""
        expires = int(self.clock() + days * _DAY_SECONDS)
        token = self.token_factory.issue(user, expires)
        self.api_tokens.append(
            ApiToken(
                user_id=user.user_id,
                name=name,
                token=token,
                expires_at_seconds=expires,
                created_at_ms=self.now_ms,
            )
        )
        return token

    def revoke_token(self, token: str) -> None:
        """Revoke exactly this string, for ever; it stays listed, as after a logout."""
        self.revoked_tokens.add(token)

    def add_project(
        self,
        name: str,
        *,
        owner: User | None = None,
        members: Mapping[str, str] | None = None,
        project_id: str | None = None,
    ) -> Project:
        """Add a project; ``members`` maps user ids to project roles."""
        project = Project(
            project_id=project_id or self.new_id("project"),
            name=name,
            created_at_ms=self.now_ms,
            created_by=owner.username if owner else "",
        )
        if owner:
            project.members.append(Member(user_id=owner.user_id, role=OWNER))
        project.members += [Member(user_id=user_id, role=role) for user_id, role in (members or {}).items()]
        self.projects[project.project_id] = project
        return project

    def set_role(
        self, project: Project, user: User, role: str | None, *, invitation: str = "Accepted"
    ) -> None:
        """Give a user a project role (``Owner``, ``Executor``, ``Viewer``); ``None`` takes them out."""
        project.members = [member for member in project.members if member.user_id != user.user_id]
        if role is not None:
            project.members.append(Member(user_id=user.user_id, role=role, invitation=invitation))

    def has_role(self, project_id: str, user_id: str, roles: Sequence[str]) -> bool:
        """Tell whether the user is an accepted member with one of the roles."""
        project = self.projects.get(project_id)
        member = project.member(user_id) if project else None
        return member is not None and member.invitation == "Accepted" and member.role in roles
