"""From catalog documents to entities with a Litmus project. Pure.

Documents are plain values as Backstage's catalog has them, from wherever they
come. Nothing in them is trusted: what cannot be used is named in a problem
(source and what is wrong, never the value) and left out; nothing raises.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple

from sidecar.domain.catalog import INSTANCE_ANNOTATION, PROJECT_ANNOTATION, Catalog, Entity
from sidecar.domain.model import ProjectRef

TAGS_ANNOTATION: Final = "litmuschaos.io/experiment-tags"
INFRAS_ANNOTATION: Final = "litmuschaos.io/infra-ids"
DEFAULT_NAMESPACE: Final = "default"

_MAX_PROJECT_ID_LENGTH: Final = 253
_MAX_TITLE_LENGTH: Final = 1_000
"""Characters that are kept."""
_KIND: Final = re.compile(r"[A-Za-z][A-Za-z0-9]{0,62}")
_NAME: Final = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?")
_NAMESPACE: Final = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?")
_PLACEHOLDERS: Final = ("$text", "$json", "$yaml")
_REF: Final = re.compile(r"(?:(?P<kind>[^:/]+):)?(?:(?P<namespace>[^:/]+)/)?(?P<name>[^:/]+)")


class Document(NamedTuple):
    """A catalog document and where it is from."""

    source: str
    """For problems: ``catalog-info.yaml, document 2``."""
    content: object
    """Plain values, as YAML or JSON gives them."""


class _Described(NamedTuple):
    """A document that is an entity."""

    source: str
    ref: str
    kind: str
    """Lower-case."""
    namespace: str
    """Lower-case."""
    metadata: Mapping[object, object]
    spec: Mapping[object, object]
    relations: Sequence[object]


def placeholder(value: object) -> str | None:
    """Return the name of the placeholder that a value is, such as ``$text``; ``None`` if it is none.

    Backstage puts the content of a file or an address there.
    """
    if not isinstance(value, Mapping) or len(value) != 1:
        return None
    (name,) = value
    return name if name in _PLACEHOLDERS else None


class _UnusableError(Exception):
    """A part of a document cannot be used; the sentence's end says why."""


def catalog_of(documents: Iterable[Document], instances: Sequence[str]) -> Catalog:
    """Return all entities that name a project, and one problem for each thing that could not be used.

    ``instances`` are the configured names; the first is meant where an entity
    names none. Of two documents with one reference the first counts.
    """
    problems: list[str] = []
    described: dict[str, _Described] = {}
    for document in documents:
        try:
            entity = _described(document)
        except _UnusableError as error:
            problems.append(f"{document.source}: {error}")
            continue
        if entity.ref in described:
            first = described[entity.ref].source
            problems.append(f"{entity.source}: {entity.ref} is already described in {first}; that one counts")
            continue
        described[entity.ref] = entity
    entities = [
        found
        for ref in sorted(described)
        if (found := _entity(described[ref], described, instances, problems))
    ]
    return Catalog(entities=tuple(entities), problems=tuple(problems))


def _described(document: Document) -> _Described:
    content = document.content
    if not isinstance(content, Mapping):
        raise _UnusableError("is no entity: it must be a mapping")
    metadata = content.get("metadata")
    _refuse_placeholder("metadata", metadata)
    if not isinstance(metadata, Mapping):
        raise _UnusableError("is no entity: metadata must be a mapping")
    kind = _word(content.get("kind"), _KIND, "kind")
    name = _word(metadata.get("name"), _NAME, "metadata.name")
    namespace = _word(metadata.get("namespace") or DEFAULT_NAMESPACE, _NAMESPACE, "metadata.namespace")
    spec, relations = content.get("spec"), content.get("relations")
    return _Described(
        source=document.source,
        ref=f"{kind}:{namespace}/{name}",
        kind=kind,
        namespace=namespace,
        metadata=metadata,
        spec=spec if isinstance(spec, Mapping) else {},
        relations=relations if isinstance(relations, list | tuple) else (),
    )


def _refuse_placeholder(what: str, value: object) -> None:
    if name := placeholder(value):
        raise _UnusableError(
            f"{what} is the placeholder {name}, which only Backstage resolves; write the value itself, "
            "or read the catalog of Backstage (litmusSidecar.catalog.backstage)"
        )


def _word(value: object, pattern: re.Pattern[str], name: str) -> str:
    if value is None:
        raise _UnusableError(f"is no entity: {name} is missing")
    _refuse_placeholder(name, value)
    if not isinstance(value, str) or not pattern.fullmatch(value):
        raise _UnusableError(f"is no entity: {name} is not what Backstage allows there")
    return value.lower()


def _entity(
    entity: _Described,
    described: Mapping[str, _Described],
    instances: Sequence[str],
    problems: list[str],
) -> Entity | None:
    """Return the entity if it names a project that can be used."""

    def problem(sentence: object) -> None:
        problems.append(f"{entity.source}: {entity.ref}: {sentence}")

    annotations = entity.metadata.get("annotations")
    try:
        _refuse_placeholder("metadata.annotations", annotations)
    except _UnusableError as error:
        problem(f"{error}; the entity is left out")
    if not isinstance(annotations, Mapping) or PROJECT_ANNOTATION not in annotations:
        return None
    try:
        project_id = _project_id(annotations)
        instance = _instance(annotations, instances)
        tags = _list(annotations, TAGS_ANNOTATION)
        infra_ids = _list(annotations, INFRAS_ANNOTATION)
    except _UnusableError as error:
        # A narrowing that cannot be read must not widen the entity to its whole project.
        problem(f"{error}; the entity is left out")
        return None
    owner = system = domain = None
    try:
        _refuse_placeholder("spec", entity.spec)
        owner = _related(entity, "ownedBy", "owner", default_kind="group")
        system = _related(entity, "partOf", "system", default_kind="system", only_kind="system")
        domain = _domain(entity, system, described)
    except _UnusableError as error:
        problem(error)
    return Entity(
        ref=entity.ref,
        project=ProjectRef(instance=instance, project_id=project_id),
        title=_title(entity.metadata.get("title")),
        owner=owner,
        system=system,
        domain=domain,
        experiment_tags=tags,
        infra_ids=infra_ids,
    )


def _annotation(annotations: Mapping[object, object], name: str) -> str:
    value = annotations[name]
    _refuse_placeholder(f"the annotation {name}", value)
    if not isinstance(value, str):
        raise _UnusableError(f"the annotation {name} must be text; put it in quotes")
    value = value.strip()
    if not value:
        raise _UnusableError(f"the annotation {name} is empty")
    if not value.isprintable():
        raise _UnusableError(f"the annotation {name} has characters that cannot be printed")
    return value


def _project_id(annotations: Mapping[object, object]) -> str:
    value = _annotation(annotations, PROJECT_ANNOTATION)
    if len(value) > _MAX_PROJECT_ID_LENGTH:
        raise _UnusableError(
            f"the annotation {PROJECT_ANNOTATION} is longer than {_MAX_PROJECT_ID_LENGTH} characters"
        )
    return value


def _instance(annotations: Mapping[object, object], instances: Sequence[str]) -> str:
    if INSTANCE_ANNOTATION not in annotations:
        if not instances:
            raise _UnusableError("there is no Litmus instance to look in")
        return instances[0]
    instance = _annotation(annotations, INSTANCE_ANNOTATION)
    if instance not in instances:
        known = ", ".join(instances)
        raise _UnusableError(f"the annotation {INSTANCE_ANNOTATION} names none of the instances ({known})")
    return instance


def _list(annotations: Mapping[object, object], name: str) -> tuple[str, ...]:
    if name not in annotations:
        return ()
    words = [word.strip() for word in _annotation(annotations, name).split(",")]
    if not any(words):
        raise _UnusableError(f"the annotation {name} is empty")
    return tuple(dict.fromkeys(word for word in words if word))


def _related(
    entity: _Described, relation: str, key: str, *, default_kind: str, only_kind: str | None = None
) -> str | None:
    """Return the first target of a relation, else what ``spec`` names, as a full reference."""
    for found in entity.relations:
        if not isinstance(found, Mapping) or found.get("type") != relation:
            continue
        ref = _ref(found.get("targetRef"), default_kind, entity.namespace)
        if ref is not None and (only_kind is None or ref.startswith(f"{only_kind}:")):
            return ref
    named = entity.spec.get(key)
    if named is None:
        return None
    _refuse_placeholder(f"spec.{key}", named)
    ref = _ref(named, default_kind, entity.namespace)
    if ref is None:
        raise _UnusableError(f"spec.{key} is not a reference to an entity")
    return ref


def _domain(entity: _Described, system: str | None, described: Mapping[str, _Described]) -> str | None:
    """Return the domain of the entity's system, or of the entity itself if it is a system."""
    of = entity if entity.kind == "system" else described.get(system) if system else None
    if of is None:
        return None
    return _related(of, "partOf", "domain", default_kind="domain", only_kind="domain")


def _ref(text: object, default_kind: str, namespace: str) -> str | None:
    """Complete ``[kind:][namespace/]name``; ``None`` if it is not of that form."""
    match = _REF.fullmatch(text.strip()) if isinstance(text, str) else None
    if match is None:
        return None
    kind = match["kind"] or default_kind
    namespace = match["namespace"] or namespace
    name = match["name"]
    if not (_KIND.fullmatch(kind) and _NAMESPACE.fullmatch(namespace) and _NAME.fullmatch(name)):
        return None
    return f"{kind}:{namespace}/{name}".lower()


def _title(value: object) -> str | None:
    if not isinstance(value, str) or not value.strip():
        return None
    # YAML and JSON can spell half a surrogate pair, which no answer could be encoded with.
    return value.strip()[:_MAX_TITLE_LENGTH].encode("utf-8", "replace").decode()


def projects_by_id(entities: Iterable[Entity]) -> Mapping[str, tuple[ProjectRef, ...]]:
    """Return the projects that entities name by their exact id, one per instance, sorted."""
    found: dict[str, list[ProjectRef]] = defaultdict(list)
    for project in sorted({entity.project for entity in entities}):
        found[project.project_id].append(project)
    return {project_id: tuple(projects) for project_id, projects in found.items()}
