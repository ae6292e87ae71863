"""The snapshots in this process's memory: encoded all, decoded what was asked for lately.

No I/O. What is decoded is bounded in bytes; a project that nobody asks for
costs its compressed bytes only.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Final

import cachetools
import msgspec
import structlog

from sidecar.domain.errors import StoreError
from sidecar.domain.freshness import merge
from sidecar.domain.model import Content, Freshness, ProjectRef, Section, SectionResult, Snapshot
from sidecar.domain.ports import SnapshotHead
from sidecar.runtime.turns import Work, run_whole
from sidecar.store.codec import dump_content, dump_freshness, parse_content, parse_freshness

DECODED_BYTES: Final = 64 * 1024 * 1024
"""Room for decoded snapshots, by estimate."""
EXPANSION: Final = 30
"""Bytes of a decoded content per compressed byte; measured 20 to 30 on the demonstration's projects."""

_log = structlog.get_logger(__name__)


class SnapshotRow(msgspec.Struct, frozen=True, kw_only=True):
    """A row of the store: one snapshot, encoded."""

    project: ProjectRef
    version: int
    """Of the content."""
    revision: int
    """Of the row; rises with every write."""
    content: bytes
    freshness: bytes


class _Entry(msgspec.Struct, frozen=True, kw_only=True):
    row: SnapshotRow
    freshness: Mapping[Section, Freshness]
    restored: frozenset[Section]


class SnapshotCache:
    """The current snapshot of every project.

    Readers keep answers by version: other content never comes under one that
    they may have seen, be it of before the project left the catalog.
    """

    def __init__(self, decoded_bytes: int = DECODED_BYTES) -> None:
        self._entries: dict[ProjectRef, _Entry] = {}
        self._decoded: cachetools.LRUCache[ProjectRef, Snapshot] = cachetools.LRUCache(
            decoded_bytes, getsizeof=self._size_of
        )
        self._first_version = 0
        """Above every version of what was forgotten; one number for all, or they would pile up."""

    @property
    def projects(self) -> Collection[ProjectRef]:
        """The projects there is something of."""
        return tuple(self._entries)

    @property
    def decoded_bytes(self) -> float:
        """Estimated bytes of what is decoded."""
        return self._decoded.currsize

    def row(self, project: ProjectRef) -> SnapshotRow | None:
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
        return self._decoded.get(project) or run_whole(self.load(project))

    def load(self, project: ProjectRef) -> Work[Snapshot | None]:
        """Return the same; it is decoded in pieces, if it is not yet."""
        while (snapshot := self._decoded.get(project)) is None:
            entry = self._entries.get(project)
            if entry is None or not entry.freshness:
                return None
            content = yield from _content(entry.row)
            if self._entries.get(project) is not entry:
                # Another one came meanwhile.
                continue
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
        return snapshot

    def merged(self, project: ProjectRef, results: Sequence[SectionResult]) -> Work[Snapshot]:
        """Return what an attempt makes of the current snapshot; nothing is taken in."""
        previous = yield from self.load(project)
        snapshot = merge(previous, project, results)
        return snapshot if previous else self._numbered(snapshot, self._next_version(project))

    def merged_with(self, row: SnapshotRow, results: Sequence[SectionResult]) -> Work[Snapshot]:
        """Return what they make of a row that another replica wrote; nothing is taken in.

        Without a row of our own that is known, what is stored is from before our start.
        """
        freshness, content = _freshness(row), (yield from _content(row))
        if content is None or not freshness:
            return (yield from self.merged(row.project, results))
        is_new = self.revision(row.project) == 0
        stored = Snapshot(
            project=row.project,
            version=row.version,
            content=content,
            freshness=freshness,
            restored=frozenset(freshness) if is_new else self._still_restored(row.project, freshness),
        )
        merged, ours = merge(stored, row.project, results), (yield from self.load(row.project))
        is_same = ours is not None and merged.content == ours.content
        return self._numbered(merged, self._next_version(row.project) - is_same)

    def encoded(self, snapshot: Snapshot, revision: int) -> Work[SnapshotRow]:
        """Return the row of a snapshot; content that is the current one is not encoded again."""
        known, decoded = self.row(snapshot.project), self._decoded.get(snapshot.project)
        if known is not None and decoded is not None and decoded.content == snapshot.content:
            content = known.content
        else:
            content = yield from dump_content.work(snapshot.content)
        return SnapshotRow(
            project=snapshot.project,
            version=snapshot.version,
            revision=revision,
            content=content,
            freshness=dump_freshness(snapshot.freshness),
        )

    def put(self, snapshot: Snapshot, row: SnapshotRow) -> Snapshot:
        """Take in what was just written, unless something later is here; return it as it is served."""
        if row.revision < self.revision(snapshot.project):
            return snapshot
        row = self._renumbered(row)
        snapshot = self._numbered(snapshot, row.version)
        self._entries[snapshot.project] = _Entry(
            row=row, freshness=snapshot.freshness, restored=snapshot.restored
        )
        self._remember(snapshot)
        return snapshot

    def adopt(self, row: SnapshotRow, *, restored: bool) -> None:
        """Take in a row that was read from the store.

        With ``restored`` every section counts as from before our start; else
        those do that were it before and were not fetched since.
        """
        freshness = _freshness(row)
        old = frozenset(freshness) if restored else self._still_restored(row.project, freshness)
        self._entries[row.project] = _Entry(row=self._renumbered(row), freshness=freshness, restored=old)
        self._decoded.pop(row.project, None)

    def retain(self, projects: Collection[ProjectRef]) -> None:
        """Forget what belongs to no project of these."""
        for project in self._entries.keys() - set(projects):
            self._first_version = max(self._first_version, self._next_version(project))
            del self._entries[project]
            self._decoded.pop(project, None)

    def _next_version(self, project: ProjectRef) -> int:
        """Return the lowest version that no reader can have seen."""
        known = self.row(project)
        return self._first_version if known is None else known.version + 1

    def _renumbered(self, row: SnapshotRow) -> SnapshotRow:
        """Return the row under a version that readers did not see with other content."""
        known = self.row(row.project)
        is_seen = known is not None and row.content == known.content
        lowest = self._next_version(row.project) - is_seen
        return msgspec.structs.replace(row, version=max(row.version, lowest))

    @staticmethod
    def _numbered(snapshot: Snapshot, version: int) -> Snapshot:
        """Return the snapshot under this version, or its own if that is higher."""
        return msgspec.structs.replace(snapshot, version=max(snapshot.version, version))

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


def _content(row: SnapshotRow) -> Work[Content | None]:
    try:
        return (yield from parse_content.work(row.content))
    except StoreError as exc:
        _log.error("stored snapshot dropped", project=str(row.project), reason=str(exc))
        return None


def _freshness(row: SnapshotRow) -> Mapping[Section, Freshness]:
    """Return the freshness; empty, as if nothing was ever attempted, when the row is of no use."""
    try:
        return parse_freshness(row.freshness) or {}
    except StoreError as exc:
        _log.error("stored snapshot dropped", project=str(row.project), reason=str(exc))
        return {}
