"""The bytes of the request that a connection is at, known from its first to its last; pure.

The same bytes between two requests are always the same request. So what was learned of a request
once holds for its bytes, and nobody has to parse them again.
"""

from collections.abc import Sequence
from typing import Final, Protocol

MOST: Final = 8 * 1024
"""Longer requests are not watched; the plugin's have some 2 kB, with a person's token."""


class Body(Protocol):
    """The body of a request as it comes in; aiohttp's stream by shape."""

    total_bytes: int

    def is_eof(self) -> bool:
        """Tell whether all of it is here."""
        ...


class RequestBytes:
    """Collects what comes on a connection, as long as it is one whole request after the other.

    Once it is not (a request behind another that is not answered yet, a body in chunks, a very long one),
    the connection is not watched any more.
    """

    __slots__ = ("_body", "_is_taken", "_is_whole", "_so_far")

    def __init__(self) -> None:
        self._so_far: bytes | None = b""
        """``None``: not watched any more."""
        self._body: Body | None = None
        self._is_whole = True
        self._is_taken = False

    @property
    def is_between(self) -> bool:
        """Whether the next byte is the first of a request."""
        return self._is_whole

    def add(self, data: bytes, begun: Sequence[Body]) -> None:
        """Take what came, and the bodies of the requests whose heads were complete with it."""
        if self._so_far is None:
            return
        if self._is_whole:
            self._so_far, self._body, self._is_whole, self._is_taken = b"", None, False, False
        bodies = [*begun] if self._body is None else [self._body, *begun]
        if len(bodies) > 1 or len(self._so_far) + len(data) > MOST:
            self._so_far = self._body = None
            return
        self._so_far += data
        if not bodies:
            return
        self._body = bodies[0]
        head = _head_length(self._so_far) if self._body.is_eof() else None
        if head is not None and head + self._body.total_bytes == len(self._so_far):
            self._is_whole = True
            if self._is_taken:
                self._so_far, self._body = b"", None

    def take(self) -> bytes | None:
        """Return the bytes of the request, once; ``None`` if they are not all here, or it is not watched.

        They hold credentials, and are not kept for longer.
        """
        self._is_taken = True
        if not self._is_whole:
            return None
        taken, self._so_far, self._body = self._so_far, b"", None
        return taken or None


def _head_length(text: bytes) -> int | None:
    """Return how long the head is; ``None`` without its end, or where parsers might not agree on it."""
    end = text.find(b"\r\n\r\n") + 4
    if end < 4 or text.find(b"\n\n", 0, end) >= 0 or text.find(b"\n\r\n") + 3 != end:  # noqa: PLR2004
        return None
    return end
