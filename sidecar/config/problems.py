"""What is wrong with a configuration: the path of the key and what would be right, never a value."""

import difflib
import re
import typing
from collections.abc import Iterator, Mapping, Sequence
from typing import Final, TypeVar

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from sidecar.config.merging import OTHER_KEYS, SECTION, MergedFiles
from sidecar.config.model import OtherSections
from sidecar.config.section import Section
from sidecar.config.substitution import KeyPath, path_text

M = TypeVar("M", bound=Section)
_KEY_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,39}")
_SENTENCES: Final[Mapping[str, str]] = {
    "string_type": "must be text; put a number or a word such as true in quotes",
    "string_too_short": "must not be empty",
    "secret_str_type": "must be text; put a number or a word such as true in quotes",
    "int_type": "must be a whole number",
    "float_type": "must be a number",
    "finite_number": "must be a finite number",
    "bool_type": "must be true or false",
    "tuple_type": "must be a list",
    "frozen_set_type": "must be a list of words",
    "model_type": "must be a mapping",
    "model_attributes_type": "must be a mapping",
    "literal_error": "must be one of {expected}",
    "path_type": "must be the name of a file",
    "is_instance_of": "must be the name of a file",
    "greater_than": "must be more than {gt}",
    "greater_than_equal": "must be at least {ge}",
    "less_than_equal": "must be at most {le}",
    "too_short": "must have at least {min_length} entry",
    "value_error": "{error}",
}
"""What is wrong, by pydantic's type of error; its own sentences may quote the input."""


class Problems:
    """Collects problems, and knows why a key is absent."""

    def __init__(self, source: MergedFiles) -> None:
        self.sentences = list(source.problems)
        self.unset = source.unset
        """See :attr:`MergedFiles.unset`."""
        self._explained = set(source.explained)
        self._renamed: tuple[KeyPath, str] | None = None

    def note(self, path: KeyPath, sentence: str) -> None:
        """Add a problem."""
        where = path_text(path)
        if self._renamed is not None and path[: len(self._renamed[0])] == self._renamed[0]:
            where = self._renamed[1]
        self.sentences.append(f"{where}: {sentence}")

    def rename(self, path: KeyPath, where: str) -> None:
        """Call what is below a path by another name from now on: nobody wrote it there."""
        self._renamed = path, where

    def explain(self, path: KeyPath) -> None:
        """Remember that a problem says already why a key is absent."""
        self._explained.add(path)

    def validated(self, model: type[M], value: object) -> M | None:
        """Return the model of a value, or ``None`` after its problems are noted."""
        try:
            return model.model_validate(value, by_alias=True, by_name=False)
        except ValidationError as error:
            details = error.errors(include_url=False, include_input=False)
        for detail in details:
            self._note_detail(model, detail)
        return None

    def _note_detail(self, model: type[Section], detail: ErrorDetails) -> None:
        location = detail["loc"]
        path: KeyPath = OTHER_KEYS[str(location[0])] if model is OtherSections else (SECTION, *location)
        context = detail.get("ctx", {})
        match detail["type"]:
            case "missing":
                self._note_missing(path, _model_at(model, location[:-1]))
            case "extra_forbidden":
                known = keys_of(_model_at(model, location[:-1]))
                self.note(*_unknown_key(path, known))
            case "value_error" if self._explains_absence((*path, "token")):
                pass  # The one key that is needed was meant to be there.
            case "default_factory_not_called":
                pass  # What the default would be made of is wrong, and noted.
            case kind:
                template = _SENTENCES.get(kind, "is not valid here")
                self.note(path, template.format_map({name: str(value) for name, value in context.items()}))

    def _note_missing(self, path: KeyPath, model: type[Section] | None) -> None:
        if self._explains_absence(path):
            return
        alternative = f"{path[-1]}File"
        self.note(path, f"is required, or {alternative}" if alternative in keys_of(model) else "is required")

    def _explains_absence(self, path: KeyPath) -> bool:
        """Tell whether a key was written and a problem says why it is absent; add that problem if need be."""
        if path in self.unset:
            self.note(path, f"needs the environment variable {self.unset[path]}, which is not set")
        return path in self._explained or path in self.unset


def _unknown_key(path: KeyPath, known: Sequence[str]) -> tuple[KeyPath, str]:
    """Name an unknown key, unless it is no name at all: then it may be a secret in the wrong place."""
    key = str(path[-1])
    if not _KEY_NAME.fullmatch(key):
        return path[:-1], "has a key that is no name; write 'key: value', with a space"
    close = difflib.get_close_matches(key, known, n=1)
    hint = f"did you mean {close[0]}?" if close else f"known here are {', '.join(known)}"
    return path, f"is unknown; {hint}"


def keys_of(model: type[Section] | None) -> tuple[str, ...]:
    """Return the keys that a section has, as they are written."""
    if model is None:
        return ()
    return tuple(field.alias or name for name, field in model.model_fields.items())


def _model_at(model: type[Section], location: Sequence[str | int]) -> type[Section] | None:
    """Return the model that judges the mapping at a location of an error."""
    found: type[Section] | None = model
    for part in location:
        if isinstance(part, int):
            continue
        annotations = [f.annotation for f in found.model_fields.values() if f.alias == part] if found else []
        found = next((m for annotation in annotations for m in models_in(annotation)), None)
    return found


def models_in(annotation: object) -> Iterator[type[Section]]:
    """Yield the sections that values of this type may be."""
    if isinstance(annotation, type) and issubclass(annotation, Section):
        yield annotation
    for argument in typing.get_args(annotation):
        yield from models_in(argument)
