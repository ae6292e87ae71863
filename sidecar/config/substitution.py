"""Backstage's app-config substitution: ``${VAR}``, ``$env``, ``$file``, ``$include``.

Works on the part of a file that it is given and evaluates nothing else.
Follows ``@backstage/config-loader``: variables are trimmed, one that is not
set makes the whole value absent, what ``$env`` or ``$file`` brings is not
substituted again. Problems name paths, never values.
"""

import glob
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final, NamedTuple

from sidecar.config.yaml_text import TextError, parse_json, parse_yaml

KeyPath = tuple[str | int, ...]
"""Where a value stands: ``("litmusSidecar", "instances", 0, "token")``."""

_INCLUDES: Final = ("$file", "$env", "$include")
_PLACEHOLDER: Final = re.compile(r"(\$?\$\{[^{}]*\})")
_VARIABLE_NAME: Final = re.compile(r"[A-Z_][A-Z0-9_]{0,63}")
_MAX_DEPTH: Final = 40
_MAX_VALUES: Final = 20_000
_MAX_FILE_BYTES: Final = 1 << 20


class Unset(NamedTuple):
    """A value that is absent after substitution."""

    variable: str | None
    """The environment variable that is not set; ``None`` when a problem already says why."""


class _Step(NamedTuple):
    """A value after the one substitution that Backstage applies at its place."""

    value: object
    directory: Path
    done: bool
    """Whether the value is text that must not be substituted again."""


class SubstitutionError(Exception):
    """A value that cannot be substituted; the sentence names no value."""


def path_text(path: KeyPath) -> str:
    """Write a path as people write it: ``litmusSidecar.instances[0].token``."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def read_text(path: Path) -> str:
    """Return the text of a small file.

    Raises:
        SubstitutionError: If it cannot be read, is no UTF-8, or is larger than 1 MiB.
    """
    failure: str
    try:
        with path.open("rb") as file:
            data = file.read(_MAX_FILE_BYTES + 1)
        if len(data) <= _MAX_FILE_BYTES:
            return data.decode("utf-8-sig")
        failure = "is larger than 1 MiB"
    except OSError as error:
        failure = f"cannot be read: {error.strerror or type(error).__name__}"
    except UnicodeDecodeError:
        failure = "is not UTF-8 text"
    except ValueError:
        failure = "cannot be read: its name is not a file name"
    # Raised here: a decoding error carries the whole content of the file.
    raise SubstitutionError(failure)


class Substitution:
    """Substitutes one file's values, and collects what is wrong with them.

    With ``literal`` nothing is substituted: values count as they are written.
    """

    def __init__(self, environ: Mapping[str, str], *, literal: bool = False) -> None:
        self._environ = environ
        self._literal = literal
        self._values = 0
        self.problems: list[str] = []

    def at(self, tree: object, path: KeyPath, directory: Path) -> object:
        """Return the substituted value at a path below ``tree``, evaluating only what leads to it.

        ``Unset(None)`` where there is none. A value on the way that is no
        mapping is a problem, unless it is null.
        """
        for depth in range(len(path)):
            step = self._step(tree, path[:depth], directory)
            if isinstance(step.value, Unset) or step.value is None:
                return Unset(step.value.variable if isinstance(step.value, Unset) else None)
            if not isinstance(step.value, Mapping):
                self.problems.append(f"{path_text(path[:depth]) or 'the file'}: must be a mapping")
                return Unset(None)
            if path[depth] not in step.value:
                return Unset(None)
            tree, directory = step.value[path[depth]], step.directory
        try:
            return self._whole(tree, path, directory)
        except SubstitutionError as error:
            self.problems.append(f"{path_text(path)}: {error}")
            return Unset(None)

    def _whole(self, value: object, path: KeyPath, directory: Path) -> object:
        self._values += 1
        if len(path) > _MAX_DEPTH or self._values > _MAX_VALUES:
            raise SubstitutionError("is too large or nested too deeply")
        step = self._step(value, path, directory)
        if step.done:
            return step.value
        if isinstance(step.value, Mapping):
            return {
                str(key): _anchored(
                    str(key), self._whole(child, (*path, str(key)), step.directory), step.directory
                )
                for key, child in step.value.items()
            }
        if isinstance(step.value, list | tuple):
            return tuple(
                self._whole(child, (*path, index), step.directory) for index, child in enumerate(step.value)
            )
        return step.value

    def _step(self, value: object, path: KeyPath, directory: Path) -> _Step:
        if self._literal:
            return _Step(value, directory, done=False)
        try:
            if isinstance(value, str):
                return _Step(self._substituted(value), directory, done=True)
            if isinstance(value, Mapping) and (key := next((k for k in _INCLUDES if k in value), None)):
                return self._included(key, value, directory)
        except SubstitutionError as error:
            self.problems.append(f"{path_text(path)}: {error}")
            return _Step(Unset(None), directory, done=True)
        return _Step(value, directory, done=False)

    def _included(self, key: str, description: Mapping[object, object], directory: Path) -> _Step:
        if len(description) > 1:
            raise SubstitutionError(f"{key} must stand alone, without keys beside it")
        argument = description[key]
        if not isinstance(argument, str):
            raise SubstitutionError(f"{key} must be text")
        name = self._substituted(argument)
        if isinstance(name, Unset):
            return _Step(name, directory, done=True)
        if key == "$env":
            return _Step(self._variable(name), directory, done=True)
        if key == "$file":
            return _Step(_content(directory / name, key).rstrip(), directory, done=True)
        file_name, _, inside = name.partition("#")
        path = directory / file_name
        value = _parsed(path)
        for part in inside.split(".") if inside else ():
            if not isinstance(value, Mapping):
                raise SubstitutionError("the #path of $include leads into a value that is no mapping")
            value = value.get(part, Unset(None))
            if isinstance(value, Unset):
                raise SubstitutionError("the #path of $include is not in the included file")
        if isinstance(value, str):
            return _Step(self._substituted(value), path.parent, done=True)
        return _Step(value, path.parent, done=False)

    def _substituted(self, text: str) -> str | Unset:
        parts = _PLACEHOLDER.split(text)
        for index in range(1, len(parts), 2):
            part = parts[index]
            if part.startswith("$$"):
                parts[index] = part[1:]
                continue
            name, separator, fallback = part[2:-1].partition(":-")
            value = self._variable(name.strip())
            if separator:
                value = (value if isinstance(value, str) else "") or fallback.strip() or value
            if isinstance(value, Unset):
                return value
            parts[index] = value
        return "".join(parts)

    def _variable(self, name: str) -> str | Unset:
        value = self._environ.get(name)
        if value is None:
            return Unset(f"${name}" if _VARIABLE_NAME.fullmatch(name) else "it names")
        return value.strip()


def _anchored(key: str, value: object, directory: Path) -> object:
    """Make file names absolute: they are relative to the directory of the file that wrote them."""
    if key == "files" and isinstance(value, tuple):
        root = glob.escape(str(directory))
        return tuple(str(Path(root, entry)) if isinstance(entry, str) and entry else entry for entry in value)
    if key.endswith("File") and isinstance(value, str) and value:
        return str(directory / value)
    return value


def _content(path: Path, key: str) -> str:
    try:
        return read_text(path)
    except SubstitutionError as error:
        raise SubstitutionError(f"the file that {key} names {error}") from None


def _parsed(path: Path) -> object:
    parse = {".json": parse_json, ".yaml": parse_yaml, ".yml": parse_yaml}.get(path.suffix)
    if parse is None:
        raise SubstitutionError("$include reads .yaml, .yml and .json files")
    text = _content(path, "$include")
    try:
        return parse(text)
    except TextError as error:
        raise SubstitutionError(f"the file that $include names cannot be used: {error}") from None
