"""JSON answers to GET: made once, then given with a strong ETag, 304, gzip when asked.

An answer is kept under everything it was made from (versions of content,
history and catalog, parameters), and only until time alone changes a figure.
"""

import asyncio
import hashlib
import zlib
from collections.abc import Awaitable, Callable, Hashable
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any, Final

import msgspec
from aiohttp import web
from cachetools import LRUCache

from sidecar.http.answers.negotiation import accepts_gzip
from sidecar.http.answers.times import http_date
from sidecar.runtime.shared_tasks import SharedTasks
from sidecar.runtime.turns import Turns, Work, metered_by_starter
from sidecar.telemetry.tracing import span

SHORTEST: Final = timedelta(seconds=10)
LONGEST: Final = timedelta(minutes=5)
"""Bounds of how long an answer is kept, whenever its figures change next."""

CACHE_BYTES: Final = 64 * 1024 * 1024
WORTH_COMPRESSING_BYTES: Final = 1024
WORTH_A_THREAD_BYTES: Final = 256 * 1024
ROWS_AT_ONCE: Final = 100
"""Rows of a list encoded in one go."""
HASHED_AT_ONCE: Final = 1024 * 1024
_ENTRY_BYTES: Final = 1024
_VARY: Final = "Accept-Encoding, Authorization, Cookie, X-Litmus-Sidecar-Key"


class Answer:
    """Serialised once: bytes, their tag, and until when they are true."""

    def __init__(
        self,
        shape: Any,
        *,
        as_of: datetime | None,
        until: datetime | None = None,
        tag: str | None = None,
    ) -> None:
        """Serialise ``shape``, which is small (else: :func:`encode_answer`); bytes are taken as they are.

        Args:
            shape: What is served.
            as_of: Oldest last success among the data used; ``None`` without any.
            until: When time alone changes a figure; ``None``: never.
            tag: Of the bytes, if it is known.
        """
        self.body = shape if isinstance(shape, bytes) else msgspec.json.encode(shape)
        self.as_of = as_of
        self.until = until
        self.kept_until: datetime | None = None
        """Until when the cache gives it; ``None``: it was not kept."""
        self.tag = _tag(hashlib.sha256(self.body)) if tag is None else tag

    @cached_property
    def compressed(self) -> bytes:
        """The body compressed with gzip, once."""
        return compress(self.body)

    @property
    def size(self) -> int:
        """Memory it takes, compressed form included."""
        return _ENTRY_BYTES + 2 * len(self.body)


async def encode_answer(
    turns: Turns, shape: Any, *, as_of: datetime | None, until: datetime | None = None
) -> Answer:
    """Return the answer of a shape or of bytes, however large; see :class:`Answer`."""
    body = shape if isinstance(shape, bytes) else await turns.join(await turns.run(object(), _encode(shape)))
    return Answer(body, as_of=as_of, until=until, tag=await turns.run(object(), _hash(body)))


def _hash(body: bytes) -> Work[str]:
    """Return the tag of these bytes."""
    digest = hashlib.sha256()
    for begin in range(0, len(body), HASHED_AT_ONCE):
        digest.update(body[begin : begin + HASHED_AT_ONCE])
        yield
    return _tag(digest)


def _encode(shape: msgspec.Struct) -> Work[list[bytes]]:
    """Return the JSON of a struct in pieces, the very bytes of msgspec; long lists are encoded in parts."""
    pieces: list[bytes] = []
    for field in msgspec.structs.fields(shape):
        pieces += [b"," if pieces else b"{", msgspec.json.encode(field.encode_name), b":"]
        value = getattr(shape, field.name)
        if not isinstance(value, list) or len(value) <= ROWS_AT_ONCE:
            pieces.append(msgspec.json.encode(value))
            yield
            continue
        for begin in range(0, len(value), ROWS_AT_ONCE):
            rows = msgspec.json.encode(value[begin : begin + ROWS_AT_ONCE])
            pieces += [b"," if begin else b"[", rows[1:-1]]
            yield
        pieces.append(b"]")
    return [*pieces, b"}"]


def _tag(digest: "hashlib._Hash") -> str:
    return digest.hexdigest()[:32]


def compress(body: bytes) -> bytes:
    """Return the body compressed, the same bytes for the same body."""
    compressor = zlib.compressobj(level=5, wbits=31)
    return compressor.compress(body) + compressor.flush()


class AnswerCounts:
    """How many answers were given from memory, and how many had to be made."""

    __slots__ = ("hits", "made")

    def __init__(self) -> None:
        self.hits = 0
        self.made = 0


class AnswerCache:
    """Answers kept, bounded in bytes; each made once however many ask at the same time."""

    def __init__(self, *, cache_bytes: int = CACHE_BYTES, counts: AnswerCounts | None = None) -> None:
        """Begin empty; ``counts`` are those of the cache before, to be counted on."""
        self._kept: LRUCache[Hashable, tuple[Answer, datetime]] = LRUCache(
            cache_bytes, getsizeof=lambda entry: entry[0].size
        )
        self._making: SharedTasks[Hashable, Answer] = SharedTasks()
        self.counts = AnswerCounts() if counts is None else counts

    async def get(self, key: Hashable, now: datetime, make: Callable[[], Awaitable[Answer]]) -> Answer:
        """Return the answer kept under the key, or make it."""
        kept = self._kept.get(key)
        if kept is not None and now < kept[1]:
            self.counts.hits += 1
            return kept[0]
        return await self._making.result(key, lambda: metered_by_starter(self._make(key, now, make)))

    async def close(self) -> None:
        """Give up what is being made, for nobody waits for it any more, and forget the rest."""
        await self._making.close()
        self._kept.clear()

    async def _make(self, key: Hashable, now: datetime, make: Callable[[], Awaitable[Answer]]) -> Answer:
        with span("build answer"):
            answer = await make()
        if len(answer.body) >= WORTH_A_THREAD_BYTES:
            # Most readers take it compressed; the compressor lets the event loop go on.
            await asyncio.to_thread(getattr, answer, "compressed")
        self.counts.made += 1
        until = now + LONGEST if answer.until is None else answer.until
        if answer.size <= self._kept.maxsize:
            answer.kept_until = min(max(until, now + SHORTEST), now + LONGEST)
            self._kept[key] = (answer, answer.kept_until)
        return answer


ANSWER_CACHE = web.AppKey("answers", AnswerCache)


def conditional_response(
    request: web.Request,
    answer: Answer,
    content_type: str = "application/json",
    *,
    charset: str | None = None,
) -> web.Response:
    """Return the answer, or 304 if the client has it."""
    # A strong tag names exact bytes, so the compressed form has its own.
    compress = len(answer.body) >= WORTH_COMPRESSING_BYTES and accepts_gzip(
        request.headers.get("Accept-Encoding", "")
    )
    compressed_tag = f"{answer.tag}-gzip"
    headers = {
        "ETag": f'"{compressed_tag if compress else answer.tag}"',
        "Cache-Control": "private, no-cache",
        "Vary": _VARY,
    }
    if answer.as_of is not None:
        headers["Last-Modified"] = http_date(answer.as_of)
    if _client_has_any(request, {answer.tag, compressed_tag}):
        return web.Response(status=304, headers=headers)
    if compress:
        headers["Content-Encoding"] = "gzip"
    return web.Response(
        body=answer.compressed if compress else answer.body,
        content_type=content_type,
        charset=charset,
        headers=headers,
    )


def _client_has_any(request: web.Request, tags: set[str]) -> bool:
    given = request.if_none_match
    return given is not None and any(tag.value == "*" or tag.value in tags for tag in given)
