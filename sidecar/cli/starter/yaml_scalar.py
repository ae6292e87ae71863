"""Texts of others in YAML and on a terminal, so that they stay texts."""

import re
from typing import Final

_SAFE: Final = re.compile(r"[A-Za-z/][A-Za-z0-9_./@-]*|https?://[A-Za-z0-9_./:@\[\]-]*[A-Za-z0-9_/]")
_WORDS: Final = frozenset({"null", "true", "false", "yes", "no", "on", "off", "y", "n"})
_LONGEST: Final = 100


def scalar(text: str) -> str:
    """Return a text as a YAML scalar."""
    is_plain = _SAFE.fullmatch(text) is not None and text.casefold() not in _WORDS
    return text if is_plain else f'"{"".join(map(_escaped, text))}"'


def config_scalar(text: str) -> str:
    """Return the same for app-config, which would put variables in place of ``${NAME}``."""
    return scalar(text.replace("${", "$${"))


def plain(text: str) -> str:
    """Return a text that others chose as part of one line, without what moves a terminal's cursor."""
    shown = "".join(character if character.isprintable() else "?" for character in text)
    return shown if len(shown) <= _LONGEST else f"{shown[: _LONGEST - 1]}…"


def _escaped(character: str) -> str:
    """Return a character for between double quotes; JSON's escapes would halve what is beyond 16 bits."""
    if character in {'"', "\\"}:
        return f"\\{character}"
    return character if character.isprintable() else f"\\U{ord(character):08x}"
