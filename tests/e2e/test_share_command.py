"""What the command shares, a running service shows; what it revokes, it shows no more."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from sidecar.cli.main import main
from sidecar.cli.share import full_ref
from tests.e2e.conftest import Small
from tests.support.service import Service, config_for, open_service

PUBLIC = "https://litmus-sidecar.example.com"


@pytest.fixture
async def service(small: Small) -> AsyncIterator[Service]:
    config = config_for(
        {"default": (small.simulator, small.token)},
        small.catalog,
        auth={"keys": [{"name": "ops", "secret": "ops-secret-0123456789", "scopes": ["read"]}]},
    )
    async with open_service(config) as running:
        await running.ready()
        yield running


@pytest.fixture
def app_config(small: Small) -> Path:
    """The configuration of the same store, as a file for the command."""
    path = small.catalog.parent / "app-config.yaml"
    section = {
        "publicUrl": PUBLIC,
        "instances": [{"name": "default", "baseUrl": small.simulator.url, "token": small.token}],
        "store": {"url": f"sqlite:///{small.catalog.parent / 'sidecar.db'}"},
    }
    path.write_text(json.dumps({"litmusSidecar": section}))
    return path


def change(app_config: Path, changes: dict[str, object]) -> None:
    section = json.loads(app_config.read_text())["litmusSidecar"] | changes
    kept = {name: value for name, value in section.items() if value is not None}
    app_config.write_text(json.dumps({"litmusSidecar": kept}))


async def command(*arguments: str) -> int:
    return await asyncio.to_thread(main, ["share", *arguments], {})


async def status_of(service: Service, url: str) -> int:
    parts = urlsplit(url)
    return (await service.get(f"{parts.path}?{parts.query}")).status


async def test_a_picture_shared_by_the_command_is_shown_until_it_revokes_it(
    service: Service, app_config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = ("--config", str(app_config))
    assert await command("cart", *given, "--picture", "badge", "--days", "90", "--json") == 0
    made: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert made["url"].startswith(f"{PUBLIC}/litmus/entities/component/default/cart/badge.svg?share=")
    assert await status_of(service, made["url"]) == 200

    assert await command("Component:default/Cart", *given, "--list") == 0
    listed = capsys.readouterr().out
    heading, line = listed.splitlines()
    assert re.fullmatch(r"ID +PICTURE +EXPIRES +SHARED BY", heading)
    assert re.fullmatch(rf"{made['id']} +badge +{re.escape(made['expiresAt'])} +command line", line)

    assert await command("cart", *given, "--revoke", made["id"]) == 0
    assert await status_of(service, made["url"]) == 410


async def test_a_badge_is_shared_with_a_label_and_a_trend_in_a_zone(
    service: Service, app_config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = ("--config", str(app_config), "--days", "1")
    assert await command("cart", *given, "--picture", "badge", "--label", "chaos") == 0
    parts = urlsplit(capsys.readouterr().out.strip())
    shown = await service.get(f"{parts.path}?{parts.query}")
    assert ">chaos<" in await shown.text()

    assert await command("cart", *given, "--picture", "trend", "--tz", "Asia/Kathmandu") == 0
    parts = urlsplit(capsys.readouterr().out.strip())
    assert (await service.get(f"{parts.path}?{parts.query}")).status == 200
    other_zone = await service.get(f"{parts.path}?{parts.query}&tz=UTC")
    assert other_zone.status == 403

    assert await command("cart", *given, "--picture", "trend", "--label", "chaos") == 1
    assert "label" in capsys.readouterr().err


async def test_without_json_the_address_alone_is_printed(
    app_config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = ("--config", str(app_config), "--picture", "trend", "--days", "1", "--window", "7d")
    assert await command("cart", *given) == 0
    assert re.fullmatch(rf"{PUBLIC}/litmus/entities/\S+/trend\.svg\?share=\S+\n", capsys.readouterr().out)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"publicUrl": None}, "litmusSidecar.publicUrl is needed here"),
        ({"store": {"url": "memory:"}}, "litmusSidecar.store.url is memory:"),
    ],
)
async def test_what_is_missing_in_the_configuration_is_named(
    app_config: Path, capsys: pytest.CaptureFixture[str], changes: dict[str, object], sentence: str
) -> None:
    change(app_config, changes)
    code = await command("cart", "--config", str(app_config), "--picture", "badge", "--days", "1")
    assert code == 2
    assert sentence in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments",
    [
        ("cart", "--picture", "badge"),
        ("cart", "--picture", "badge", "--days", "366"),
        ("cart", "--picture", "face", "--days", "1"),
        ("a b", "--list"),
        ("cart", "--revoke", "none"),
        ("cart", "--picture", "badge", "--days", "1", "--window", "7d"),
    ],
)
async def test_what_makes_no_sense_is_refused(app_config: Path, arguments: tuple[str, ...]) -> None:
    assert await command(*arguments, "--config", str(app_config)) != 0


@pytest.mark.parametrize(
    ("typed", "ref"),
    [
        ("cart", "component:default/cart"),
        ("System:Shop", "system:default/shop"),
        ("team/cart", "component:team/cart"),
        ("component:default/cart", "component:default/cart"),
        ("a:b:c", None),
        ("", None),
    ],
)
def test_a_reference_may_leave_out_what_is_usual(typed: str, ref: str | None) -> None:
    assert full_ref(typed) == ref
