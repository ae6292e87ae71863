"""Content and freshness ↔ bytes: what a stored snapshot is made of.

One byte of format, then zlib over MessagePack. Raise :data:`FORMAT` only when
bytes written before would now be misread; a new field with a default needs no
new format, nor does a new section: its freshness stands behind the first
stream, where versions that do not know it do not look.
"""

import zlib
from collections.abc import Mapping
from typing import Any, Final, TypeVar

import msgspec

from sidecar.domain.errors import StoreError
from sidecar.domain.model import Content, Freshness, Section
from sidecar.domain.unreadable import UNREADABLE

FORMAT: Final = 1

_LEVEL: Final = 3
_INT_MIN: Final = -(2**63)
_INT_MAX: Final = 2**64 - 1

T = TypeVar("T")

_encoder: Final = msgspec.msgpack.Encoder()
_contents: Final = msgspec.msgpack.Decoder(Content)
_freshnesses: Final = msgspec.msgpack.Decoder(dict[Section, Freshness])
_later_freshnesses: Final = msgspec.msgpack.Decoder(dict[str, Freshness])
_LATER: Final = frozenset({Section.RUN_HISTORY})
"""Sections that the format did not have at first."""
_SECTIONS: Final = frozenset(section.value for section in Section)


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
    try:
        packed = _encoder.encode(value)
    except OverflowError:
        packed = _encoder.encode(_fitting(msgspec.to_builtins(value, builtin_types=(bytes,))))
    return bytes([FORMAT]) + zlib.compress(packed, _LEVEL)


def _parse(data: bytes, decoder: msgspec.msgpack.Decoder[T]) -> T | None:
    if data[:1] != bytes([FORMAT]):
        return None
    return _decode(data[1:], decoder)


def _decode(data: bytes, decoder: msgspec.msgpack.Decoder[T]) -> T:
    try:
        return decoder.decode(zlib.decompress(data))
    except UNREADABLE as exc:
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
