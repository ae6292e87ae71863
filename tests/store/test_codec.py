"""Snapshots as bytes: what goes in comes out, and nothing else ever does."""

import math
import zlib
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.domain.errors import StoreError
from sidecar.domain.model import Content, Freshness, RunStats, Section, Snapshot
from sidecar.store.codec import FORMAT, dump_content, dump_freshness, parse_content, parse_freshness
from sidecar.store.snapshot_cache import SnapshotCache, SnapshotRow
from tests.store.material import SHOP
from tests.support.builders import content, failed, fresh, run_stats
from tests.support.strategies import snapshots


def comparable(value: Any) -> Any:
    """Builtin values in which NaN equals NaN and numbers are brought into 64 bits."""
    match value:
        case float() if math.isnan(value):
            return "NaN"
        case int() if not isinstance(value, bool):
            return min(max(value, -(2**63)), 2**64 - 1)
        case dict():
            return {key: comparable(one) for key, one in value.items()}
        case list() | tuple():
            return [comparable(one) for one in value]
        case _:
            return value


@given(snapshots)
def test_any_content_comes_back(snapshot: Snapshot) -> None:
    parsed = parse_content(dump_content(snapshot.content))

    assert comparable(msgspec.to_builtins(parsed)) == comparable(msgspec.to_builtins(snapshot.content))


def test_freshness_comes_back() -> None:
    freshness = {Section.HUBS: fresh(), Section.GITOPS: failed(), Section.RUN_HISTORY: failed()}

    assert parse_freshness(dump_freshness(freshness)) == freshness


def test_a_version_that_knows_no_run_history_reads_the_other_sections() -> None:
    data = dump_freshness({Section.HUBS: fresh(), Section.RUN_HISTORY: failed()})

    # As 0.1.0 read it before the section was added: the first stream, whose keys it must know.
    read = msgspec.msgpack.decode(zlib.decompress(data[1:]), type=dict[str, Freshness])

    assert read == {"hubs": fresh()}


def test_a_section_of_a_later_version_is_passed_over() -> None:
    later = msgspec.msgpack.encode({"weather": fresh(), "runHistory": failed()})

    parsed = parse_freshness(dump_freshness({Section.HUBS: fresh()}) + zlib.compress(later))

    assert parsed == {Section.HUBS: fresh(), Section.RUN_HISTORY: failed()}


def test_freshness_damaged_in_its_second_part_is_refused() -> None:
    with pytest.raises(StoreError):
        parse_freshness(dump_freshness({Section.HUBS: fresh(), Section.RUN_HISTORY: failed()})[:-3])


def test_other_format_is_dropped() -> None:
    data = dump_content(content())

    assert parse_content(bytes([FORMAT + 1]) + data[1:]) is None


@given(st.integers(min_value=1), st.integers(1, 255))
def test_damaged_bytes_are_refused(position: int, difference: int) -> None:
    data = bytearray(dump_content(content()))
    data[1 + position % (len(data) - 1)] ^= difference

    # zlib's checksum leaves a flipped bit nowhere to hide, but for its header's level hint.
    try:
        parsed = parse_content(bytes(data))
    except StoreError:
        return
    assert parsed == content()


def test_truncated_bytes_are_refused() -> None:
    with pytest.raises(StoreError):
        parse_content(dump_content(content())[:-3])


def test_content_of_another_shape_is_refused() -> None:
    with pytest.raises(StoreError):
        parse_freshness(dump_content(content()))


def test_number_beyond_64_bits_becomes_the_greatest_that_fits() -> None:
    stats = run_stats(total=2**80)

    parsed = parse_content(dump_content(Content(run_stats=stats)))

    expected: RunStats = msgspec.structs.replace(stats, total=2**64 - 1)
    assert parsed == Content(run_stats=expected)


def test_damaged_row_is_as_if_there_were_none() -> None:
    view = SnapshotCache()
    freshness = dump_freshness({Section.HUBS: fresh()})

    view.adopt(
        SnapshotRow(project=SHOP, version=1, revision=3, content=b"\x01??", freshness=freshness),
        restored=True,
    )

    assert view.get(SHOP) is None
    assert view.revision(SHOP) == 3


def test_decoded_snapshots_stay_within_their_bytes() -> None:
    view = SnapshotCache(decoded_bytes=1)
    freshness = dump_freshness({Section.HUBS: fresh()})

    view.adopt(
        SnapshotRow(
            project=SHOP, version=1, revision=1, content=dump_content(content()), freshness=freshness
        ),
        restored=True,
    )

    snapshot = view.get(SHOP)
    assert snapshot is not None
    assert snapshot.content == content()
    assert view.decoded_bytes == 0


def test_other_content_never_comes_under_a_version_that_was_seen() -> None:
    """Another replica may count lower: what it stored keeps the number it was seen under here."""
    view = SnapshotCache()
    freshness = dump_freshness({Section.HUBS: fresh()})

    def adopt(version: int, revision: int, stored: Content) -> int:
        row = SnapshotRow(
            project=SHOP,
            version=version,
            revision=revision,
            content=dump_content(stored),
            freshness=freshness,
        )
        view.adopt(row, restored=False)
        head = view.head(SHOP)
        assert head is not None
        return head.version

    versions = [
        adopt(5, 1, content()),
        adopt(3, 2, content()),
        adopt(4, 3, Content()),
        adopt(9, 4, content()),
    ]

    assert versions == [5, 5, 6, 9]


@pytest.mark.parametrize("packed", [b"\xa1\xff", b"\x91" * 100_000, b"\xc1", b""])
def test_bytes_that_are_no_content_are_refused_whatever_the_decoder_makes_of_them(packed: bytes) -> None:
    with pytest.raises(StoreError):
        parse_content(bytes([FORMAT]) + zlib.compress(packed))
