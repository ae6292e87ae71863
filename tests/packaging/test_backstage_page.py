"""The way into Backstage that the page tells is the one that ``init`` and the package go."""

import io
import re
from pathlib import Path
from typing import Any, Final

import pytest
from ruamel.yaml import YAML

from sidecar.catalog.files import FileCatalog
from sidecar.cli.starter.access import Access
from sidecar.cli.starter.fragment import Places, config_of, fragment_text
from sidecar.cli.starter.frontend import INSTALL, NEW, OLD
from tests.support.findings import findings
from tests.support.markdown import ROOT, code_blocks, section

PAGE: Final = (ROOT / "docs/how-to/backstage.md").read_text()
README: Final = section((ROOT / "README.md").read_text(), "Put it into Backstage, in ten minutes")
PLUGIN: Final = ROOT / "plugin"
ENVIRON: Final = {
    "SIDECAR_KEY": "0123456789abcdef0123456789abcdef",
    "SIDECAR_CATALOG_TOKEN": "fedcba9876543210fedcba9876543210",
    "LITMUS_AUTH_TOKEN": "a-litmus-token",
}
FRAGMENT: Final = fragment_text(
    [Access(name="default", base_url="https://litmus.example.com", variable="LITMUS_AUTH_TOKEN")],
    Places(
        sidecar_url="http://litmus-sidecar:8080", backstage_url="http://backstage:7007", catalog_file=None
    ),
    "u-1",
)


def parsed(text: str) -> Any:
    return YAML(typ="safe").load(text)


def blocks(heading: str) -> list[Any]:
    return [parsed(block) for block in code_blocks(section(PAGE, heading), "yaml")]


def test_proxy_route_and_access_to_the_catalog_are_those_of_init() -> None:
    whole = parsed(FRAGMENT)
    assert blocks("2. Lead Backstage's proxy to the sidecar") == [{"proxy": whole["proxy"]}]
    assert blocks("3. Let the sidecar read the catalog") == [{"backend": whole["backend"]}]


def test_without_the_section_of_the_official_plugin_check_misses_that_alone() -> None:
    whole = parsed(FRAGMENT)
    del whole["litmus"]
    text = io.StringIO()
    YAML(typ="safe").dump(whole, text)
    (finding,) = findings(config_of(text.getvalue(), ENVIRON))
    assert "litmus.apiToken is missing" in str(finding)


@pytest.mark.parametrize("place", [0, 1], ids=["whole", "narrowed"])
async def test_the_annotations_are_read_without_problems(place: int, tmp_path: Path) -> None:
    entity: dict[str, Any] = blocks("4. Name the project")[place]
    entity |= {"apiVersion": "backstage.io/v1alpha1", "kind": "Component", "spec": {"owner": "team-a"}}
    entity["metadata"]["name"] = "shop"
    path = tmp_path / "catalog-info.yaml"
    YAML(typ="safe").dump(entity, path)
    catalog = FileCatalog([str(path)], ["default"])
    await catalog.refresh()
    assert catalog.current.problems == ()
    (read,) = catalog.current.entities
    assert read.project.project_id == entity["metadata"]["annotations"]["litmuschaos.io/project-id"]
    assert bool(read.experiment_tags and read.infra_ids) == (place == 1)


def test_what_the_app_imports_is_exported_and_used() -> None:
    code = "\n".join(code_blocks(PAGE, "tsx"))
    exported = (PLUGIN / "src/index.ts").read_text() + (PLUGIN / "src/plugin.ts").read_text()
    named = re.findall(r"import \{([^}]*)\} from 'backstage-plugin-litmus-resilience'", code)
    names = {name for each in named for name in re.findall(r"\w+", each)}
    assert names == {
        "EntityLitmusResilienceCard",
        "EntityLitmusResilienceContent",
        "LitmusPage",
        "isLitmusAvailable",
    }
    assert [name for name in names if not re.search(rf"\b{name}\b", exported)] == []
    assert [name for name in names if f"<{name} />" not in code and f"if={{{name}}}" not in code] == []


def test_init_prints_the_same_lines_for_the_app() -> None:
    new, *_ = code_blocks(PAGE, "tsx")
    assert new.strip() in NEW
    assert INSTALL in PAGE
    for line in (
        '<EntityLayout.Route path="/resilience" title="Resilience" if={isLitmusAvailable}>',
        '<Route path="/litmus" element={<LitmusPage />} />',
    ):
        assert line in PAGE
        assert line in OLD


def test_cards_are_ordered_by_ids_that_the_package_has() -> None:
    (order,) = blocks("6. Show it")
    ours = [one for one in order["app"]["extensions"] if "litmus-resilience" in one]
    tested = (PLUGIN / "tests/alpha.test.tsx").read_text()
    assert ours
    assert [one for one in ours if f"getExtension('{one}')" not in tested] == []


def test_every_step_says_how_to_see_that_it_worked() -> None:
    steps = re.findall(r"^## (\d\. .+)$", PAGE, flags=re.MULTILINE)
    assert [step[0] for step in steps] == list("123456")
    assert [step for step in steps if section(PAGE, step).count("**It worked** when") != 1] == []


def test_readme_begins_with_init_and_leads_to_the_page() -> None:
    first = re.search(r"^\| `([^`]+)`", README, flags=re.MULTILINE)
    assert first is not None
    assert first.group(1) == "litmus-sidecar init"
    assert "(docs/how-to/backstage.md)" in README
    for picture in ("plugin-card.png", "plugin-content.png"):
        assert picture in README
    for picture in ("plugin-card.png", "plugin-content.png", "plugin-portfolio.png"):
        assert picture in PAGE
