"""The catalog of a Backstage backend, read through its catalog API with our own credential.

Reads whole or not at all: while Backstage is away or answers nonsense, the
entities of the last reading stay, and a problem says since when. How often is
the composition root's.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import structlog

from sidecar.backstage.transport import BackstageError, BackstageHttp
from sidecar.catalog.entities import INFRAS_ANNOTATION, TAGS_ANNOTATION, Document, catalog_of, projects_by_id
from sidecar.domain.catalog import INSTANCE_ANNOTATION, PROJECT_ANNOTATION, Catalog
from sidecar.domain.model import ProjectRef
from sidecar.domain.ports import Clock

BY_QUERY_PATH: Final = "/api/catalog/entities/by-query"
BY_REFS_PATH: Final = "/api/catalog/entities/by-refs"
PAGE_ENTITIES: Final = 200
REFS_AT_ONCE: Final = 200
MAX_ENTITIES: Final = 50_000
READING_SECONDS: Final = 60.0
"""Longest that one reading of all pages may take."""

SOURCE: Final = "Backstage"
_FILTER: Final = f"metadata.annotations.{PROJECT_ANNOTATION}"
_SYSTEM_FIELDS: Final = ("kind", "metadata.name", "metadata.namespace", "spec.domain", "relations")
_FIELDS: Final = (
    *_SYSTEM_FIELDS,
    "metadata.title",
    *(
        f"metadata.annotations.{name}"
        for name in (PROJECT_ANNOTATION, INSTANCE_ANNOTATION, TAGS_ANNOTATION, INFRAS_ANNOTATION)
    ),
    "spec.owner",
    "spec.system",
)
_log = structlog.get_logger(__name__)


class BackstageCatalog:
    """The entities that Backstage's catalog has, as last read. Implements ``ports.Catalogue``."""

    def __init__(
        self,
        http: BackstageHttp,
        instances: Sequence[str],
        *,
        token: Callable[[], str],
        clock: Clock,
        page_entities: int = PAGE_ENTITIES,
    ) -> None:
        """Take ``token``, which is called for every request (a static token, or ``CatalogSigner.token``)."""
        self._http = http
        self._instances = tuple(instances)
        self._token = token
        self._clock = clock
        self._page_entities = page_entities
        self._read = Catalog()
        self._current = Catalog()
        self._by_id: Mapping[str, tuple[ProjectRef, ...]] = {}
        self._doubted = False
        self._refreshing = asyncio.Lock()
        self.read_at: datetime | None = None
        """Start of the last reading that counted, UTC; ``None`` before the first."""
        self.error: str | None = None
        """Why the last attempt brought nothing; ``None`` when it did, and before the first."""

    @property
    def current(self) -> Catalog:
        """The entities as last read; empty before the first reading."""
        return self._current

    def projects_with_id(self, project_id: str) -> tuple[ProjectRef, ...]:
        """Return the projects of that exact id that entities name, one per instance, sorted.

        Exact although Backstage's own filter ignores case: ids are compared here.
        """
        return self._by_id.get(project_id, ())

    async def refresh(self) -> bool:
        """Read the catalog; return whether ``current`` changed. Never raises for what Backstage does.

        A reading that is empty after one that was not counts only when the next one says so again.
        """
        async with self._refreshing:
            started_at = self._clock()
            try:
                async with asyncio.timeout(READING_SECONDS):
                    catalog = await self._fetch()
            except BackstageError as error:
                return self._keep(str(error))
            except TimeoutError:
                return self._keep(f"Reading it took longer than {READING_SECONDS:g} s.")
            return self._accept(catalog, started_at)

    def _keep(self, why: str) -> bool:
        if self.error is None:
            _log.warning("catalog of Backstage not read", reason=why, entities=len(self._read.entities))
        self.error = why
        if self.read_at is None:
            sentence = f"{SOURCE}: the catalog could not be read yet. {why}"
        else:
            sentence = f"{SOURCE}: the catalog is as it was at {_text(self.read_at)}. {why}"
        return self._show(self._read, sentence)

    def _accept(self, catalog: Catalog, started_at: datetime) -> bool:
        self.error = None
        if not catalog.entities and self._read.entities and not self._doubted:
            self._doubted = True
            return self._show(
                self._read,
                f"{SOURCE}: the catalog is empty; the entities of before stay until the next reading says so "
                "again",
            )
        self._doubted = False
        self.read_at = started_at
        self._read = catalog
        return self._show(catalog)

    def _show(self, catalog: Catalog, problem: str | None = None) -> bool:
        shown = catalog
        if problem is not None:
            shown = Catalog(entities=catalog.entities, problems=(*catalog.problems, problem))
        changed = shown != self._current
        self._current = shown
        self._by_id = projects_by_id(shown.entities)
        return changed

    async def _fetch(self) -> Catalog:
        """Read all pages, then the systems that entities belong to, for their domains.

        Raises:
            BackstageError: If any of it fails: half a catalog would take access from the other half.
        """
        described = await self._fetch_annotated()
        found = await asyncio.to_thread(catalog_of, described, self._instances)
        systems = sorted({entity.system for entity in found.entities if entity.system is not None})
        if not systems:
            return found
        # An annotated system was read already, and its project with it.
        known = {ref for document in described if (ref := _ref_of(document.content))}
        more = await self._fetch_systems([system for system in systems if system not in known])
        return await asyncio.to_thread(catalog_of, [*described, *more], self._instances)

    async def _fetch_annotated(self) -> list[Document]:
        documents: list[Document] = []
        cursors: set[str] = set()
        paging = [("fields", ",".join(_FIELDS)), ("limit", str(self._page_entities))]
        start = ("filter", _FILTER)
        while True:
            answer = await self._http.get(BY_QUERY_PATH, token=self._token(), params=[start, *paging])
            items, cursor = _page(answer)
            documents += [Document(SOURCE, item) for item in items]
            if len(documents) > MAX_ENTITIES:
                raise BackstageError(f"More than {MAX_ENTITIES} of its entities name a project.")
            if cursor is None:
                return documents
            if cursor in cursors or not items:
                raise BackstageError("Its pages go in a circle.")
            cursors.add(cursor)
            # The filter is inside the cursor; fields and limit are not.
            start = ("cursor", cursor)

    async def _fetch_systems(self, refs: Sequence[str]) -> list[Document]:
        documents: list[Document] = []
        for first in range(0, len(refs), REFS_AT_ONCE):
            asked = refs[first : first + REFS_AT_ONCE]
            answer = await self._http.post(
                BY_REFS_PATH, {"entityRefs": asked, "fields": _SYSTEM_FIELDS}, token=self._token()
            )
            items = answer.get("items") if isinstance(answer, Mapping) else None
            if not isinstance(items, list):
                raise BackstageError("Its answer about systems has no items.")
            # Null stands for a system that does not exist, or that we may not see.
            documents += [Document(SOURCE, item) for item in items if _ref_of(item) in asked]
        return documents


def _page(answer: Any) -> tuple[list[Any], str | None]:
    """Return the entities of a page and the cursor of the next; ``None`` on the last."""
    items = answer.get("items") if isinstance(answer, Mapping) else None
    if not isinstance(items, list):
        raise BackstageError("Its answer has no items.")
    if not all(_ref_of(item) is not None for item in items):
        # Left out one by one they would make an empty catalog, which takes everybody's access.
        raise BackstageError("Its answer has items that are no entities.")
    info = answer.get("pageInfo")
    cursor = info.get("nextCursor") if isinstance(info, Mapping) else None
    return items, cursor if isinstance(cursor, str) and cursor else None


def _ref_of(content: object) -> str | None:
    """Return the ref of what says kind and name, as every entity of Backstage does; else ``None``."""
    metadata = content.get("metadata") if isinstance(content, Mapping) else None
    if not isinstance(content, Mapping) or not isinstance(metadata, Mapping):
        return None
    kind, name = content.get("kind"), metadata.get("name")
    if not (isinstance(kind, str) and kind and isinstance(name, str) and name):
        return None
    return f"{kind}:{metadata.get('namespace', 'default')}/{name}".lower()


def _text(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
