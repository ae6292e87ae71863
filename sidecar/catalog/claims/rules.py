"""From what is configured, tagged and named to whose a project is. Pure."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import chain
from typing import Final

import msgspec

from sidecar.domain.catalog import Entity, Naming
from sidecar.domain.model import Environment, ProjectRef
from sidecar.domain.references import completed_ref

OWNER_TAG: Final = "backstage-owner:"
"""What a tag of a project or of an environment of it begins with that names an owner of the project."""
REMEMBERED_FOR: Final = timedelta(days=30)
"""For so long after its first owner stopped naming a project, nobody who came later takes it over."""
HOW_TO_CLAIM: Final = (
    "name its owners in litmusSidecar.projects of the sidecar's configuration, or tag it or one of "
    f"its environments in Litmus {OWNER_TAG}group:default/<team>"
)


class ClaimSource(StrEnum):
    """What decides whose a project is, strongest first."""

    CONFIGURED = "configuration"
    """``litmusSidecar.projects``."""
    TAGGED = "tag"
    """Tags of the project and its environments in Litmus, which its owners control."""
    NAMED = "catalog"
    """Nobody has a claim; the owners of the entities that name it."""


class ProjectClaim(msgspec.Struct, frozen=True, kw_only=True):
    """Whose a project is."""

    source: ClaimSource
    owners: frozenset[str]
    """With a claim, each of them may act; without one, who owns as all of them may. ``""`` is nobody."""
    has_left: bool = False
    """Without a claim: whether one of the owners named it before all others, and does no more."""
    is_certain: bool = True
    """Without a claim: whether tags in Litmus and who came first were read at all."""

    @property
    def is_explicit(self) -> bool:
        """Whether somebody who controls the project, or the sidecar, said whose it is."""
        return self.source is not ClaimSource.NAMED

    @property
    def is_contested(self) -> bool:
        """Whether several owners name the project and nobody has a claim to it."""
        return not self.is_explicit and len(self.owners) > 1


def claim_of(
    project: ProjectRef,
    *,
    configured: Mapping[ProjectRef, frozenset[str]],
    environments: Iterable[Environment] | None,
    project_tags: Collection[str] | None,
    entities: Iterable[Entity],
    namings: Collection[Naming] | None,
    now: datetime,
) -> ProjectClaim:
    """Return whose the project is.

    Tags that were not read are not taken for none: a tag adds an owner to
    those of other tags, but takes the right from those who name the project.
    So what is known of tags counts at once, and names are not certain before
    all tags were read.

    Args:
        project: The project.
        configured: The claims of the configuration.
        environments: As last read; ``None``: never.
        project_tags: The project's own, as last read, or ``()`` if there are none to be had; ``None``: never.
        entities: Those that name the project now.
        namings: Who is remembered to have named the project; ``None``: not read yet.
        now: The time.
    """
    if project in configured:
        return ProjectClaim(source=ClaimSource.CONFIGURED, owners=configured[project])
    tagged = owners_in_tags(environments or (), project_tags or ())
    if tagged is not None:
        return ProjectClaim(source=ClaimSource.TAGGED, owners=tagged)
    owners, has_left = _naming_owners({entity.owner or "" for entity in entities}, namings or (), now)
    is_certain = environments is not None and project_tags is not None and namings is not None
    return ProjectClaim(source=ClaimSource.NAMED, owners=owners, has_left=has_left, is_certain=is_certain)


def owners_in_tags(environments: Iterable[Environment], project_tags: Iterable[str]) -> frozenset[str] | None:
    """Return all owners that tags of the project and its environments name; ``None`` if there is no such tag.

    A tag whose owner cannot be read claims the project for nobody, rather
    than leave it to whoever names it.
    """
    of_environments = (one.tags for one in environments if not one.is_removed)
    tags = [
        tag.strip()[len(OWNER_TAG) :].strip()
        for tag in chain(project_tags, *of_environments)
        if tag.strip()[: len(OWNER_TAG)].lower() == OWNER_TAG
    ]
    if not tags:
        return None
    return frozenset(ref for tag in tags if (ref := completed_ref(tag, "group")) is not None)


def _naming_owners(
    present: Collection[str], namings: Collection[Naming], now: datetime
) -> tuple[frozenset[str], bool]:
    """Return the owners whose word is needed, and whether one of them has left.

    An owner who left counts while nobody who names the project now came
    earlier. An entity without an owner counts against those alone who came
    after it: nobody can own as nobody.
    """
    owned = {owner for owner in present if owner}
    since = {naming.owner: naming.first_seen_at for naming in namings}
    # Whom nobody remembers yet came last.
    first = min((since[owner] for owner in owned if owner in since), default=None)
    elders = {
        naming.owner
        for naming in namings
        if naming.owner not in owned
        and (first is None or naming.first_seen_at <= first)
        and is_remembered(naming, now)
        and (naming.owner or (first is None or naming.first_seen_at < first))
    }
    if not owned:
        elders |= set(present)
    return frozenset(owned | elders), bool(elders - set(present))


def naming_changes(
    known: Mapping[tuple[ProjectRef, str], Naming], entities: Iterable[Entity], now: datetime
) -> Sequence[Naming]:
    """Return what is to be remembered anew after the catalog was read: who came, who went, who came back.

    Newcomers come after everybody who is known, whatever the clock says; who
    was away for longer than :data:`REMEMBERED_FOR` is one.
    """
    present = {(entity.project, entity.owner or "") for entity in entities}
    away = {key for key, naming in known.items() if naming.gone_at is not None}
    at = max([now, *(naming.first_seen_at + timedelta(milliseconds=1) for naming in known.values())])
    over = {key for key in away if not is_remembered(known[key], now)}
    new = (present - known.keys()) | (present & over)
    # In no order: those who come at once came at once.
    return [
        *(Naming(project=project, owner=owner, first_seen_at=at) for project, owner in new),
        *(msgspec.structs.replace(known[key], gone_at=None) for key in (present & away) - over),
        *(msgspec.structs.replace(known[key], gone_at=now) for key in known.keys() - away - present),
    ]


def is_remembered(naming: Naming, now: datetime) -> bool:
    """Tell whether the project is still named so, or was until lately."""
    return naming.gone_at is None or now - naming.gone_at < REMEMBERED_FOR


def preferred_project(
    claims: Mapping[ProjectRef, ProjectClaim], since: Mapping[ProjectRef, datetime]
) -> ProjectRef | None:
    """Return which of the projects with one id is meant where the id alone is given; ``None``: none of them.

    That with the strongest claim; of several, the one named first. ``since``
    has when each was; who is not in it came last.
    """
    best = min(_STRENGTH.index(claim.source) for claim in claims.values())
    rivals = [project for project, claim in claims.items() if _STRENGTH.index(claim.source) == best]
    if len(rivals) == 1:
        return rivals[0]
    first = min((since[project] for project in rivals if project in since), default=None)
    eldest = [project for project in rivals if first is not None and since.get(project) == first]
    return eldest[0] if len(eldest) == 1 else None


def claim_sentence(claim: ProjectClaim) -> str | None:
    """Return what is to be configured, for a project without a claim that needs one; names nobody."""
    if claim.is_explicit:
        return (
            None
            if claim.owners
            else (
                f"The tags {OWNER_TAG}… of this project or its environments in Litmus name no owner that can "
                f"be read: write {OWNER_TAG}group:default/<team>."
            )
        )
    if claim.has_left:
        return (
            "Another owner named this Litmus project first and no longer does, and nobody has a claim to it. "
            f"For {REMEMBERED_FOR.days} days after that, only who owns it as all of them may act. "
            f"If it changed hands: {HOW_TO_CLAIM}."
        )
    if claim.is_contested:
        return (
            "Several owners name this Litmus project and nobody has a claim to it, so only who owns all of "
            f"its entities may act: {HOW_TO_CLAIM}."
        )
    return None


_STRENGTH: Final = tuple(ClaimSource)
