"""Long answers, sent in slices: whoever does not read holds a slice, not a copy of the whole."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from time import monotonic
from typing import Final
from weakref import WeakSet

from aiohttp import web
from aiohttp.abc import AbstractStreamWriter
from aiohttp.payload import AsyncIterablePayload, Payload

from sidecar.errors import BusyError

SLICE_BYTES: Final = 64 * 1024
STREAM_BYTES: Final = 512 * 1024
"""At most what an answer holds that is made while it is sent: a part of it, and what the transport has."""
UNSENT_BYTES: Final = 64 * 1024 * 1024
"""Of all long answers being sent, bytes that several share counted once."""
PATIENCE_SECONDS: Final = 1.0
"""For others to take theirs, before a long answer is refused; most are taken within moments."""
_LOOK_SECONDS: Final = 0.05


class Slices(Payload):
    """A body made of bytes that others may hold too; never copied but for the slice being sent."""

    def __init__(self, *parts: bytes) -> None:
        super().__init__(parts)
        self.parts = parts
        self._size = sum(map(len, parts))

    def decode(self, encoding: str = "utf-8", errors: str = "strict") -> str:
        """Return the whole as text."""
        return b"".join(self.parts).decode(encoding, errors)

    async def close(self) -> None:
        """Let go of the bytes once they are sent, or given up."""
        self.parts = ()
        await super().close()

    async def write(self, writer: AbstractStreamWriter) -> None:
        """Send slice after slice, each once the client has taken most of those before."""
        for part in self.parts:
            view = memoryview(part)
            for start in range(0, len(view), SLICE_BYTES):
                await writer.write(view[start : start + SLICE_BYTES])
                # Waits only while the transport holds more than it wants to.
                await writer.drain()
                # A client that takes all at once must not keep others waiting.
                await asyncio.sleep(0)


def joined(*parts: bytes) -> bytes | Slices:
    """Return a body of these parts, copied together only while it is short."""
    return b"".join(parts) if sum(map(len, parts)) <= SLICE_BYTES else Slices(*parts)


class Stream(AsyncIterablePayload):
    """A body that is made while it is sent."""

    is_over = False

    async def close(self) -> None:
        """Note that all of it is sent, or given up."""
        self.is_over = True
        await super().close()


class _Written:
    """Stands for an answer that its handler writes."""

    is_over: Final = False


class Sending:
    """The long answers that are being sent, bounded in bytes."""

    def __init__(
        self, at_most_bytes: int = UNSENT_BYTES, *, patience_seconds: float = PATIENCE_SECONDS
    ) -> None:
        self._at_most_bytes = at_most_bytes
        self._patience_seconds = patience_seconds
        # What was never sent, for its client left, goes with its answer.
        self._bodies: WeakSet[Slices | Stream | _Written] = WeakSet()

    @property
    def held_bytes(self) -> int:
        """What the answers being sent hold, shared bytes once."""
        parts: dict[int, int] = {}
        streams = 0
        for body in self._bodies:
            if isinstance(body, Slices):
                parts.update((id(part), len(part)) for part in body.parts)
            else:
                streams += not body.is_over
        return sum(parts.values()) + streams * STREAM_BYTES

    async def begin(self, response: web.StreamResponse) -> None:
        """Let a long answer be sent in slices, or in the parts that it is made in.

        Raises:
            BusyError: If too much is being sent that clients do not take.
        """
        if not isinstance(response, web.Response):
            return
        body = response.body
        if isinstance(body, bytes | bytearray) and len(body) > SLICE_BYTES:
            body = Slices(bytes(body))
        if isinstance(body, Slices):
            self._bodies.add(body)
            await self._make_room(body)
            response.body = body
        elif isinstance(body, Stream):
            self._bodies.add(body)
            await self._make_room(body)

    @asynccontextmanager
    async def streaming(self) -> AsyncIterator[None]:
        """Count an answer that is made and written within its handler, until its end.

        Raises:
            BusyError: If too much is being sent that clients do not take.
        """
        mine = _Written()
        self._bodies.add(mine)
        try:
            await self._make_room(mine)
            yield
        finally:
            self._bodies.discard(mine)

    async def _make_room(self, body: "Slices | Stream | _Written") -> None:
        """Wait a little until what is being sent is within the bound, ``body`` included; else take it out."""
        until = monotonic() + self._patience_seconds
        while self.held_bytes > self._at_most_bytes:
            if monotonic() >= until:
                self._bodies.discard(body)
                raise BusyError("Too busy: too many long answers are being sent.", retry_after_seconds=1)
            await asyncio.sleep(_LOOK_SECONDS)
