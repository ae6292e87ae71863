"""Long answers, sent in slices: whoever does not read holds a slice, not a copy of the whole."""

import asyncio
import ctypes
import traceback
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from time import monotonic
from typing import Final
from weakref import WeakSet

from aiohttp import web
from aiohttp.abc import AbstractStreamWriter
from aiohttp.payload import AsyncIterablePayload, Payload

from sidecar.domain.errors import BusyError

SLICE_BYTES: Final = 64 * 1024
AT_ONCE_BYTES: Final = 256 * 1024
"""A longer answer lets others have their turn after each slice."""
STREAM_BYTES: Final = 512 * 1024
"""At most what an answer holds that is made while it is sent: a part of it, and what the transport has."""
UNSENT_BYTES: Final = 64 * 1024 * 1024
"""Of all long answers being sent, bytes that several share counted once."""
PATIENCE_SECONDS: Final = 1.0
"""For others to take theirs, before a long answer is refused; most are taken within moments."""
WAITING_BYTES: Final = 16 * 1024 * 1024
"""Of the long answers that wait for that, one larger than all aside."""
_POLL_SECONDS: Final = 0.05
_M_MMAP_THRESHOLD: Final = -3
_MAPPED_BYTES: Final = 256 * 1024


def return_freed_memory() -> None:
    """Let glibc give every large piece of memory back to the system once it is freed.

    By itself it raises the size from which it does so to 32 MiB as soon as
    large pieces come and go, and keeps what answers left behind for good.
    Other C libraries are left alone.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_MMAP_THRESHOLD, _MAPPED_BYTES)


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
        await self.write_after(b"", writer)

    async def write_after(self, head: bytes, writer: AbstractStreamWriter) -> None:
        """Send these bytes together with the first slice, then as :meth:`write`."""
        is_long = sum(map(len, self.parts)) > AT_ONCE_BYTES
        try:
            for part in self.parts:
                view = memoryview(part)
                for start in range(0, len(view), SLICE_BYTES):
                    piece = view[start : start + SLICE_BYTES]
                    await writer.write(head + piece if head else piece)
                    head = b""
                    # Waits only while the transport holds more than it wants to.
                    await writer.drain()
                    # A client that takes much at once must not keep others waiting.
                    if is_long:
                        await asyncio.sleep(0)
        except BaseException as exc:
            # A future that fails and the frame that waits for it hold each other, and the bytes
            # with them, until the collector of garbage comes by, which megabytes do not hurry.
            traceback.clear_frames(exc.__traceback__)
            raise


def join_body(*parts: bytes) -> bytes | Slices:
    """Return a body of these parts, copied together only while it is short."""
    return b"".join(parts) if sum(map(len, parts)) <= SLICE_BYTES else Slices(*parts)


class Stream(AsyncIterablePayload):
    """A body that is made while it is sent."""

    is_over = False

    async def close(self) -> None:
        """Note that all of it is sent, or given up."""
        self.is_over = True
        await super().close()


class _WrittenByHandler:
    """Stands for an answer that its handler writes."""

    is_over: Final = False


class SendingBudget:
    """The long answers that are being sent, bounded in bytes."""

    def __init__(
        self, at_most_bytes: int = UNSENT_BYTES, *, patience_seconds: float = PATIENCE_SECONDS
    ) -> None:
        self._at_most_bytes = at_most_bytes
        self._patience_seconds = patience_seconds
        # What was never sent, for its client left, goes with its answer.
        self._bodies: WeakSet[_Body] = WeakSet()
        self._waiting: WeakSet[_Body] = WeakSet()

    @property
    def held_bytes(self) -> int:
        """What the answers being sent hold, shared bytes once."""
        return _held(self._bodies)

    async def admit(self, response: web.StreamResponse) -> None:
        """Let a long answer be sent in slices, or in the parts that it is made in.

        Raises:
            BusyError: If too much is being sent that clients do not take.
        """
        if not isinstance(response, web.Response):
            return
        body = response.body
        if isinstance(body, bytes | bytearray) and len(body) > SLICE_BYTES:
            body = Slices(bytes(body))
        if not isinstance(body, Slices | Stream):
            return
        try:
            await self._make_room(body)
        except BaseException:
            # The traceback of an error holds frames, and with them this answer.
            response.body = None
            await body.close()
            raise
        response.body = body

    def take(self, body: Slices) -> bool:
        """Count a long answer that is ready, if there is room for it now."""
        if self._bodies and _held([*self._bodies, body]) > self._at_most_bytes:
            return False
        self._bodies.add(body)
        return True

    @asynccontextmanager
    async def streaming(self) -> AsyncIterator[None]:
        """Count an answer that is made and written within its handler, until its end.

        Raises:
            BusyError: If too much is being sent that clients do not take.
        """
        mine = _WrittenByHandler()
        try:
            await self._make_room(mine)
            yield
        finally:
            self._bodies.discard(mine)

    async def _make_room(self, body: "_Body") -> None:
        """Take a body in once all is within the bound, which is waited for a little."""
        until = monotonic() + self._patience_seconds
        while self._bodies and _held([*self._bodies, body]) > self._at_most_bytes:
            others = self._waiting - {body}
            if monotonic() >= until or (others and _held([*others, body]) > WAITING_BYTES):
                self._waiting.discard(body)
                raise BusyError("Too busy: too many long answers are being sent.", retry_after_seconds=1)
            self._waiting.add(body)
            await asyncio.sleep(_POLL_SECONDS)
        self._waiting.discard(body)
        self._bodies.add(body)


_Body = Slices | Stream | _WrittenByHandler
SENDING_BUDGET = web.AppKey("sending", SendingBudget)


def _held(bodies: Iterable[_Body]) -> int:
    """Return the bytes that these hold, shared ones once."""
    parts: dict[int, int] = {}
    streams = 0
    for body in bodies:
        if isinstance(body, Slices):
            parts.update((id(part), len(part)) for part in body.parts)
        else:
            streams += not body.is_over
    return sum(parts.values()) + streams * STREAM_BYTES
