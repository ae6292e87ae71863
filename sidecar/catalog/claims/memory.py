"""Remembers who named which project since when, in the store and here."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import islice
from typing import Final

import msgspec

from sidecar.catalog.claims.rules import REMEMBERED_FOR, is_remembered, naming_changes
from sidecar.domain.catalog import Catalog, Naming
from sidecar.domain.errors import StoreError
from sidecar.domain.model import ProjectRef
from sidecar.domain.ports import Clock, Namings

WRITTEN_AT_ONCE: Final = 2_000

_Key = tuple[ProjectRef, str]


class NamingMemory:
    """Who named what, as far as is known; answers without waiting.

    While the store is away it goes on here, and what it learnt is written
    when the catalog is next read. Of two beginnings the earlier counts.
    """

    def __init__(self, namings: Namings, clock: Clock) -> None:
        self._namings = namings
        self._clock = clock
        self._known: dict[_Key, Naming] = {}
        self._of: dict[ProjectRef, dict[str, Naming]] = defaultdict(dict)
        self._with_id: dict[str, set[ProjectRef]] = defaultdict(set)
        self._several: set[str] = set()
        self._unwritten: dict[_Key, None] = {}
        self._learnt: Catalog | None = None
        self.is_loaded = False
        """Whether it knows what the store has; before, who seems to be first may be a newcomer."""
        self.version = 0
        """Rises with every change."""

    def of(self, project: ProjectRef) -> Sequence[Naming]:
        """Return who is remembered to have named the project."""
        return tuple(self._of[project].values()) if project in self._of else ()

    def projects_with_id(self, project_id: str) -> frozenset[ProjectRef]:
        """Return the projects of that id that anybody is remembered to have named."""
        return frozenset(self._with_id.get(project_id, ()))

    @property
    def ids_of_several(self) -> frozenset[str]:
        """The project ids that are remembered to have been named in several instances."""
        return frozenset(self._several)

    async def learn(self, catalog: Catalog) -> None:
        """Remember who names what in the catalog, as read whole just now; one call at a time."""
        await self.load()
        if catalog is not self._learnt:
            self._note(catalog, self._clock())
        await self._write()

    async def load(self) -> None:
        """Read what the store has, unless that was done; while it is away, what it has stays unknown."""
        if self.is_loaded:
            return
        try:
            stored = await self._namings.all()
        except StoreError:  # Tried again with the next reading; its health tells.
            return
        self._take_over(stored)
        self.is_loaded = True
        self.version += 1
        self._learnt = None

    def _note(self, catalog: Catalog, now: datetime) -> None:
        """Remember, without waiting: nobody sees half of it."""
        over = [key for key, naming in self._known.items() if not is_remembered(naming, now)]
        for key in over:
            self._forget(key)
        for naming in naming_changes(self._known, catalog.entities, now):
            self._keep(naming)
            self._unwritten[naming.project, naming.owner] = None
        self._learnt = catalog

    async def _write(self) -> None:
        while self._unwritten:
            keys = list(islice(self._unwritten, WRITTEN_AT_ONCE))
            try:
                stored = await self._namings.keep(
                    [self._known[key] for key in keys], gone_before=self._clock() - REMEMBERED_FOR
                )
            except StoreError:  # Tried again with the next reading; its health tells.
                return
            self._take_over(stored)
            for key in keys:
                del self._unwritten[key]

    def _take_over(self, stored: Iterable[Naming]) -> None:
        """Learn what others wrote: that somebody came earlier, and whom we have not seen."""
        for naming in stored:
            self._keep(_earlier(naming, self._known.get((naming.project, naming.owner), naming)))

    def _keep(self, naming: Naming) -> None:
        self.version += 1
        self._known[naming.project, naming.owner] = naming
        self._of[naming.project][naming.owner] = naming
        of_id = self._with_id[naming.project.project_id]
        of_id.add(naming.project)
        if len(of_id) > 1:
            self._several.add(naming.project.project_id)

    def _forget(self, key: _Key) -> None:
        project, owner = key
        self.version += 1
        del self._known[key]
        self._unwritten.pop(key, None)
        del self._of[project][owner]
        if not self._of[project]:
            del self._of[project]
            of_id = self._with_id[project.project_id]
            of_id.discard(project)
            if len(of_id) <= 1:
                self._several.discard(project.project_id)
            if not of_id:
                del self._with_id[project.project_id]


def _earlier(one: Naming, ours: Naming) -> Naming:
    """Return ours, as seen first by whoever saw it first."""
    return msgspec.structs.replace(ours, first_seen_at=min(one.first_seen_at, ours.first_seen_at))
