"""What a request is looked up by on the warm path: all of it that an answer can depend on, as one digest.

A request holds secrets, so only its digest is kept, under a key of the process that nobody knows.
"""

import hashlib
import secrets
from collections.abc import Sequence
from typing import Final

from aiohttp import HttpVersion11, web

from sidecar.config import AuthProxy
from sidecar.identity.proxy import Network, is_trusted

IGNORED: Final = frozenset(
    {
        b"accept-language",
        b"connection",
        b"content-length",
        b"dnt",
        b"forwarded",
        b"priority",
        b"referer",
        b"sec-ch-ua",
        b"sec-ch-ua-mobile",
        b"sec-ch-ua-platform",
        b"sec-fetch-dest",
        b"sec-fetch-mode",
        b"sec-fetch-user",
        b"traceparent",
        b"tracestate",
        b"upgrade-insecure-requests",
        b"user-agent",
        b"via",
        b"x-forwarded-for",
        b"x-real-ip",
        b"x-request-id",
    }
)
"""Headers that no answer depends on; whatever else is sent is part of what the answer is looked up by."""
_NEVER: Final = frozenset({b"content-encoding", b"transfer-encoding", b"expect", b"upgrade", b"range"})
"""Headers of requests that always take the usual way."""
_METHODS: Final = frozenset({"GET", "POST"})


class HeadKey:
    """Stands for the head of a request; with the body behind it, for all of the request."""

    __slots__ = ("_hasher",)

    def __init__(self, hasher: "hashlib.blake2b") -> None:
        self._hasher = hasher

    def alone(self) -> bytes:
        """Return what the head is looked up by."""
        return self._hasher.digest()

    def with_body(self, body: bytes) -> bytes:
        """Return what the request is looked up by; of one without a body, ``body`` is empty."""
        whole = self._hasher.copy()
        whole.update(b"\n\n" + body)
        return whole.digest()


class RequestKeys:
    """Makes the keys of one application's requests; those of another one are others."""

    def __init__(self, proxy: AuthProxy) -> None:
        """Take the proxy that may say who asks, by headers that then count."""
        self._ignored = IGNORED - {name.lower().encode() for name in (proxy.user_header, proxy.groups_header)}
        self._hasher = hashlib.blake2b(key=secrets.token_bytes(32), digest_size=32)

    def of_bytes(self, address: str, sent: bytes) -> bytes:
        """Return what a request is looked up by that is known to the byte."""
        hasher = self._hasher.copy()
        # No address holds a line's end.
        hasher.update(f"{address}\n".encode() + sent)
        return hasher.digest()

    def of_head(self, request: web.Request, trusted: Sequence[Network]) -> HeadKey | None:
        """Return what stands for the head of a request; ``None`` for one that takes the usual way.

        ``trusted`` are the networks of the proxy that may say who asks.
        """
        method = request.method
        if method not in _METHODS or request.version != HttpVersion11:
            return None
        if method == "GET" and request.body_exists:
            return None
        # Only of a trusted proxy the headers say who asks.
        vouched = b"vouched" if is_trusted(request.remote, trusted) else b""
        said = [vouched, method.encode(), request.raw_path.encode(errors="surrogateescape")]
        ignored = self._ignored
        for name, value in request.raw_headers:
            folded = name.lower()
            if folded in ignored:
                continue
            if folded in _NEVER:
                return None
            said += (folded, value)
        hasher = self._hasher.copy()
        # No line of a head holds its own end, so nothing said can pass for something else.
        hasher.update(b"\n".join(said))
        return HeadKey(hasher)
