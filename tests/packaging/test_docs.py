"""What the pages say exists, exists; what exists, the pages say."""

import ast
import re
import subprocess
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from aiohttp import web
from pydantic.alias_generators import to_camel

from sidecar import __version__
from sidecar.cli.demo import demo_config
from sidecar.cli.main import commands
from sidecar.config import SidecarSection, findings, load_config
from sidecar.domain.errors import SidecarError
from sidecar.http.metrics.families import FAMILIES
from sidecar.http.routes import add_routes
from sidecar.simulator import demo_catalog, open_demo
from tests.support.explained import explained_metrics
from tests.support.service import open_service

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
OPERATIONS = (ROOT / "docs/operations.md").read_text()
DEPENDENCIES = (ROOT / "docs/dependencies.md").read_text()
CHANGELOG = (ROOT / "CHANGELOG.md").read_text()
PYPROJECT: Final[dict[str, Any]] = tomllib.loads((ROOT / "pyproject.toml").read_text())
PROJECT: Final[dict[str, Any]] = PYPROJECT["project"]
PAGES: Final = sorted([ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").glob("*.md")])


def section(page: str, heading: str) -> str:
    """Return the text between a heading of a page and the next."""
    return re.split(r"^##? ", page.partition(f"\n## {heading}\n")[2], maxsplit=1, flags=re.MULTILINE)[0]


def first_cells(text: str) -> list[str]:
    """Return the first cell of every row of a table, headings left out."""
    cells = [line.split("|")[1].strip() for line in text.splitlines() if line.startswith("|")]
    return [cell.strip("`") for cell in cells[2:]]


def test_the_readme_lists_exactly_the_routes_that_there_are() -> None:
    app = web.Application()
    add_routes(app)
    routes = {
        f"{'POST' if route.method == '*' else route.method} {route.resource.canonical}"
        for route in app.router.routes()
        if route.resource is not None and route.method != "HEAD"
    }
    assert set(first_cells(section(README, "Routes"))) == routes


def test_the_readme_lists_exactly_the_commands_that_there_are() -> None:
    names = {f"litmus-sidecar {name}" for name in commands.commands}
    assert set(first_cells(section(README, "Commands"))) == names


def test_the_readme_names_every_section_of_the_configuration() -> None:
    listed = set(first_cells(section(README, "Configuration")))
    fields = SidecarSection.model_fields.items()
    assert listed == {to_camel(name) for name, _ in fields} - {"publicUrl"}


def test_the_shortest_configuration_of_the_readme_works(tmp_path: Path) -> None:
    (block,) = re.findall(r"```yaml\n(.+?)```", section(README, "Configuration"), re.DOTALL)
    path = tmp_path / "app-config.yaml"
    path.write_text(block)
    environ = {"LITMUS_AUTH_TOKEN": "a-litmus-token", "SIDECAR_KEY": "0123456789abcdef"}
    assert findings(load_config([path], environ)) == ()


def test_every_make_target_that_a_page_mentions_exists() -> None:
    targets = set(re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    mentioned = {
        name
        for page in PAGES
        for name in re.findall(r"(?:`|^    )make (\w+)", page.read_text(), re.MULTILINE)
    }
    assert {"demo", "test"} <= mentioned <= targets


def test_make_test_holds_the_layers(program: Callable[[str, str], str]) -> None:
    planned = subprocess.run(  # noqa: S603 - only prints what would be done
        [program("make", "make"), "--dry-run", "test"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert "lint-imports" in planned.stdout


def test_the_picture_of_the_layers_is_the_contract_that_holds_them() -> None:
    text = (ROOT / "pyproject.toml").read_text()
    contract = text[text.index('name = "Rooms depend downwards"') :]
    rows = re.findall(r'^  "([^"]+)", +# (\w+)$', contract[: contract.index("\n]\n")], re.MULTILINE)
    held = [(word, set(rooms.split(" | "))) for rooms, word in rows]

    page = section((ROOT / "docs/development.md").read_text(), "Layers")
    picture = page[page.index("```mermaid") :]
    drawn = re.findall(r"subgraph (\w+)\n +direction LR\n +(.+)\n +end", picture)

    assert [(word, set(rooms.split(" ~~~ "))) for word, rooms in drawn] == held
    assert " --> ".join(word for word, _ in held) in picture
    assert [rooms for rooms, _ in rows] == PYPROJECT["tool"]["importlinter"]["contracts"][0]["layers"]
    assert len(held) <= 9


def test_every_room_says_what_belongs_there() -> None:
    rooms = [path.parent for path in (ROOT / "sidecar").glob("*/__init__.py")]
    assert {path.name for path in (ROOT / "sidecar").glob("*") if path.is_file()} == {
        "__init__.py",
        "__main__.py",
        "py.typed",
    }
    for room in rooms:
        said = ast.get_docstring(ast.parse((room / "__init__.py").read_text())) or ""
        assert re.match(r"[A-Z].{30,}?[.:]", said), f"{room.name} does not say what it holds"


@pytest.mark.parametrize(
    ("heading", "requirements"),
    [
        ("To run", PROJECT["dependencies"]),
        ("To trace", PROJECT["optional-dependencies"]["otel"]),
        ("To develop", PROJECT["optional-dependencies"]["dev"]),
        ("To build", [*PYPROJECT["dependency-groups"]["build"], *PYPROJECT["dependency-groups"]["sbom"]]),
    ],
)
def test_every_dependency_has_its_line_and_every_line_its_dependency(
    heading: str, requirements: list[str]
) -> None:
    distributions = (re.split(r"[\[<>=!~; ]", requirement)[0].lower() for requirement in requirements)
    # To develop needs the extras too.
    names = sorted(name for name in distributions if name != PROJECT["name"])
    assert sorted(name.lower() for name in first_cells(section(DEPENDENCIES, heading))) == names


def all_errors(error: type[SidecarError] = SidecarError) -> Iterator[type[SidecarError]]:
    yield error
    for below in error.__subclasses__():
        yield from all_errors(below)


def test_every_error_code_is_explained_and_no_other() -> None:
    # The import of the command line has imported every module that may define one.
    codes = {error.code for error in all_errors() if error.__module__.startswith("sidecar.")}
    explained = first_cells(section(OPERATIONS, "Error codes"))
    assert sorted(explained) == sorted(codes)


def test_every_metric_of_ours_is_explained_and_no_other() -> None:
    """What a service really tells, and with which labels: tests/e2e/test_prometheus.py."""
    made = {
        name
        for path in (ROOT / "sidecar").rglob("*.py")
        for name in re.findall(r'"(litmus_sidecar_\w+)"', path.read_text())
    }
    assert made
    assert sorted(explained_metrics("Metrics")) == sorted(made)


def test_every_metric_of_the_domain_is_explained_and_no_other() -> None:
    assert sorted(explained_metrics("Metrics of the domain")) == sorted(family.name for family in FAMILIES)


def test_every_version_is_the_same() -> None:
    newest = re.search(r"^## \[(\d[^]]*)\]", CHANGELOG, re.MULTILINE)
    assert newest is not None
    assert newest[1] == PROJECT["version"] == __version__


def anchors(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_to_a_file_of_ours_leads_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\((?!https?:)([^)\s]+)\)", page.read_text()):
        path, _, anchor = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        assert file.is_file(), target
        assert not anchor or anchor in anchors(file), target


async def test_what_the_readme_asks_the_demo_is_answered(tmp_path: Path) -> None:
    project = re.search(r'"projectID": "([0-9a-f-]{36})"', README)
    assert project is not None
    questions = re.findall(r"^ask '(.+)'$", README, re.MULTILINE)
    assert len(questions) == 5
    catalog = tmp_path / "catalog-info.yaml"
    catalog.write_text(demo_catalog())
    async with open_demo() as worlds, open_service(demo_config(worlds, catalog, 0)) as service:
        answers = [await service.query(f"query($projectID: ID!) {{ {q} }}", project[1]) for q in questions]
        refused = await service.query(
            "query($projectID: ID!) { listChaosHub(projectID: $projectID, request: {}) { token } }",
            project[1],
        )
    assert [list(answer) for answer in answers] == [["data", "extensions"]] * 5
    assert f"`{refused['errors'][0]['message']}`" in README
