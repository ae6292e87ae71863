"""What an entity of kind Location leads to, as far as it is a file below its own directory. Pure.

Backstage follows addresses too, with credentials that we do not have; those are
named, for what is behind them would be missing without a word.
"""

import glob
import os
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePath
from typing import Final

from sidecar.catalog.entities import Document, placeholder

_INSTEAD: Final = (
    "name it in litmusSidecar.catalog.files, or read the catalog of Backstage (catalog.backstage)"
)


def location_targets(document: Document, directory: str) -> tuple[list[str], list[str]]:
    """Return the patterns of files that a document in ``directory`` leads to, and what is not followed.

    Nothing for a document that is no Location.
    """
    patterns: list[str] = []
    problems: list[str] = []
    for key, target in _targets(document.content):
        why = _unfollowed(target)
        if why is None:
            patterns.append(str(Path(glob.escape(directory), _relative(str(target)))))
        else:
            problems.append(f"{document.source}: {key} {why}")
    return patterns, problems


def _targets(content: object) -> Iterator[tuple[str, object]]:
    if not isinstance(content, Mapping) or str(content.get("kind")).lower() != "location":
        return
    spec = content.get("spec")
    if not isinstance(spec, Mapping):
        return
    if "target" in spec:
        yield "spec.target", spec["target"]
    targets = spec.get("targets")
    if isinstance(targets, list):
        yield from ((f"spec.targets[{index}]", target) for index, target in enumerate(targets))


def _unfollowed(target: object) -> str | None:
    """Return why a target is not followed; the sentence's end."""
    if name := placeholder(target):
        return f"is the placeholder {name}, which only Backstage resolves; {_INSTEAD}"
    if not isinstance(target, str) or not target.strip() or "\0" in target:
        return "is not followed: it must be the name of a file"
    if "://" in target:
        return f"is an address, which only Backstage follows; {_INSTEAD}"
    path = _relative(target)
    if path.is_absolute() or path.parts[:1] == (os.pardir,):
        return f"is not followed: it leads out of the directory of its file; {_INSTEAD}"
    return None


def _relative(target: str) -> PurePath:
    return PurePath(os.path.normpath(target.strip()))
