"""What the environment says in place of a file: ``APP_CONFIG_litmus_baseUrl=https://…``.

Follows ``@backstage/config-loader``: keys are joined by ``_`` and keep their
case, a value is JSON or else text, an empty one says nothing, and nothing in it
is substituted. Problems name variables, never values.
"""

import re
from collections.abc import Collection, Mapping
from typing import Final

from sidecar.config.substitution import KeyPath
from sidecar.config.yaml_text import TextError, parse_json

PREFIX: Final = "APP_CONFIG_"
_KEY: Final = re.compile(r"[A-Za-z][A-Za-z0-9]*(?:[-:][A-Za-z0-9]+)*")


def environment_tree(
    environ: Mapping[str, str], wanted: Collection[KeyPath]
) -> tuple[Mapping[str, object], list[str]]:
    """Return what variables say of the wanted paths, as the tree of a file, and what is wrong with them.

    Variables of other paths are left alone, whatever they hold.
    """
    tree: dict[str, object] = {}
    problems: list[str] = []
    given = {
        tuple(name.removeprefix(PREFIX).split("_")): value
        for name, value in environ.items()
        if name.startswith(PREFIX) and value
    }
    for path in sorted(given):
        if not any(path[: len(one)] == one[: len(path)] for one in wanted):
            continue
        if problem := _put(tree, path, given[path]):
            problems.append(f"{PREFIX}{'_'.join(path)}: {problem}")
    return tree, problems


def _put(tree: dict[str, object], path: tuple[str, ...], text: str) -> str | None:
    """Put a value where it belongs; return why it cannot be."""
    if not all(_KEY.fullmatch(key) for key in path):
        return f"must be {PREFIX} and keys joined by '_'"
    value = _value(text)
    if value is None:
        return "must not be null; a variable cannot take a value away"
    for depth, key in enumerate(path[:-1], 1):
        below = tree.setdefault(key, {})
        if not isinstance(below, dict):
            return f"leads below {PREFIX}{'_'.join(path[:depth])}, which is no mapping"
        tree = below
    if path[-1] in tree:
        return "is given twice, by a shorter variable too"
    tree[path[-1]] = value
    return None


def _value(text: str) -> object:
    try:
        return parse_json(text)
    except TextError:
        return text
