"""Who is calling, as handlers see it."""

from collections.abc import Callable, Collection
from datetime import UTC, datetime
from functools import partial
from typing import Final

import msgspec
from aiohttp import web

from sidecar.actions.policy import SET_BACKSTAGE
from sidecar.domain.catalog import Entity
from sidecar.domain.model import Principal, ProjectRef
from sidecar.domain.roles import LitmusRole
from sidecar.http.services import Services
from sidecar.identity.sessions import SignedIn


class Validity(msgspec.Struct, frozen=True):
    """For how long a credential, as it was sent, makes the same caller with the same view."""

    until: datetime
    holds: Callable[[], bool] | None
    """Tells whether it still does before then; ``None``: always, as a configured key does."""


class Caller:
    """A principal, and what goes with it.

    For a person of Backstage that is their token, which asks Backstage in
    their name; for one who signed in with Litmus, what Litmus lets them do.

    Not a struct: nothing prints or serialises it by accident.
    """

    __slots__ = (
        "_by_key",
        "_groups",
        "_token",
        "ambient",
        "hides_person",
        "is_person",
        "principal",
        "signed_in",
    )

    def __init__(
        self,
        principal: Principal,
        *,
        token: str | None = None,
        groups: frozenset[str] | None = None,
        ambient: bool = False,
        signed_in: SignedIn | None = None,
        by_key: bool = False,
        hides_person: bool = False,
    ) -> None:
        self.principal = principal
        self._by_key = by_key
        self.is_person = token is not None or groups is not None
        """Whether it is a person whom Backstage knows."""
        self.ambient = ambient
        """Whether no credential of the caller's own making came with the request (CSRF matters then)."""
        self.signed_in = signed_in
        """Set for a person who signed in with Litmus, on the pages; ``None`` for all others."""
        self.hides_person = hides_person
        """Whether a key came with a person's token that nothing verifies, for want of ``auth.backstage``."""
        self._token = token
        self._groups = groups

    @property
    def advice(self) -> str:
        """What to say after a refusal of who may be a person whom nobody here knows; mostly ``""``."""
        return f" {SET_BACKSTAGE}" if self.hides_person else ""

    @property
    def session_id(self) -> str | None:
        """The session of a person who signed in with Litmus; ``None`` for all others."""
        return self.signed_in.session_id if self.signed_in is not None else None

    def role_in(self, project: ProjectRef | None) -> LitmusRole | None:
        """Return the role Litmus gives a person who signed in with it; ``None``: none, or no such person."""
        role = self.signed_in.role_in(project) if self.signed_in is not None and project is not None else None
        return LitmusRole(role) if role in _ROLES else None

    def manages(self, instance: str) -> bool:
        """Tell whether the caller may manage the API tokens of an instance.

        An administrator of one Litmus, signed in with it, is none of another.
        """
        elsewhere = self.signed_in is not None and self.signed_in.instance != instance
        return "admin" in self.principal.scopes and not elsewhere

    def validity(self, services: Services, refs: Collection[str]) -> Validity | None:
        """Return for how long the same headers from the same peer make one who sees the same of ``refs``.

        ``None`` where that is not known beforehand: a session may end on another replica, a shared picture
        may be revoked.
        """
        if self.is_fixed:
            return Validity(_FOR_EVER, None)
        users = services.users
        proof = users.proof(self._token) if users is not None and self._token is not None else None
        if users is None or proof is None or self._token is None:
            return None
        until = proof.until
        if services.visibility is not None:
            known_until = services.visibility.known_until(self._token, refs)
            if known_until is None:
                return None
            until = min(until, known_until)
        return Validity(until, partial(users.still_holds, proof))

    @property
    def is_fixed(self) -> bool:
        """Whether all that is known of the caller is configured, or stands in headers of a trusted proxy."""
        return self._by_key or (self._token is None and self._groups is not None)

    def sees_all(self, services: Services) -> bool:
        """Tell whether no entity is hidden from the caller."""
        return self.signed_in is None and (services.visibility is None or not self.is_person)

    async def owns(self, services: Services) -> frozenset[str]:
        """Return the references a person acts as; for others just their own name."""
        if self._token is not None and services.users is not None:
            return await services.users.ownership(self._token)
        return (self._groups or frozenset()) | {self.principal.name}

    async def claim_admin(self, services: Services) -> None:
        """Give a person scope ``admin`` if a group of theirs is among the admins; groups cost a question."""
        admins = services.config.auth.admins
        if self.is_person and "admin" not in self.principal.scopes and admins & await self.owns(services):
            self.principal = msgspec.structs.replace(self.principal, scopes=self.principal.scopes | {"admin"})

    async def sees(self, services: Services, entities: Collection[Entity]) -> frozenset[str]:
        """Return those of the entities that the caller may read, by reference.

        ``auth.catalogVisibility: enforce`` hides some from people of Backstage,
        all of them where Backstage cannot be asked; somebody who signed in
        with Litmus sees the projects in which Litmus gives them a role.
        """
        refs = frozenset(entity.ref for entity in entities if self.may_read(entity.project))
        return await self.sees_refs(services, refs)

    async def sees_refs(self, services: Services, refs: Collection[str]) -> frozenset[str]:
        """Return those of the references that the catalog shows the caller; :meth:`may_read` counts too."""
        if services.visibility is None or not self.is_person:
            return frozenset(refs)
        return frozenset() if self._token is None else await services.visibility.visible(self._token, refs)

    async def may_see(self, services: Services, ref: str) -> bool:
        """Tell whether the catalog shows the caller what has this reference, whether or not we know it."""
        return bool(await self.sees_refs(services, {ref}))

    def may_read(self, project: ProjectRef) -> bool:
        """Tell whether Litmus lets the caller read the project, where they signed in with it; others may."""
        return self.signed_in is None or self.role_in(project) is not None


_FOR_EVER: Final = datetime.max.replace(tzinfo=UTC)


CALLER = web.RequestKey("caller", Caller)
_ROLES: Final = frozenset(LitmusRole)


def caller_of_session(person: SignedIn) -> Caller:
    """Return the caller that somebody is who signed in with Litmus: reads, and manages as account admin."""
    scopes = frozenset({"read", "admin"}) if person.rights.is_admin else frozenset({"read"})
    principal = Principal(name=f"litmus:{person.username}", scopes=scopes)
    return Caller(principal, ambient=True, signed_in=person)
