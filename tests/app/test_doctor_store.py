"""What is said of a store before a start, from what was seen of it."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from sidecar.app.doctor.store import LEAST_FREE_BYTES, judged, store_findings
from sidecar.config import Config, parse_config
from sidecar.config.store_url import parse_url
from sidecar.insight.token_findings import FindingSeverity
from sidecar.store.engine.inspection import Inspection
from sidecar.store.engine.migration import SchemaState

GONE = "postgresql://user:geheim@127.0.0.1:9/store"


def config_of(url: str) -> Config:
    source = {"litmus": {"baseUrl": "https://litmus.example.com"}, "litmusSidecar": {"store": {"url": url}}}
    return parse_config(source, directory=Path("/etc"), environ={"LITMUS_AUTH_TOKEN": "a-token"})


@pytest.mark.parametrize(
    ("seen", "codes"),
    [
        (Inspection(schema=SchemaState.ABSENT, free_bytes=LEAST_FREE_BYTES), []),
        (Inspection(schema=SchemaState.CURRENT), []),
        (Inspection(schema=SchemaState.CURRENT, free_bytes=LEAST_FREE_BYTES - 1), ["store_disk_small"]),
        (Inspection(schema=SchemaState.CURRENT, lacks=["a", "b"]), ["store_rights_missing"] * 2),
        (Inspection(schema=SchemaState.OLDER), ["store_will_migrate"]),
        (Inspection(schema=SchemaState.NEWER), ["store_is_newer"]),
    ],
)
def test_what_was_seen_has_a_code(seen: Inspection, codes: Sequence[str]) -> None:
    found = [*judged(parse_url("sqlite:///store.db"), seen)]
    assert [one.key for one in found] == codes
    notes = [one.key for one in found if one.severity is FindingSeverity.NOTE]
    assert notes == [code for code in codes if code in {"store_will_migrate", "store_is_newer"}]


async def test_a_server_is_asked_only_online_and_shown_without_its_password() -> None:
    assert await store_findings(config_of(GONE), offline=True) == ()
    (one,) = await store_findings(config_of(GONE), offline=False)
    assert one.key == "store_unreachable"
    assert "postgresql://127.0.0.1:9/store" in one.sentence
    assert "geheim" not in one.sentence


@pytest.mark.parametrize("offline", [True, False])
async def test_a_missing_directory_is_told_a_missing_file_is_fine(tmp_path: Path, *, offline: bool) -> None:
    (one,) = await store_findings(config_of(f"sqlite:///{tmp_path}/gone/store.db"), offline=offline)
    assert one.key == "store_unreachable"
    assert await store_findings(config_of("memory:"), offline=offline) == ()
    assert [
        one.key for one in await store_findings(config_of(f"sqlite:///{tmp_path}/store.db"), offline=offline)
    ] in ([], ["store_disk_small"])
