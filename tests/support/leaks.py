"""Finds secrets in whatever was put out, however they were written there."""

import base64
import html
import json
from collections.abc import Iterator, Mapping
from urllib.parse import quote, quote_plus

START_LENGTH = 12
"""So much of a secret's beginning is a leak by itself."""
_JWT_PARTS = 3


def forms(secret: str) -> Iterator[str]:
    """Yield the ways in which a secret could show."""
    raw = secret.encode()
    whole = {
        secret,
        secret.strip(),
        quote(secret),
        quote(secret, safe=""),
        quote_plus(secret),
        html.escape(secret),
        # As templates write it.
        html.escape(secret).replace("&quot;", "&#34;").replace("&#x27;", "&#39;"),
        json.dumps(secret)[1:-1],
        json.dumps(secret, ensure_ascii=False)[1:-1],
        repr(secret)[1:-1],
        raw.hex(),
    }
    # Within something longer, such as user:password, base64 depends on where it begins.
    for shift in range(3):
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            whole.add(encode(b" " * shift + raw).decode().rstrip("=")[2 * shift : -2])
    # Where the whole shows, its beginning does.
    yield from {form[:START_LENGTH] for form in whole}
    if secret.count(".") == _JWT_PARTS - 1:
        yield from (part for part in secret.split(".") if part)


class Leaks:
    """Secrets by name; a finding tells the name and the place, never the value."""

    def __init__(self, secrets: Mapping[str, str]) -> None:
        self._forms: dict[str, frozenset[str]] = {}
        for name, secret in secrets.items():
            self.add(name, secret)

    def add(self, name: str, secret: str) -> None:
        """Look for this one, too."""
        assert len(secret) >= START_LENGTH, f"{name} is too short to be told from chance"
        self._forms[name] = frozenset(form for form in forms(secret) if len(form) >= START_LENGTH)

    def found(self, text: str) -> set[str]:
        """Return the names of the secrets that show in the text."""
        return {name for name, known in self._forms.items() if any(form in text for form in known)}

    def refuse(self, place: str, text: str) -> None:
        """Fail if a secret shows in what was put out at the place."""
        names = self.found(text)
        assert not names, f"{', '.join(sorted(names))} in {place}"
