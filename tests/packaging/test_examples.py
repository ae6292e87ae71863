"""The examples and the reference in the repository are what the code does."""

import runpy
from pathlib import Path

import pytest

from sidecar.catalog import FileCatalog
from sidecar.config import SyncSettings, display_uid, load_config
from sidecar.config.yaml_text import parse_yaml
from sidecar.domain.model import ProjectRef
from tests.support.findings import findings

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "app-config.example.yaml"
ENVIRON = {
    "LITMUS_AUTH_TOKEN": "a-litmus-token",
    "SIDECAR_KEY": "0123456789abcdef-1",
    "SIDECAR_METRICS_KEY": "0123456789abcdef-2",
}


def test_the_example_configuration_is_valid_and_leaves_nothing_to_say() -> None:
    assert findings(load_config([EXAMPLE], ENVIRON)) == ()


def test_the_example_configuration_keeps_the_default_pace() -> None:
    """Whoever copies it changes nothing by the lines they did not think about."""
    assert load_config([EXAMPLE], ENVIRON).sync == SyncSettings()


def test_the_example_display_token_can_be_used_by_the_plugin() -> None:
    token = load_config([EXAMPLE], ENVIRON).display_token
    assert token is not None
    assert display_uid(token.get_secret_value()) == "backstage"


def test_the_example_proxy_sends_the_key_that_the_example_expects() -> None:
    example = parse_yaml(EXAMPLE.read_text())
    assert isinstance(example, dict)
    route = example["proxy"]["endpoints"]["/litmus"]
    assert route["headers"] == {"X-Litmus-Sidecar-Key": example["litmusSidecar"]["auth"]["keys"][0]["secret"]}
    assert (route["credentials"], route["allowedMethods"]) == ("forward", ["GET", "POST"])


async def test_the_example_catalog_is_read_without_problems() -> None:
    config = load_config([EXAMPLE], ENVIRON)
    catalog = FileCatalog(config.catalog.files, [instance.name for instance in config.instances])
    await catalog.refresh()
    assert catalog.current.problems == ()
    assert [(entity.ref, entity.owner, entity.domain) for entity in catalog.current.entities] == [
        ("component:default/cart", "group:default/team-checkout", "domain:default/commerce"),
        ("component:default/payments", "group:default/team-payments", "domain:default/commerce"),
    ]
    assert catalog.projects_with_id("7b2c1f0e-3d5a-4e8b-9a61-0c4d5e6f7a8b") == (
        ProjectRef(instance="default", project_id="7b2c1f0e-3d5a-4e8b-9a61-0c4d5e6f7a8b"),
    )


@pytest.mark.parametrize("name", ["configuration", "command"])
def test_a_generated_reference_is_current(name: str) -> None:
    """If not: make reference."""
    made = runpy.run_path(str(ROOT / "docs" / f"make_{name}_reference.py"))
    assert made["PAGE"].read_text() == made["page"]()


def test_both_generated_references_of_codes_are_current() -> None:
    """If not: make reference."""
    made = runpy.run_path(str(ROOT / "docs/make_finding_reference.py"))
    assert len(made["PAGES"]) == 2
    for path, page in made["PAGES"].items():
        assert path.read_text() == page()


def test_the_reference_shows_every_default_that_is_no_secret() -> None:
    """The address of the store is masked only where it is somebody's own."""
    page = (ROOT / "docs/reference/configuration.md").read_text()
    assert "`sqlite:///litmus-sidecar.db`" in page
    assert "***" not in page
