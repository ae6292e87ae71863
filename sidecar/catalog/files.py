"""The catalog in files: catalog-info documents found by glob patterns.

Reads, and notices that something changed; who looks how often is the
composition root's. File work runs in a thread. Nothing about a file raises:
it becomes a problem of the catalog.
"""

import asyncio
import glob
import os
import stat
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from sidecar.catalog.entities import Document, catalog_of, projects_by_id
from sidecar.catalog.locations import location_targets
from sidecar.config.yaml_text import TextError, parse_documents
from sidecar.domain.catalog import Catalog
from sidecar.domain.model import ProjectRef

MAX_FILE_BYTES: Final = 4 << 20
"""A larger catalog file is not read: it is not one people wrote."""
MAX_TARGETS: Final = 1_000
"""Most targets of Locations that are followed, those of the files they lead to included."""


class _Signature(NamedTuple):
    """What of a file changes when its content does; the change time, when only its permissions do."""

    path: str
    modified_ns: int
    changed_ns: int
    size_bytes: int
    inode: int


class _Reading(NamedTuple):
    """What one look at the files found."""

    catalog: Catalog
    complete: bool
    """Whether every file could be read."""
    targets: tuple[str, ...]
    """Patterns that Locations lead to."""


class FileCatalog:
    """The entities in the files that patterns find, as last read. Implements ``ports.Catalogue``."""

    def __init__(
        self, patterns: Sequence[str], instances: Sequence[str], *, max_file_bytes: int = MAX_FILE_BYTES
    ) -> None:
        self._patterns = tuple(patterns)
        self._instances = tuple(instances)
        self._max_file_bytes = max_file_bytes
        self._current = Catalog()
        self._targets: tuple[str, ...] = ()
        self._signature: object = None
        self._doubted = False
        self._by_id: Mapping[str, tuple[ProjectRef, ...]] = {}
        self._refreshing = asyncio.Lock()

    def look_for(self, patterns: Sequence[str]) -> None:
        """Take other patterns; they count from the next :meth:`refresh` on."""
        self._patterns = tuple(patterns)

    @property
    def current(self) -> Catalog:
        """The entities as last read; empty before the first read."""
        return self._current

    def projects_with_id(self, project_id: str) -> tuple[ProjectRef, ...]:
        """Return the projects of that exact id that entities name, one per instance, sorted."""
        return self._by_id.get(project_id, ())

    async def refresh(self) -> bool:
        """Look at the files, and read them if they changed; return whether ``current`` did.

        A reading that is empty, or lacks a file that cannot be read, replaces
        entities only when the next one says so again (contract 7): a volume
        being swapped must not take everybody's access away.
        """
        async with self._refreshing:
            signature = await asyncio.to_thread(self._look)
            if signature == self._signature:
                return False
            reading = await asyncio.to_thread(self._read)
            return self._accept(reading, signature)

    def _accept(self, reading: _Reading, signature: object) -> bool:
        # Targets that are new were not in the signature, so that the next look reads once more.
        self._targets = reading.targets
        doubtful = not (reading.complete and reading.catalog.entities)
        if doubtful and self._current.entities and not self._doubted:
            self._doubted = True
            self._signature = None
            why = "is empty" if reading.complete else "lacks files that cannot be read"
            catalog = Catalog(
                entities=self._current.entities,
                problems=(
                    *reading.catalog.problems,
                    f"The catalog {why}; the entities of before stay until the next reading says so again",
                ),
            )
        else:
            self._doubted = False
            self._signature = signature if reading.complete else None
            catalog = reading.catalog
        changed = catalog != self._current
        self._current = catalog
        self._by_id = projects_by_id(catalog.entities)
        return changed

    def _look(self) -> object:
        """Return a value that differs when a reading might; cheap, opens no file."""
        # Other patterns may find the same files, and yet have other problems.
        patterns = (*self._patterns, *self._targets)
        return patterns, tuple(_signature(path) for pattern in patterns for path in _found(pattern))

    def _read(self) -> _Reading:
        problems: list[str] = []
        documents: list[Document] = []
        complete = True
        seen: set[str] = set()
        targets: dict[str, None] = {}
        pending = deque(self._patterns)
        while pending:
            pattern = pending.popleft()
            paths = _found(pattern)
            if not paths:
                problems.append(f"{pattern}: no file is found there")
            for path in paths:
                target = os.path.realpath(path)
                if target in seen:
                    continue
                seen.add(target)
                try:
                    text = _text(path, self._max_file_bytes)
                except _UnreadableError as error:
                    problems.append(f"{path}: {error}")
                    complete = False
                    continue
                for document in _documents(path, text, problems):
                    documents.append(document)
                    found, unfollowed = location_targets(document, os.path.dirname(path))  # noqa: PTH120
                    problems += unfollowed
                    new = [target for target in found if target not in targets]
                    targets |= dict.fromkeys(new)
                    pending += new
            if len(targets) > MAX_TARGETS:
                problems.append(f"Locations have more than {MAX_TARGETS} targets; no more are followed")
                pending.clear()
        catalog = catalog_of(documents, self._instances)
        whole = Catalog(entities=catalog.entities, problems=(*problems, *catalog.problems))
        return _Reading(whole, complete, tuple(targets)[:MAX_TARGETS])


class _UnreadableError(Exception):
    """A file cannot be read; the sentence says why."""


def _found(pattern: str) -> list[str]:
    """Return what a pattern finds, directories left out, in a stable order."""
    found = glob.glob(pattern, recursive=True)  # noqa: PTH207  # Path.glob takes no absolute pattern
    return sorted(path for path in found if not os.path.isdir(path))  # noqa: PTH112  # Path.is_dir raises


def _signature(path: str) -> _Signature | str:
    try:
        status = Path(path).stat()
    except OSError:
        return path
    return _Signature(path, status.st_mtime_ns, status.st_ctime_ns, status.st_size, status.st_ino)


def _text(path: str, max_bytes: int) -> str:
    try:
        # Looked at before it is opened: opening a pipe would wait for its writer.
        if not stat.S_ISREG(Path(path).stat().st_mode):
            raise _UnreadableError("is not a file")
        with Path(path).open("rb") as file:
            data = file.read(max_bytes + 1)
    except OSError as error:
        raise _UnreadableError(f"cannot be read: {error.strerror or type(error).__name__}") from error
    if len(data) > max_bytes:
        raise _UnreadableError(f"is larger than {max_bytes} bytes")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _UnreadableError("is not UTF-8 text") from error


def _documents(path: str, text: str, problems: list[str]) -> Iterator[Document]:
    for document in parse_documents(text):
        source = f"{path}, document {document.number}"
        if isinstance(document.content, TextError):
            problems.append(f"{source}: {document.content}")
        elif document.content is not None:
            yield Document(source, document.content)
