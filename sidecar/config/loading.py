"""From what the files say to a valid ``Config``, or every problem at once.

Fills in what needs the environment or a file (tokens, the default instance),
lets the models judge, and words their findings with the path of the key, what
would be right, and never a value.
"""

import difflib
import re
import ssl
import typing
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, TypeVar

from pydantic import BaseModel, SecretStr, ValidationError
from pydantic_core import ErrorDetails

from sidecar.config.fields import header_safe
from sidecar.config.model import Config, Outside, SidecarSection, Strict
from sidecar.config.reading import OUTSIDE, SECTION, Source, read_files, read_mapping, unset_sentence
from sidecar.config.substitution import KeyPath, SubstitutionError, path_text, read_text
from sidecar.domain.errors import ConfigError

TOKEN_VARIABLE: Final = "LITMUS_AUTH_TOKEN"  # noqa: S105  # the name of a variable, not a token
DEFAULT_INSTANCE: Final = "default"

_NO_ENVIRONMENT: Final[Mapping[str, str]] = MappingProxyType({})
M = TypeVar("M", bound=Strict)
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


def load_config(paths: Sequence[Path], environ: Mapping[str, str]) -> Config:
    """Read app-config files as Backstage does: later ones win, mappings merge, lists are replaced.

    Raises:
        ConfigError: With every problem of our keys together.
    """
    return _config(read_files(paths, environ), environ)


def parse_config(
    mapping: Mapping[str, Any], *, directory: Path, environ: Mapping[str, str] = _NO_ENVIRONMENT
) -> Config:
    """Do the same with the content of one app-config file that lies in ``directory``.

    Raises:
        ConfigError: With every problem of our keys together.
    """
    return _config(read_mapping(mapping, directory, environ), environ)


def _config(source: Source, environ: Mapping[str, str]) -> Config:
    wording = _Wording(source)
    outside = wording.validated(Outside, source.outside)
    section: object = source.section
    if isinstance(section, dict):
        wording.read_secret_files(section)
        if not section.get("instances"):
            section["instances"] = wording.default_instance(outside, environ)
        else:
            _set_external_urls(section["instances"], outside)
    valid = wording.validated(SidecarSection, section)
    if valid is not None:
        wording.check_certificates(valid)
        wording.check_issuer(valid, outside)
    if valid is None or outside is None or wording.problems:
        raise ConfigError(tuple(dict.fromkeys(wording.problems)))
    unset = (unset_sentence(path, variable) for path, variable in source.unset.items())
    return Config.model_validate(
        {**vars(valid), **vars(outside), "notices": (*unset, *wording.missing_tokens)}
    )


def _set_external_urls(instances: object, outside: Outside | None) -> None:
    """Let browsers open ``litmus.baseUrl`` for the first instance, if it names no address of its own.

    It is one Litmus alone; links of any other instance would lead into the wrong one.
    """
    if outside is None or outside.litmus_base_url is None or not isinstance(instances, tuple):
        return
    if instances and isinstance(instances[0], dict):
        instances[0].setdefault("externalBaseUrl", outside.litmus_base_url)


class _Wording:
    """Collects problems, and knows why a key is absent."""

    def __init__(self, source: Source) -> None:
        self.problems = list(source.problems)
        self.missing_tokens: list[str] = []
        """One sentence per token file without a token; the service works without."""
        self._unset = source.unset
        self._told = set(source.told)
        self._default_used = False

    def note(self, path: KeyPath, sentence: str) -> None:
        """Add a problem; what the default instance lacks is told by where it comes from."""
        where = path_text(path)
        if self._default_used and path[:2] == (SECTION, "instances"):
            where = f"{TOKEN_VARIABLE} (token of the instance meant when {SECTION}.instances names none)"
        self.problems.append(f"{where}: {sentence}")

    def validated(self, model: type[M], value: object) -> M | None:
        """Return the model of a value, or ``None`` after its problems are noted."""
        try:
            return model.model_validate(value, by_alias=True, by_name=False)
        except ValidationError as error:
            details = error.errors(include_url=False, include_input=False)
        for detail in details:
            self._note_detail(model, detail)
        return None

    def _note_detail(self, model: type[Strict], detail: ErrorDetails) -> None:
        location = detail["loc"]
        path: KeyPath = OUTSIDE[str(location[0])] if model is Outside else (SECTION, *location)
        context = detail.get("ctx", {})
        match detail["type"]:
            case "missing":
                self._note_missing(path, _model_at(model, location[:-1]))
            case "extra_forbidden":
                known = _keys(_model_at(model, location[:-1]))
                self.note(*_unknown_key(path, known))
            case "value_error" if self._explains_absence((*path, "token")):
                pass  # The one key that is needed was meant to be there.
            case "default_factory_not_called":
                pass  # What the default would be made of is wrong, and told.
            case kind:
                template = _SENTENCES.get(kind, "is not valid here")
                self.note(path, template.format_map({name: str(value) for name, value in context.items()}))

    def _note_missing(self, path: KeyPath, model: type[BaseModel] | None) -> None:
        if self._explains_absence(path):
            return
        alternative = f"{path[-1]}File"
        self.note(path, f"is required, or {alternative}" if alternative in _keys(model) else "is required")

    def _explains_absence(self, path: KeyPath) -> bool:
        """Tell whether a key was written, and why it is absent is told; tell it if it was not yet."""
        if path in self._unset:
            self.note(path, f"needs the environment variable {self._unset[path]}, which is not set")
        return path in self._told or path in self._unset

    def read_secret_files(self, section: dict[str, object]) -> None:
        """Put what every ``tokenFile``, ``secretFile`` and ``urlFile`` holds beside it."""
        store = section.get("store")
        if isinstance(store, dict):
            self._read_secret_file(store, "url", (SECTION, "store"))
        catalog = section.get("catalog")
        backstage = catalog.get("backstage") if isinstance(catalog, dict) else None
        if isinstance(backstage, dict):
            for key in ("token", "signingKey"):
                self._read_secret_file(backstage, key, (SECTION, "catalog", "backstage"))
        auth = section.get("auth")
        if isinstance(auth, dict):
            self._read_secret_file(auth, "signingKeys", (SECTION, "auth"), read=_lines)
            for index, one in _mappings(auth.get("keys")):
                self._read_secret_file(one, "secret", (SECTION, "auth", "keys", index))
        for index, one in _mappings(section.get("instances")):
            path = (SECTION, "instances", index)
            self._read_token_file(one, path)
            if isinstance(credentials := one.get("credentials"), dict):
                self._read_secret_file(credentials, "password", (*path, "credentials"))

    def _read_secret_file(
        self,
        owner: dict[str, object],
        key: str,
        path: KeyPath,
        read: Callable[[str], object] = lambda text: text,
    ) -> None:
        name = owner.get(f"{key}File")
        if not isinstance(name, str) or not name:
            return
        if key in owner:
            self.note(path, f"has both {key} and {key}File; exactly one is needed")
            return
        try:
            owner[key] = read(read_text(Path(name)))
        except SubstitutionError as error:
            self.note((*path, f"{key}File"), f"the file {error}")
            self._told.add((*path, key))

    def _read_token_file(self, instance: dict[str, object], path: KeyPath) -> None:
        """Do the same for a file that is followed later on: a token may yet come, so none is no problem."""
        name = instance.get("tokenFile")
        if "token" in instance or not isinstance(name, str) or not name:
            self._read_secret_file(instance, "token", path)
            return
        try:
            instance["token"] = header_safe(SecretStr(read_text(Path(name)).strip()))
        except SubstitutionError as error:
            wrong = f"the file {error}"
        except ValueError as error:
            wrong = f"what the file holds {error}"
        else:
            return
        where = path_text((*path, "tokenFile"))
        self.missing_tokens.append(f"{where}: {wrong}; there is no token for this Litmus until that is right")

    def default_instance(self, outside: Outside | None, environ: Mapping[str, str]) -> tuple[object, ...]:
        """Return the instance that is meant when none is configured; nothing without its address or token."""
        path = (SECTION, "instances")
        token = environ.get(TOKEN_VARIABLE, "").strip()
        if outside is None:
            return ()
        if outside.litmus_base_url is None:
            base_url = OUTSIDE["litmusBaseUrl"]
            why = f"needs {self._unset[base_url]}" if base_url in self._unset else "is not given"
            self.note(path, f"names no instance, and litmus.baseUrl, which would be the one, {why}")
        if not token:
            self.note(
                path, f"names no instance, and the token of the one meant, ${TOKEN_VARIABLE}, is not set"
            )
        if outside.litmus_base_url is None or not token:
            return ()
        self._default_used = True
        return ({"name": DEFAULT_INSTANCE, "baseUrl": outside.litmus_base_url, "token": token},)

    def check_issuer(self, section: SidecarSection, outside: Outside | None) -> None:
        """Note that nothing says who issues the tokens of Backstage's people."""
        settings = section.auth.backstage
        if settings is None or settings.issuer is not None or outside is None or outside.backend_base_url:
            return
        self.note((SECTION, "auth", "backstage", "issuer"), "is required, or backend.baseUrl beside it")

    def check_certificates(self, section: SidecarSection) -> None:
        """Note every ``caFile`` that a TLS connection could not be made with."""
        for index, instance in enumerate(section.instances):
            self._check_certificates_in(instance.ca_file, (SECTION, "instances", index, "caFile"))
        for name, backstage in (("auth", section.auth.backstage), ("catalog", section.catalog.backstage)):
            if backstage is not None:
                self._check_certificates_in(backstage.ca_file, (SECTION, name, "backstage", "caFile"))

    def _check_certificates_in(self, file: Path | None, path: KeyPath) -> None:
        if file is None:
            return
        try:
            authorities = ssl.create_default_context(cafile=file).cert_store_stats()["x509_ca"]
        except ssl.SSLError:
            self.note(path, "the file holds no certificate in PEM form")
        except OSError as error:
            self.note(path, f"the file cannot be read: {error.strerror or type(error).__name__}")
        else:
            if not authorities:
                self.note(path, "the file holds no certificate of an authority")


def _mappings(entries: object) -> Iterator[tuple[int, dict[str, object]]]:
    """Return the entries of a list that are mappings, with their numbers."""
    for index, entry in enumerate(entries if isinstance(entries, tuple) else ()):
        if isinstance(entry, dict):
            yield index, entry


def _lines(text: str) -> tuple[str, ...]:
    return tuple(line.strip() for line in text.splitlines() if line.strip())


def _unknown_key(path: KeyPath, known: Sequence[str]) -> tuple[KeyPath, str]:
    """Name an unknown key, unless it is no name at all: then it may be a secret in the wrong place."""
    key = str(path[-1])
    if not _KEY_NAME.fullmatch(key):
        return path[:-1], "has a key that is no name; write 'key: value', with a space"
    close = difflib.get_close_matches(key, known, n=1)
    hint = f"did you mean {close[0]}?" if close else f"known here are {', '.join(known)}"
    return path, f"is unknown; {hint}"


def _keys(model: type[BaseModel] | None) -> tuple[str, ...]:
    if model is None:
        return ()
    return tuple(field.alias or name for name, field in model.model_fields.items())


def _model_at(model: type[BaseModel], location: Sequence[str | int]) -> type[BaseModel] | None:
    """Return the model that judges the mapping at a location of an error."""
    found: type[BaseModel] | None = model
    for part in location:
        if isinstance(part, int):
            continue
        annotations = [f.annotation for f in found.model_fields.values() if f.alias == part] if found else []
        found = next((m for annotation in annotations for m in _models_in(annotation)), None)
    return found


def _models_in(annotation: object) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in typing.get_args(annotation):
        yield from _models_in(argument)
