"""Files that the configuration names: secrets that are put in place, certificates that are tried."""

import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from pydantic import SecretStr
from pydantic.fields import FieldInfo

from sidecar.config.fields import header_safe
from sidecar.config.merging import SECTION
from sidecar.config.model import SidecarSection
from sidecar.config.problems import Problems, keys_of, models_in
from sidecar.config.section import Section
from sidecar.config.sources import Instance
from sidecar.config.substitution import KeyPath, SubstitutionError, path_text, read_text

_SUFFIX: Final = "File"


def read_secret_files(section: dict[str, object], problems: Problems) -> list[str]:
    """Put beside each secret what its file holds: ``token`` for ``tokenFile``, where a section has both.

    Returns:
        One sentence per token file without a token; the service works without.
    """
    missing: list[str] = []
    for model, mapping, path in _sections(SidecarSection, section, (SECTION,)):
        for name, field in model.model_fields.items():
            key = field.alias or name
            if f"{key}{_SUFFIX}" not in keys_of(model):
                continue
            if (model, key) == (Instance, "token") and key not in mapping:
                missing += _read_token_file(mapping, path)
            else:
                _read_secret_file(mapping, key, path, problems, is_list=_is_list(field))
    return missing


def check_certificates(section: SidecarSection, problems: Problems) -> None:
    """Note every ``caFile`` that a TLS connection could not be made with."""
    for owner, path in _valid_sections(section, (SECTION,)):
        file = getattr(owner, "ca_file", None)
        if file is not None and (wrong := _wrong_with_certificates(file)):
            problems.note((*path, "caFile"), f"the file {wrong}")


def _sections(
    model: type[Section], mapping: dict[str, object], path: KeyPath
) -> Iterator[tuple[type[Section], dict[str, object], KeyPath]]:
    """Yield every mapping of the file that a section is to be made of, with that section's class."""
    yield model, mapping, path
    for name, field in model.model_fields.items():
        key = field.alias or name
        value = mapping.get(key)
        entries = list(enumerate(value)) if isinstance(value, tuple) else [(None, value)]
        for below in models_in(field.annotation):
            for index, entry in entries:
                if isinstance(entry, dict):
                    place: KeyPath = (*path, key) if index is None else (*path, key, index)
                    yield from _sections(below, entry, place)


def _valid_sections(section: Section, path: KeyPath) -> Iterator[tuple[Section, KeyPath]]:
    """Yield a valid section and all below it, with their places."""
    yield section, path
    for name, field in type(section).model_fields.items():
        key, value = field.alias or name, getattr(section, name)
        if isinstance(value, Section):
            yield from _valid_sections(value, (*path, key))
        elif isinstance(value, tuple):
            for index, entry in enumerate(value):
                if isinstance(entry, Section):
                    yield from _valid_sections(entry, (*path, key, index))


def _is_list(field: FieldInfo) -> bool:
    return getattr(field.annotation, "__origin__", None) is tuple


def _read_secret_file(
    owner: dict[str, object], key: str, path: KeyPath, problems: Problems, *, is_list: bool
) -> None:
    name = owner.get(f"{key}{_SUFFIX}")
    if not isinstance(name, str) or not name:
        return
    if key in owner:
        problems.note(path, f"has both {key} and {key}{_SUFFIX}; exactly one is needed")
        return
    try:
        text = read_text(Path(name))
    except SubstitutionError as error:
        problems.note((*path, f"{key}{_SUFFIX}"), f"the file {error}")
        problems.explain((*path, key))
    else:
        owner[key] = _lines(text) if is_list else text


def _read_token_file(instance: dict[str, object], path: KeyPath) -> Iterator[str]:
    """Do the same for a file that is followed later on: a token may yet come, so none is no problem."""
    name = instance.get("tokenFile")
    if not isinstance(name, str) or not name:
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
    yield f"{where}: {wrong}; there is no token for this Litmus until that is right"


def _wrong_with_certificates(file: Path) -> str | None:
    try:
        authorities = ssl.create_default_context(cafile=file).cert_store_stats()["x509_ca"]
    except ssl.SSLError:
        return "holds no certificate in PEM form"
    except OSError as error:
        return f"cannot be read: {error.strerror or type(error).__name__}"
    return None if authorities else "holds no certificate of an authority"


def _lines(text: str) -> tuple[str, ...]:
    return tuple(line.strip() for line in text.splitlines() if line.strip())
