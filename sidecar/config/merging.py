"""From app-config files to one plain mapping of just the keys we read.

Backstage's rules: later files win, mappings merge deeply, lists are replaced,
null takes away what earlier files say, and the variables ``APP_CONFIG_…`` win
over all files. A file without content, or a section with nothing below it,
says nothing. Knows no key's meaning; that is ``model``'s.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

from sidecar.config.environment import environment_tree
from sidecar.config.substitution import KeyPath, Substitution, SubstitutionError, Unset, path_text, read_text
from sidecar.config.yaml_text import TextError, parse_json, parse_yaml
from sidecar.domain.errors import ConfigError

SECTION: Final = "litmusSidecar"
OTHER_KEYS: Final[Mapping[str, KeyPath]] = {
    "litmusBaseUrl": ("litmus", "baseUrl"),
    "displayToken": ("litmus", "apiToken"),
    "backendBaseUrl": ("backend", "baseUrl"),
}
"""The keys outside our section, by the name (camelCase) that they have in ``Config``."""

PROXY: Final = "proxy"
"""Backstage's own proxy, which we look at and do not judge."""


class MergedFiles(NamedTuple):
    """What the files say, merged and substituted."""

    section: object
    """The value of ``litmusSidecar``; an empty mapping if no file has it."""
    outside: Mapping[str, object]
    """Of :data:`OTHER_KEYS`, those that are written."""
    unset: Mapping[KeyPath, str]
    """Keys that are absent because a variable is not set."""
    explained: frozenset[KeyPath]
    """Keys that are absent for a reason that ``problems`` already has."""
    problems: tuple[str, ...]
    proxy: object
    """The value of :data:`PROXY`, as far as it can be read; nothing of it is a problem of ours."""


def read_files(paths: Sequence[Path], environ: Mapping[str, str]) -> MergedFiles:
    """Read and merge the files in their order.

    Raises:
        ConfigError: If a file cannot be read; reported alone, for the rest of the
            configuration cannot be judged without it.
    """
    problems: list[str] = []
    trees: list[tuple[object, Path, str]] = []
    for path in paths:
        try:
            text = read_text(path)
        except SubstitutionError as error:
            problems.append(f"{path}: {error}")
            continue
        try:
            tree = parse_json(text) if path.suffix == ".json" and text.strip() else parse_yaml(text)
        except TextError as error:
            problems.append(f"{path}: {error}")
            continue
        if tree is None:
            continue
        if not isinstance(tree, Mapping):
            problems.append(f"{path}: must hold a mapping of keys, but {_kind(tree)}")
            continue
        trees.append((tree, path.absolute().parent, f"{path}: "))
    if not paths:
        problems.append("No configuration file is named; give at least one app-config.yaml")
    if problems:
        raise ConfigError(tuple(problems))
    return _merged(trees, environ)


def read_mapping(mapping: Mapping[str, Any], directory: Path, environ: Mapping[str, str]) -> MergedFiles:
    """Do the same with a mapping in place of a file that lies in ``directory``."""
    return _merged([(mapping, directory, "")], environ)


def _merged(trees: Sequence[tuple[object, Path, str]], environ: Mapping[str, str]) -> MergedFiles:
    problems: list[str] = []
    values: dict[str, object] = {}
    paths = {SECTION: (SECTION,), **OTHER_KEYS}
    proxy: object = Unset(None)

    def take(tree: object, directory: Path, prefix: str, substitution: Substitution) -> None:
        for name, path in paths.items():
            value = substitution.at(tree, path, directory)
            if value is None and len(path) == 1:
                continue  # A section with nothing below it.
            values[name] = merge(values[name], value) if name in values else value
        problems.extend(prefix + problem for problem in dict.fromkeys(substitution.problems))

    for tree, directory, prefix in trees:
        take(tree, directory, prefix, Substitution(environ))
        proxy = merge(proxy, Substitution(environ).at(tree, (PROXY,), directory))
    variables, wrong = environment_tree(environ, paths.values())
    problems += wrong
    take(variables, Path.cwd(), "", Substitution(environ, literal=True))
    unset: dict[KeyPath, str] = {}
    explained: set[KeyPath] = set()
    clean = {name: _pruned(value, paths[name], unset, explained) for name, value in values.items()}
    section = clean.pop(SECTION, None)
    return MergedFiles(
        section={} if section is None else section,
        outside={name: value for name, value in clean.items() if value is not None},
        unset=unset,
        explained=frozenset(explained),
        problems=tuple(problems),
        proxy=_pruned(proxy, (PROXY,), {}, set()),
    )


def merge(earlier: object, later: object) -> object:
    """Return what two values of one key come to when the later wins."""
    if isinstance(later, Unset):
        return later if isinstance(earlier, Unset) else earlier
    if isinstance(earlier, Mapping) and isinstance(later, Mapping):
        merged = dict(earlier)
        for key, value in later.items():
            merged[key] = merge(earlier[key], value) if key in earlier else value
        return merged
    return later


def _pruned(value: object, path: KeyPath, unset: dict[KeyPath, str], explained: set[KeyPath]) -> object:
    """Take away what is absent, and note why it is."""
    if isinstance(value, Unset):
        if value.variable is None:
            explained.add(path)
        else:
            unset[path] = value.variable
        return None
    if isinstance(value, Mapping):
        children = {key: _pruned(child, (*path, key), unset, explained) for key, child in value.items()}
        return {key: child for key, child in children.items() if child is not None}
    if isinstance(value, tuple):
        kept: list[object] = []
        for child in value:
            pruned = _pruned(child, (*path, len(kept)), unset, explained)
            if not isinstance(child, Unset):
                kept.append(pruned)
        return tuple(kept)
    return value


def _kind(tree: object) -> str:
    return "holds a list" if isinstance(tree, list) else "holds a single value"


def unset_sentence(path: KeyPath, variable: str) -> str:
    """Say that a key is absent because of its variable."""
    return f"{path_text(path)}: the environment variable {variable} is not set, so this counts as not written"
