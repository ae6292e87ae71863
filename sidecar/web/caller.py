"""Who is calling, as handlers see it."""

from collections.abc import Collection

import msgspec

from sidecar.model import Entity, Principal
from sidecar.services import Services


class Caller:
    """A principal, and for a person of Backstage their token, which asks Backstage in their name.

    Not a struct: nothing prints or serialises it by accident.
    """

    __slots__ = ("_groups", "_token", "ambient", "is_person", "principal", "session_id")

    def __init__(
        self,
        principal: Principal,
        *,
        token: str | None = None,
        groups: frozenset[str] | None = None,
        ambient: bool = False,
        session_id: str | None = None,
    ) -> None:
        self.principal = principal
        self.is_person = token is not None or groups is not None
        self.ambient = ambient
        """Whether no credential of the caller's own making came with the request (CSRF matters then)."""
        self.session_id = session_id
        """Of a person who signed in with Litmus on the pages; ``None`` for all others."""
        self._token = token
        self._groups = groups

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

        Only ``auth.catalogVisibility: enforce`` hides any, and only from people;
        one whom Backstage cannot be asked for sees none.
        """
        refs = frozenset(entity.ref for entity in entities)
        if services.visibility is None or not self.is_person:
            return refs
        return frozenset() if self._token is None else await services.visibility.visible(self._token, refs)
