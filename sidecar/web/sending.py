"""Long answers, sent in slices: whoever does not read holds a slice, not a copy of the whole."""

import asyncio
from typing import Final
from weakref import WeakSet

from aiohttp import web
from aiohttp.abc import AbstractStreamWriter
from aiohttp.payload import Payload

from sidecar.errors import BusyError

SLICE_BYTES: Final = 64 * 1024
UNSENT_BYTES: Final = 256 * 1024 * 1024
"""Of all long answers being sent, bytes that several share counted once."""


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


class Sending:
    """The long answers that are being sent, bounded in bytes."""

    def __init__(self, at_most_bytes: int = UNSENT_BYTES) -> None:
        self._at_most_bytes = at_most_bytes
        # What was never sent, for its client left, goes with its answer.
        self._bodies: WeakSet[Slices] = WeakSet()

    @property
    def held_bytes(self) -> int:
        """What the answers being sent hold, shared bytes once."""
        parts = {id(part): len(part) for body in self._bodies for part in body.parts}
        return sum(parts.values())

    def begin(self, response: web.StreamResponse) -> None:
        """Let a long answer be sent in slices.

        Raises:
            BusyError: If too much is being sent that clients do not take.
        """
        if not isinstance(response, web.Response):
            return
        body = response.body
        if isinstance(body, bytes | bytearray) and len(body) > SLICE_BYTES:
            body = Slices(bytes(body))
        if not isinstance(body, Slices):
            return
        self._bodies.add(body)
        if self.held_bytes > self._at_most_bytes:
            self._bodies.discard(body)
            raise BusyError("Too busy: too many long answers are being sent.", retry_after_seconds=1)
        response.body = body
