"""The snapshots in this process's memory: encoded all, decoded what was asked for lately.

No I/O. What is decoded is bounded in bytes; a project that nobody asks for
costs its compressed bytes only.
"""

from collections.abc import Collection, Mapping
from typing import Final

import cachetools
import msgspec
import structlog

from sidecar.errors import StoreError
from sidecar.model import Content, Freshness, ProjectRef, Section, Snapshot
from sidecar.ports import SnapshotHead
from sidecar.store.codec import dump_content, dump_freshness, parse_content, parse_freshness

DECODED_BYTES: Final = 64 * 1024 * 1024
"""Room for decoded snapshots, by estimate."""
EXPANSION: Final = 30
"""Bytes of a decoded content per compressed byte; measured 20 to 30 on the demonstration's projects."""

_log = structlog.get_logger(__name__)


class StoredSnapshot(msgspec.Struct, frozen=True, kw_only=True):
    """A row of the store: one snapshot, encoded."""

    project: ProjectRef
    version: int
    """Of the content."""
    revision: int
    """Of the row; rises with every write."""
    content: bytes
    freshness: bytes


class _Entry(msgspec.Struct, frozen=True, kw_only=True):
    row: StoredSnapshot
    freshness: Mapping[Section, Freshness]
    restored: frozenset[Section]


class SnapshotView:
    """The current snapshot of every project."""

    def __init__(self, decoded_bytes: int = DECODED_BYTES) -> None:
        self._entries: dict[ProjectRef, _Entry] = {}
        self._decoded: cachetools.LRUCache[ProjectRef, Snapshot] = cachetools.LRUCache(
            decoded_bytes, getsizeof=self._size_of
        )

    @property
    def projects(self) -> Collection[ProjectRef]:
        """The projects there is something of."""
        return tuple(self._entries)

    @property
    def decoded_bytes(self) -> float:
        """Estimated bytes of what is decoded."""
        return self._decoded.currsize

    def row(self, project: ProjectRef) -> StoredSnapshot | None:
        """Return the encoded snapshot."""
        entry = self._entries.get(project)
        return entry.row if entry else None

    def revision(self, project: ProjectRef) -> int:
        """Return the revision of the row we know; 0 if we know none."""
        entry = self._entries.get(project)
        return entry.row.revision if entry else 0

    def head(self, project: ProjectRef) -> SnapshotHead | None:
        """Return version and freshness of the current snapshot; ``None`` before the first attempt."""
        entry = self._entries.get(project)
        if entry is None or not entry.freshness:
            return None
        return SnapshotHead(version=entry.row.version, freshness=entry.freshness)

    def get(self, project: ProjectRef) -> Snapshot | None:
        """Return the current snapshot; ``None`` before the first attempt."""
        snapshot = self._decoded.get(project)
        if snapshot is not None:
            return snapshot
        entry = self._entries.get(project)
        if entry is None or not entry.freshness:
            return None
        content = _content(entry.row)
        if content is None:
            self._entries[project] = msgspec.structs.replace(entry, freshness={})
            return None
        snapshot = Snapshot(
            project=project,
            version=entry.row.version,
            content=content,
            freshness=entry.freshness,
            restored=entry.restored,
        )
        self._remember(snapshot)
        return snapshot

    def decoded(self, row: StoredSnapshot) -> Snapshot | None:
        """Return the snapshot of a row that another replica wrote, without taking it in."""
        freshness, content = _freshness(row), _content(row)
        if content is None or not freshness:
            return None
        restored = self._still_restored(row.project, freshness)
        return Snapshot(
            project=row.project, version=row.version, content=content, freshness=freshness, restored=restored
        )

    def encoded(self, snapshot: Snapshot, revision: int) -> StoredSnapshot:
        """Return the row of a snapshot; unchanged content is not encoded again."""
        known = self.row(snapshot.project)
        is_same = known is not None and known.version == snapshot.version
        return StoredSnapshot(
            project=snapshot.project,
            version=snapshot.version,
            revision=revision,
            content=known.content if known is not None and is_same else dump_content(snapshot.content),
            freshness=dump_freshness(snapshot.freshness),
        )

    def put(self, snapshot: Snapshot, row: StoredSnapshot) -> None:
        """Take in what was just written, unless something later is here already."""
        if row.revision < self.revision(snapshot.project):
            return
        self._entries[snapshot.project] = _Entry(
            row=row, freshness=snapshot.freshness, restored=snapshot.restored
        )
        self._remember(snapshot)

    def adopt(self, row: StoredSnapshot, *, restored: bool) -> None:
        """Take in a row that was read from the store.

        With ``restored`` every section counts as from before our start; else
        those do that were it before and were not fetched since.
        """
        freshness = _freshness(row)
        known = self._entries.get(row.project)
        old = frozenset(freshness) if restored else self._still_restored(row.project, freshness)
        if known is not None and row.content != known.row.content and row.version <= known.row.version:
            # Readers keep answers by version: other content must never come under one they saw.
            row = msgspec.structs.replace(row, version=known.row.version + 1)
        self._entries[row.project] = _Entry(row=row, freshness=freshness, restored=old)
        self._decoded.pop(row.project, None)

    def retain(self, projects: Collection[ProjectRef]) -> None:
        """Forget what belongs to no project of these."""
        for project in self._entries.keys() - set(projects):
            del self._entries[project]
            self._decoded.pop(project, None)

    def _still_restored(
        self, project: ProjectRef, freshness: Mapping[Section, Freshness]
    ) -> frozenset[Section]:
        """Return the sections that were from before our start and were fetched by nobody since."""
        known = self._entries.get(project)
        return frozenset(
            section
            for section in (known.restored if known else ())
            if known
            and section in freshness
            and freshness[section].succeeded_at == known.freshness[section].succeeded_at
        )

    def _remember(self, snapshot: Snapshot) -> None:
        self._decoded.pop(snapshot.project, None)
        if self._size_of(snapshot) <= self._decoded.maxsize:
            self._decoded[snapshot.project] = snapshot

    def _size_of(self, snapshot: Snapshot) -> int:
        row = self.row(snapshot.project)
        return EXPANSION * len(row.content) if row else 0


def _content(row: StoredSnapshot) -> Content | None:
    try:
        return parse_content(row.content)
    except StoreError as exc:
        _log.error("stored snapshot dropped", project=str(row.project), reason=str(exc))
        return None


def _freshness(row: StoredSnapshot) -> Mapping[Section, Freshness]:
    """Return the freshness; empty, as if nothing was ever attempted, when the row is of no use."""
    try:
        return parse_freshness(row.freshness) or {}
    except StoreError as exc:
        _log.error("stored snapshot dropped", project=str(row.project), reason=str(exc))
        return {}
