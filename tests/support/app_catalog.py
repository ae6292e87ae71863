"""The catalog as a Backstage app asks for it: by name, by query, by references."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from aiohttp import web

Entity = Mapping[str, Any]


class AppCatalog:
    """Entities, and the routes below ``/api/catalog`` that an app uses."""

    def __init__(self, entities: Sequence[Entity]) -> None:
        self.entities = entities

    async def answer(self, request: web.Request) -> web.Response | None:
        """Answer a request; ``None`` if no such route is known here."""
        match request.path.removeprefix("/api/catalog/").split("/"):
            case ["entities", "by-name", kind, namespace, name, *rest]:
                return self._by_name(f"{kind}:{namespace}/{name}".lower(), rest)
            case ["entities", "by-refs"]:
                asked = (await request.json())["entityRefs"]
                return web.json_response({"items": [self._named(ref.lower()) for ref in asked]})
            case ["entities", "by-query"]:
                return await self._by_query(request)
            case ["entities"]:
                return web.json_response(self._matching(request.query.getall("filter", [])))
            case ["entity-facets"]:
                return self._facets(request)
            case _:
                return None

    def _named(self, ref: str) -> Entity | None:
        return next((entity for entity in self.entities if _ref(entity) == ref), None)

    def _by_name(self, ref: str, rest: list[str]) -> web.Response | None:
        found = self._named(ref)
        if found is None:
            error = {"name": "NotFoundError", "message": f"No entity {ref}"}
            return web.json_response({"error": error}, status=404)
        if rest == ["ancestry"]:
            items = [{"entity": found, "parentEntityRefs": list[str]()}]
            return web.json_response({"rootEntityRef": ref, "items": items})
        return None if rest else web.json_response(found)

    async def _by_query(self, request: web.Request) -> web.Response:
        filters = request.query.getall("filter", [])
        limit = int(request.query.get("limit", "200"))
        if request.method == "POST":
            body = await request.json()
            filters, limit = _as_filters(body.get("query", {})), body.get("limit", 200)
        found = self._matching(filters)
        return web.json_response({"items": found[:limit], "totalItems": len(found), "pageInfo": {}})

    def _facets(self, request: web.Request) -> web.Response:
        found = self._matching(request.query.getall("filter", []))
        facets = {}
        for name in request.query.getall("facet", []):
            counts = Counter(value for entity in found for value in _values(entity, name.lower()))
            facets[name] = [{"value": value, "count": count} for value, count in sorted(counts.items())]
        return web.json_response({"facets": facets})

    def _matching(self, filters: Sequence[str]) -> list[Entity]:
        """Return what any of the filters leaves; each is conditions with commas between."""
        return [
            entity for entity in self.entities if not filters or any(_fits(entity, one) for one in filters)
        ]


def _ref(entity: Entity) -> str:
    metadata = entity["metadata"]
    return f"{entity['kind']}:{metadata['namespace']}/{metadata['name']}".lower()


def _as_filters(query: Mapping[str, Any]) -> list[str]:
    """Return a predicate of plain equalities and ``$exists`` as a filter of one line."""
    conditions = [name if isinstance(wanted, dict) else f"{name}={wanted}" for name, wanted in query.items()]
    return [",".join(conditions)] if conditions else []


def _fits(entity: Entity, conditions: str) -> bool:
    wanted: dict[str, set[str]] = {}
    for condition in conditions.lower().split(","):
        name, has_value, value = condition.partition("=")
        wanted.setdefault(name, set()).update({value} if has_value else ())
    for name, values in wanted.items():
        present = {text.lower() for text in _values(entity, name)}
        if not present or (values and present.isdisjoint(values)):
            return False
    return True


def _values(entity: Entity, name: str) -> Iterator[str]:
    """Yield what an entity has under a name in lower case, as the catalog's search has it."""
    if name.startswith("relations."):
        kind = name.removeprefix("relations.")
        yield from (one["targetRef"] for one in entity["relations"] if one["type"].lower() == kind)
    else:
        yield from _below(entity, name)


def _below(value: object, name: str) -> Iterator[str]:
    if isinstance(value, list):
        for one in value:
            yield from _below(one, name)
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            if name == key.lower():
                yield from _below(inner, "")
            elif name.startswith(f"{key.lower()}."):
                yield from _below(inner, name[len(key) + 1 :])
    elif not name:
        yield str(value)
