"""Content and freshness ↔ bytes: what a stored snapshot is made of.

One byte of format, then zlib over MessagePack. Raise :data:`FORMAT` only when
bytes written before would now be misread; a new field with a default needs no
new format.
"""

import zlib
from collections.abc import Mapping
from typing import Any, Final, TypeVar

import msgspec

from sidecar.errors import StoreError
from sidecar.model import Content, Freshness, Section

FORMAT: Final = 1

_LEVEL: Final = 3
_INT_MIN: Final = -(2**63)
_INT_MAX: Final = 2**64 - 1

T = TypeVar("T")

_encoder: Final = msgspec.msgpack.Encoder()
_contents: Final = msgspec.msgpack.Decoder(Content)
_freshnesses: Final = msgspec.msgpack.Decoder(dict[Section, Freshness])


def dump_content(content: Content) -> bytes:
    """Return the bytes of a content.

    A number beyond 64 bits, which nothing real counts, becomes the nearest
    that fits: one odd value must not keep a project from being stored.
    """
    return _dump(content)


def parse_content(data: bytes) -> Content | None:
    """Return the content, or ``None`` if another format wrote it.

    Raises:
        StoreError: If the bytes are damaged.
    """
    return _parse(data, _contents)


def dump_freshness(freshness: Mapping[Section, Freshness]) -> bytes:
    """Return the bytes of the freshness of all sections."""
    return _dump(dict(freshness))


def parse_freshness(data: bytes) -> Mapping[Section, Freshness] | None:
    """Return the freshness, or ``None`` if another format wrote it.

    Raises:
        StoreError: If the bytes are damaged.
    """
    return _parse(data, _freshnesses)


def _dump(value: object) -> bytes:
    try:
        packed = _encoder.encode(value)
    except OverflowError:
        packed = _encoder.encode(_fitting(msgspec.to_builtins(value, builtin_types=(bytes,))))
    return bytes([FORMAT]) + zlib.compress(packed, _LEVEL)


def _parse(data: bytes, decoder: msgspec.msgpack.Decoder[T]) -> T | None:
    if data[:1] != bytes([FORMAT]):
        return None
    try:
        return decoder.decode(zlib.decompress(data[1:]))
    except (zlib.error, msgspec.DecodeError) as exc:
        raise StoreError("The stored data of a project is damaged.") from exc


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
