"""Content and freshness ↔ bytes: what a stored snapshot is made of.

One byte of format, then zlib over MessagePack. Raise :data:`FORMAT` only when
bytes written before would now be misread; a new field with a default needs no
new format, nor does a new section: its freshness stands behind the first
stream, where versions that do not know it do not look.
"""

import zlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, TypeVar

import msgspec

from sidecar.domain.errors import StoreError
from sidecar.domain.model import Content, Experiment, Freshness, Infra, Schedule, Section
from sidecar.domain.unreadable import UNREADABLE
from sidecar.runtime.turns import Work, interruptible

FORMAT: Final = 1

PACKED_AT_ONCE: Final = 32 * 1024
"""Bytes encoded and compressed without a pause, about a fifth of a millisecond."""
ROWS_PACKED_AT_ONCE: Final = 10
"""Rows encoded without a pause: of experiments with their recent runs some 20 kB."""
UNPACKED_AT_ONCE: Final = 8 * 1024
"""Bytes decompressed without a pause; they become some twenty times as many."""
ROWS_AT_ONCE: Final = 50
"""Rows decoded without a pause, of experiments about a quarter of a millisecond."""

_LEVEL: Final = 3
_INT_MIN: Final = -(2**63)
_INT_MAX: Final = 2**64 - 1

T = TypeVar("T")

_encoder: Final = msgspec.msgpack.Encoder()
_rows: Final[Mapping[str, msgspec.msgpack.Decoder[Any]]] = {
    "experiments": msgspec.msgpack.Decoder(Experiment),
    "schedules": msgspec.msgpack.Decoder(Schedule),
    "infrastructures": msgspec.msgpack.Decoder(Infra),
}
"""Of the sections that grow to thousands of rows."""
_taken_apart: Final = msgspec.msgpack.Decoder(
    msgspec.defstruct(
        "TakenApart",
        [
            (field.name, list[msgspec.Raw] | None if field.name in _rows else field.type, field.default)
            for field in msgspec.structs.fields(Content)
        ],
    )
)
"""Reads a content all but the rows of these, which are sound MessagePack then."""
_freshnesses: Final = msgspec.msgpack.Decoder(dict[Section, Freshness])
_later_freshnesses: Final = msgspec.msgpack.Decoder(dict[str, Freshness])
_LATER: Final = frozenset({Section.RUN_HISTORY})
"""Sections that the format did not have at first."""
_SECTIONS: Final = frozenset(section.value for section in Section)


@interruptible
def dump_content(content: Content) -> Work[bytes]:
    """Return the bytes of a content; a small one is one piece, so that it is done without a pause.

    A number beyond 64 bits, which nothing real counts, becomes the nearest
    that fits: one odd value must not keep a project from being stored.
    """
    packer = zlib.compressobj(_LEVEL)
    packed, since = [bytes([FORMAT])], 0
    for part in _message(content):
        for start in range(0, len(part), PACKED_AT_ONCE):
            if since >= PACKED_AT_ONCE:
                since = 0
                yield
            piece = part[start : start + PACKED_AT_ONCE]
            packed.append(packer.compress(piece))
            since += len(piece)
    packed.append(packer.flush())
    return b"".join(packed)


def _message(content: Content) -> Iterator[bytes]:
    """Return the MessagePack of a content in parts, some rows each; joined they are the whole."""
    fields = msgspec.structs.fields(Content)
    # Both heads end where the first element would begin.
    yield _encoder.encode(dict.fromkeys(range(len(fields))))[: -2 * len(fields)]
    for field in fields:
        yield _encoder.encode(field.encode_name)
        value = getattr(content, field.name)
        if isinstance(value, Sequence):
            yield _encoder.encode([None] * len(value))[: -len(value) or None]
            for start in range(0, len(value), ROWS_PACKED_AT_ONCE):
                yield b"".join(map(_encoded, value[start : start + ROWS_PACKED_AT_ONCE]))
        else:
            yield _encoded(value)


@interruptible
def parse_content(data: bytes) -> Work[Content | None]:
    """Return the content, or ``None`` if another format wrote it.

    Raises:
        StoreError: If the bytes are damaged.
    """
    if data[:1] != bytes([FORMAT]):
        return None
    try:
        message = yield from _unpacked(data[1:])
        values = msgspec.structs.asdict(_taken_apart.decode(message))
        for name, decoder in _rows.items():
            values[name] = yield from _decoded_rows(values[name], decoder)
        return Content(**values)
    except UNREADABLE as exc:
        raise _damaged() from exc


def _unpacked(data: bytes) -> Work[bytes]:
    """Return what the first stream of these bytes holds."""
    stream, parts = zlib.decompressobj(), []
    for start in range(0, len(data), UNPACKED_AT_ONCE):
        if start:
            yield
        parts.append(stream.decompress(data[start : start + UNPACKED_AT_ONCE]))
    if not stream.eof:
        raise _damaged()
    message = b"".join(parts)
    if len(parts) > 1:
        yield
    return message


def _decoded_rows(
    rows: Sequence[msgspec.Raw] | None, decoder: msgspec.msgpack.Decoder[T]
) -> Work[tuple[T, ...] | None]:
    if rows is None:
        return None
    found: list[T] = []
    for start in range(0, len(rows), ROWS_AT_ONCE):
        if start:
            yield
        found += map(decoder.decode, rows[start : start + ROWS_AT_ONCE])
    return tuple(found)


def dump_freshness(freshness: Mapping[Section, Freshness]) -> bytes:
    """Return the bytes of the freshness of all sections."""
    first = {section: one for section, one in freshness.items() if section not in _LATER}
    later = {section: one for section, one in freshness.items() if section in _LATER}
    return _dump(first) + (zlib.compress(_encoder.encode(later), _LEVEL) if later else b"")


def parse_freshness(data: bytes) -> Mapping[Section, Freshness] | None:
    """Return the freshness, or ``None`` if another format wrote it.

    Raises:
        StoreError: If the bytes are damaged.
    """
    first = _parse(data, _freshnesses)
    behind = _behind(data) if first is not None else b""
    if first is None or not behind:
        return first
    later = _decode(behind, _later_freshnesses)
    return first | {Section(name): one for name, one in later.items() if name in _SECTIONS}


def _behind(data: bytes) -> bytes:
    """Return what stands behind the first stream."""
    stream = zlib.decompressobj()
    stream.decompress(data[1:])
    return stream.unused_data


def _dump(value: object) -> bytes:
    return bytes([FORMAT]) + zlib.compress(_encoded(value), _LEVEL)


def _encoded(value: object) -> bytes:
    try:
        return _encoder.encode(value)
    except OverflowError:
        return _encoder.encode(_fitting(msgspec.to_builtins(value, builtin_types=(bytes,))))


def _parse(data: bytes, decoder: msgspec.msgpack.Decoder[T]) -> T | None:
    if data[:1] != bytes([FORMAT]):
        return None
    return _decode(data[1:], decoder)


def _decode(data: bytes, decoder: msgspec.msgpack.Decoder[T]) -> T:
    try:
        return decoder.decode(zlib.decompress(data))
    except UNREADABLE as exc:
        raise _damaged() from exc


def _damaged() -> StoreError:
    return StoreError("The stored data of a project is damaged.")


def _fitting(value: Any) -> Any:
    """Return builtin values with every number brought into 64 bits."""
    match value:
        case bool():
            return value
        case int():
            return min(max(value, _INT_MIN), _INT_MAX)
        case dict():
            return {key: _fitting(one) for key, one in value.items()}
        case list() | tuple():
            return [_fitting(one) for one in value]
        case _:
            return value
