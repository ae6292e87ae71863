"""The display token: what ``litmus.apiToken`` should hold instead of a real token.

The plugin decodes it in the browser (jwt-decode 3.1.2) and uses nothing but
its ``uid``, for links. Backstage prints it into every page it serves, login
page included, so it must be worth nothing to Litmus. Pure functions.
"""

import base64
import json
import re
from typing import Final, NoReturn

_SIGNED_PARTS: Final = 3
_ASCII_SPACE: Final = re.compile(r"[ \t\n\f\r]")
_BEFORE: Final = re.compile(r"""(?:[\s"'`\ufeff]|bearer\s)+""", re.IGNORECASE)
_QUOTES: Final = "\"'`"


def display_token(uid: str) -> str:
    """Return the unsigned token that makes the plugin link to the account ``uid``.

    Raises:
        ValueError: If ``uid`` is empty; the plugin would call the token missing.
    """
    if not uid.strip():
        raise ValueError("A display token needs the uid of an account")
    header = _encode({"alg": "none"})
    return f"{header}.{_encode({'uid': uid})}."


def display_uid(token: str) -> str | None:
    """Return the ``uid`` that the plugin reads from a token, ``None`` where it would show an error."""
    payload = _decoded_part(token, 1)
    uid = payload.get("uid") if isinstance(payload, dict) else None
    return uid if isinstance(uid, str) and uid else None


def is_decodable(token: str) -> bool:
    """Whether the plugin can decode the token at all; with no ``uid`` in it, it calls the token missing."""
    return isinstance(_decoded_part(token, 1), dict)


def bare_token(text: str) -> str:
    """Return the token without what people copy along: white space, quotes, the word ``Bearer``."""
    found = _BEFORE.match(text)
    begin, end = found.end() if found else 0, len(text)
    while end > begin and (text[end - 1].isspace() or text[end - 1] in _QUOTES):
        end -= 1
    return text[begin:end]


def is_signed(token: str) -> bool:
    """Whether the text holds a token with a signature, so possibly one that Litmus accepts."""
    bare = bare_token(token)
    parts = bare.split(".")
    return len(parts) == _SIGNED_PARTS and all(parts) and isinstance(_decoded_part(bare, 0), dict)


def _encode(part: dict[str, str]) -> str:
    text = json.dumps(part, separators=(",", ":"), ensure_ascii=False)
    # A lone surrogate has no UTF-8; JSON can still say it.
    data = text.encode() if _encodable(text) else json.dumps(part, separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _encodable(text: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" for character in text)


def _decoded_part(token: str, number: int) -> object:
    """Decode like the library: base64url, UTF-8 or else Latin-1, strict JSON; ``None`` where it throws."""
    parts = token.split(".")
    if number >= len(parts):
        return None
    text = parts[number].replace("-", "+").replace("_", "/")
    if len(text) % 4 == 1:
        return None
    text = _ASCII_SPACE.sub("", text + "=" * (-len(text) % 4))
    stripped = text.removesuffix("=").removesuffix("=") if len(text) % 4 == 0 else text
    try:
        data = base64.b64decode(stripped + "=" * (-len(stripped) % 4), validate=True)
    except ValueError:
        return None
    try:
        decoded = data.decode()
    except UnicodeDecodeError:
        decoded = data.decode("latin-1")
    try:
        value: object = json.loads(decoded, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return None
    return value


def _refuse(_constant: str) -> NoReturn:
    raise ValueError("JSON has no such number")
