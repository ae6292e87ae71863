"""The projects that a token sees, as a table, as annotation lines and as a catalog file."""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from typing import Final

import msgspec

from sidecar.cli.options import aligned
from sidecar.cli.starter.yaml_scalar import plain, scalar
from sidecar.domain.catalog import INSTANCE_ANNOTATION, PROJECT_ANNOTATION
from sidecar.litmus.transport.auth import Membership

_OUTSIDE_NAMES: Final = re.compile(r"[^a-z0-9]+")
_LONGEST_NAME: Final = 60
_NO_ROLE: Final = "none"


class SeenProject(msgspec.Struct, frozen=True, kw_only=True):
    """A project of Litmus that a token sees."""

    instance: str
    id: str
    name: str
    role: str | None
    """As Litmus words it; ``None``: not accepted as a member, so nothing can be read."""


class SeenProjects(msgspec.Struct, frozen=True, kw_only=True):
    """What ``projects --json`` prints."""

    projects: Sequence[SeenProject]


def seen(instance: str, memberships: Sequence[Membership]) -> list[SeenProject]:
    """Return an instance's projects, by name."""
    return [
        SeenProject(instance=instance, id=one.project_id, name=one.name, role=one.role)
        for one in sorted(memberships, key=lambda one: (one.name.casefold(), one.project_id))
    ]


def table(projects: Sequence[SeenProject]) -> str:
    """Return projects as lines for people, with a heading."""
    rows = [("INSTANCE", "ROLE", "ID", "NAME")]
    rows += [(one.instance, plain(one.role or _NO_ROLE), plain(one.id), plain(one.name)) for one in projects]
    return aligned(rows)


def readable(projects: Sequence[SeenProject]) -> list[SeenProject]:
    """Return those that the token may read."""
    return [one for one in projects if one.role is not None]


def annotations(project: SeenProject, default_instance: str) -> Iterator[str]:
    """Yield the annotations that name a project, each a line of YAML."""
    yield f"{PROJECT_ANNOTATION}: {scalar(project.id)}"
    if project.instance != default_instance:
        yield f"{INSTANCE_ANNOTATION}: {scalar(project.instance)}"


def annotation_text(projects: Sequence[SeenProject], default_instance: str) -> str:
    """Return for each project what an entity says to name it."""
    parts = []
    for one in projects:
        lines = [f"# {plain(one.name)} ({plain(one.role or _NO_ROLE)})", "metadata:", "  annotations:"]
        lines += [f"    {line}" for line in annotations(one, default_instance)]
        parts.append("\n".join(lines))
    return "\n".join(parts)


def catalog_text(projects: Sequence[SeenProject], default_instance: str) -> str:
    """Return a catalog file with one component per project."""
    documents, names = [], set[str]()
    for one in projects:
        name = _free_name(one, names)
        names.add(name)
        lines = [
            f"# {plain(one.name)}",
            "apiVersion: backstage.io/v1alpha1",
            "kind: Component",
            "metadata:",
            f"  name: {scalar(name)}",
            "  annotations:",
            *(f"    {line}" for line in annotations(one, default_instance)),
            "spec:",
            "  type: service",
            "  lifecycle: production",
            "  owner: unknown # the team, whose members may run and stop experiments",
        ]
        documents.append("\n".join(lines) + "\n")
    return "---\n".join(documents)


def _free_name(project: SeenProject, taken: set[str]) -> str:
    """Return a name for the entity, as Backstage allows it and no other has it."""
    letters = unicodedata.normalize("NFKD", project.name.casefold())
    letters = "".join(letter for letter in letters if not unicodedata.combining(letter))
    base = _OUTSIDE_NAMES.sub("-", letters)[:_LONGEST_NAME].strip("-") or "project"
    name, number = base, 1
    while name in taken:
        number += 1
        name = f"{base[: _LONGEST_NAME - 4]}-{number}"
    return name
