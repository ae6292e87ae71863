"""References to entities as they are compared: one function, so that both sides of every comparison agree.

Owners, groups, admins, claims and the people of a token or a proxy all come
through here. A text that Unicode's compatibility form (NFKC) or case folding
turns into another one is refused rather than turned: else ``user:default/kim``
with a Kelvin sign, or with a full-width letter, would be Kim.
"""

import re
import unicodedata
from typing import Final

_PART: Final = r"[^\s:/]{1,127}"
_REF: Final = re.compile(rf"(?P<kind>[A-Za-z][A-Za-z0-9]{{0,62}}):(?P<namespace>{_PART})/(?P<name>{_PART})")
_SHORT_REF: Final = re.compile(
    rf"(?:(?P<kind>[^\s:/]{{1,63}}):)?(?:(?P<namespace>{_PART})/)?(?P<name>{_PART})"
)


def full_ref(text: object, *kinds: str) -> str | None:
    """Return a full entity reference as it is compared; ``None`` if it is none, or of another kind.

    Wider than what Backstage allows in names: a sign-in resolver may name people the catalog does not have.
    """
    match = _REF.fullmatch(text) if isinstance(text, str) else None
    if match is None or not match.string.isprintable():
        return None
    if kinds and match["kind"].lower() not in kinds:
        return None
    return folded(match.string)


def completed_ref(text: str, default_kind: str) -> str | None:
    """Complete ``[kind:][namespace/]name`` to what :func:`full_ref` returns."""
    match = _SHORT_REF.fullmatch(text)
    if match is None:
        return None
    kind, within = match["kind"] or default_kind, match["namespace"] or "default"
    return full_ref(f"{kind}:{within}/{match['name']}")


def split_ref(ref: str) -> tuple[str, str, str]:
    """Return kind, namespace and name of a full reference."""
    kind, _, rest = ref.partition(":")
    namespace, _, name = rest.partition("/")
    return kind, namespace, name


def folded(text: str) -> str | None:
    """Return the text without its case; ``None`` if another text could come to the same."""
    if unicodedata.normalize("NFKC", text) != text:
        return None
    lower = text.lower()
    return lower if lower == text.casefold() == unicodedata.normalize("NFKC", lower) else None
