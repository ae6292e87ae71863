"""Whose every project is, as a running service knows it; answers without waiting."""

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from sidecar.catalog.claims.memory import NamingMemory
from sidecar.catalog.claims.rules import (
    HOW_TO_CLAIM,
    ProjectClaim,
    claim_of,
    claim_sentence,
    is_remembered,
    preferred_project,
)
from sidecar.domain.catalog import Entity
from sidecar.domain.model import Content, ProjectRef, Snapshot
from sidecar.domain.ports import Catalogue, Clock
from sidecar.runtime.turns import Work

_KEPT_FOR: Final = timedelta(minutes=1)
"""How late it may show that an owner who left counts no more."""


class _Kept(NamedTuple):
    """A claim, and what it was made of; it holds while these are the same."""

    environments: object
    project_tags: object
    catalog: object
    version: int
    until: datetime
    claim: ProjectClaim


class Claims:
    """Answers whose a project is, and which one a bare project id means."""

    def __init__(
        self,
        *,
        configured: Mapping[ProjectRef, frozenset[str]],
        memory: NamingMemory,
        catalogue: Catalogue,
        snapshot_of: Callable[[ProjectRef], Snapshot | None],
        project_tags: Callable[[ProjectRef], Collection[str] | None],
        clock: Clock,
    ) -> None:
        """Take ``configured``, owners by ``litmusSidecar.projects``; ``project_tags`` as :func:`claim_of`."""
        self._configured = configured
        self._memory = memory
        self._catalogue = catalogue
        self._snapshot_of = snapshot_of
        self._project_tags = project_tags
        self._clock = clock
        self._indexed: object = None
        self._naming: Mapping[ProjectRef, Sequence[Entity]] = {}
        self._ids_of_several: frozenset[str] = frozenset()
        self._kept: dict[ProjectRef, _Kept] = {}

    def configure(self, configured: Mapping[ProjectRef, frozenset[str]]) -> None:
        """Take other owners by ``litmusSidecar.projects``; they count from the next question on."""
        self._configured = configured
        self._kept = {}

    def of(self, project: ProjectRef, content: Content | None = None) -> ProjectClaim:
        """Return whose the project is; ``content`` is what is known of it, ``None``: the snapshot's."""
        if content is None:
            snapshot = self._snapshot_of(project)
            content = snapshot.content if snapshot else Content()
        now, current, version = self._clock(), self._catalogue.current, self._memory.version
        entities, project_tags = self.entities(project), self._project_tags(project)
        kept = self._kept.get(project)
        # Pages ask for every experiment.
        if (
            kept is not None
            and kept.environments is content.environments
            and kept.project_tags == project_tags
            and kept.catalog is current
            and kept.version == version
            and now < kept.until
        ):
            return kept.claim
        claim = claim_of(
            project,
            configured=self._configured,
            environments=content.environments,
            project_tags=project_tags,
            entities=entities,
            namings=self._memory.of(project) if self._memory.is_loaded else None,
            now=now,
        )
        self._kept[project] = _Kept(
            content.environments, project_tags, current, version, now + _KEPT_FOR, claim
        )
        return claim

    def entities(self, project: ProjectRef) -> Sequence[Entity]:
        """Return the entities that name the project."""
        current = self._catalogue.current
        if current is not self._indexed:
            found: defaultdict[ProjectRef, list[Entity]] = defaultdict(list)
            for entity in current.entities:
                found[entity.project].append(entity)
            ids = Counter(project.project_id for project in found)
            self._ids_of_several = frozenset(one for one, number in ids.items() if number > 1)
            self._naming, self._indexed = dict(found), current
            self._kept = {}
        return self._naming.get(project, ())

    def project_with_id(self, project_id: str) -> ProjectRef | None:
        """Return the project that a bare id means; ``None`` if it could be several, or was another's.

        A project whose owners named it first and left stays meant for a while,
        unless those who name the id now are the same: nobody slips into their place.
        """
        now = self._clock()
        named = self._catalogue.projects_with_id(project_id)
        remembered = self._memory.projects_with_id(project_id)
        if len(named) == 1 and self.is_sole(named[0]):
            return named[0]
        present = {entity.owner or "" for project in named for entity in self.entities(project)}
        held = {
            project
            for project in remembered - set(named)
            if any(
                is_remembered(naming, now) and naming.owner not in present
                for naming in self._memory.of(project)
            )
        }
        rivals = sorted(held | set(named))
        since = {
            project: min(naming.first_seen_at for naming in namings)
            for project in rivals
            if (namings := self._memory.of(project))
        }
        meant = (
            preferred_project({project: self.of(project) for project in rivals}, since) if rivals else None
        )
        return meant if meant in named else None

    @property
    def version(self) -> int:
        """Rises with everything that is learnt of who named what."""
        return self._memory.version

    def is_sole(self, project: ProjectRef) -> bool:
        """Tell whether nobody is known to have named another project of this id.

        What a bare id means then depends on the catalog and :attr:`version` alone.
        """
        named = self._catalogue.projects_with_id(project.project_id)
        return named == (project,) and self._memory.projects_with_id(project.project_id) <= {project}

    def problem(self, project: ProjectRef) -> str | None:
        """Return what those who name the project should know of whose it is; names nobody."""
        sentence = claim_sentence(self.of(project))
        if sentence is not None:
            return sentence
        meant = self.project_with_id(project.project_id)
        if meant == project:
            return None
        if meant is None:
            return (
                f"The plugin gets an error for this project id: it is not one instance's alone. {_CLAIM_ONE}"
            )
        return (
            f"The plugin shows the project of this id in instance {meant.instance}, which has a claim or was "
            f"named first. {_CLAIM_ONE}"
        )

    def findings(self) -> Work[Sequence[str]]:
        """Say what an operator should settle, a sentence each: projects without a claim that need one."""
        found = []
        for project in {entity.project for entity in self._catalogue.current.entities}:
            if (sentence := self._unclaimed(project)) is not None:
                found.append(sentence)
            yield
        found.sort()
        for project_id in sorted(self._memory.ids_of_several | self._ids_of_several):
            if (sentence := self._in_several_instances(project_id)) is not None:
                found.append(sentence)
            yield
        return found

    def _unclaimed(self, project: ProjectRef) -> str | None:
        claim = self.of(project)
        sentence = claim_sentence(claim)
        # Before tags were read there may be a claim.
        if sentence is None or not claim.is_certain:
            return None
        names = ", ".join(sorted({entity.owner or "nobody" for entity in self.entities(project)}))
        return f"Project {project}, named by entities of {names}: {sentence}"

    def _in_several_instances(self, project_id: str) -> str | None:
        named = self._catalogue.projects_with_id(project_id)
        meant = self.project_with_id(project_id)
        if not named or (meant is not None and len(named) == 1):
            return None
        instances = ", ".join(sorted(project.instance for project in named))
        gets = f"that of {meant.instance}" if meant else "an error"
        return (
            f"The project id {project_id} is named in the instances {instances}: the plugin, which "
            f"asks by id alone, gets {gets}. {_CLAIM_ONE}"
        )


_CLAIM_ONE: Final = (
    f"To have another one shown, take this one from the catalog, or for the other {HOW_TO_CLAIM}."
)
