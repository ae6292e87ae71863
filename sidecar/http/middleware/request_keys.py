"""What a request is looked up by on the warm path: all of it that an answer can depend on, as one digest.

A request holds secrets, so only its digest is kept, under a key of the process that nobody knows.
"""

import hashlib
import re
import secrets
from collections.abc import Sequence
from typing import Final, NamedTuple

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


_OWN: Final = frozenset({b"traceparent", b"tracestate", b"x-request-id"})
"""Headers, of those ignored, that are other ones in each request."""
_OWN_LINES: Final = re.compile(r"\n(?i:traceparent|tracestate|x-request-id)", re.ASCII)
"""Where any parser may see one of them."""
_PLAIN_LINES: Final = re.compile(
    r"\r\n(?:"
    r"(?i:traceparent): ?(?P<parent>00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2})"
    r"|(?i:tracestate): ?(?P<state>[!-~][ -~]{0,511})"
    r"|(?i:x-request-id): ?(?P<id>[A-Za-z0-9._-]{1,64})"
    r")(?=\r\n[^ \t])",
    re.ASCII,
)
"""Where all parsers see one of them, with the same value: what a traced request and a usual proxy say."""


class SentKey(NamedTuple):
    """What stands for the bytes of a request."""

    digest: bytes
    request_id: str | None
    """The one that it brings; ``None``: it gets one of ours."""


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

    def of_bytes(self, address: str, sent: bytes) -> SentKey | None:
        """Return what a request is looked up by that is known to the byte, but for what is each one's own.

        Those are the values of ``traceparent``, ``tracestate`` and ``X-Request-ID``; ``None`` if one of them
        is there twice, or is not in its usual form.
        """
        rest, request_id = sent, None
        # A character for each byte, whatever it is.
        head = sent[: sent.find(b"\r\n\r\n") + 4].decode("latin-1")
        if own := _OWN_LINES.findall(head):
            found = {match.lastgroup or "": match for match in _PLAIN_LINES.finditer(head)}
            if len(found) != len(own) or not self._ignored >= _OWN:
                return None
            rest = _without_values(sent, [match.span(name) for name, match in found.items()])
            request_id = found["id"]["id"] if "id" in found else None
        hasher = self._hasher.copy()
        # No address holds a line's end.
        hasher.update(f"{address}\n".encode() + rest)
        return SentKey(hasher.digest(), request_id)

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


def _without_values(sent: bytes, spans: Sequence[tuple[int, int]]) -> bytes:
    """Return a request without what is at these places, which are in their order."""
    ends = [0, *(end for _, end in spans)]
    begins = [*(begin for begin, _ in spans), len(sent)]
    return b"".join(sent[begin:end] for begin, end in zip(ends, begins, strict=True))
