"""What the pages say exists, exists; what exists, the pages say."""

import ast
import asyncio
import json
import re
import subprocess
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from aiohttp import web

from sidecar import __version__
from sidecar.cli.demo import demo_config
from sidecar.cli.main import commands
from sidecar.config import RELOADABLE, Config, load_config
from sidecar.domain.errors import SidecarError
from sidecar.http.metrics.families import FAMILIES
from sidecar.http.routes import add_routes
from sidecar.simulator import demo_catalog, open_demo
from tests.support.explained import explained_metrics
from tests.support.findings import findings
from tests.support.markdown import code_blocks, first_cells, repository_pages, section
from tests.support.service import open_service

ROOT = Path(__file__).parents[2]
DOCS: Final = ROOT / "docs"
TUTORIAL = (DOCS / "tutorial.md").read_text()
DEPENDENCIES = (DOCS / "dependencies.md").read_text()
CHANGELOG = (ROOT / "CHANGELOG.md").read_text()
PYPROJECT: Final[dict[str, Any]] = tomllib.loads((ROOT / "pyproject.toml").read_text())
PROJECT: Final[dict[str, Any]] = PYPROJECT["project"]
PAGES: Final = repository_pages()


def routes() -> set[str]:
    app = web.Application()
    add_routes(app)
    return {
        f"{'POST' if route.method == '*' else route.method} {route.resource.canonical}"
        for route in app.router.routes()
        if route.resource is not None and route.method != "HEAD"
    }


def test_the_reference_lists_exactly_the_routes_that_there_are() -> None:
    assert sorted(first_cells((DOCS / "reference/routes.md").read_text())) == sorted(routes())


def test_the_page_on_reloading_lists_exactly_the_keys_that_take_effect_so() -> None:
    page = section((DOCS / "how-to/reload.md").read_text(), "What takes effect")
    assert list(first_cells(page)) == list(RELOADABLE)


def loaded(configuration: str, directory: Path, environ: dict[str, str]) -> Config:
    path = directory / "app-config.yaml"
    path.write_text(configuration)
    return load_config([path], environ)


def test_the_shortest_configuration_works(tmp_path: Path) -> None:
    (block,) = code_blocks(section((DOCS / "how-to/install.md").read_text(), "Configure"), "yaml")
    environ = {"LITMUS_AUTH_TOKEN": "a-litmus-token", "SIDECAR_KEY": "0123456789abcdef"}
    assert findings(loaded(block, tmp_path, environ)) == ()


def test_the_secret_for_kubernetes_has_every_key_that_the_chart_and_its_examples_name() -> None:
    """Those of oauth2-proxy, which few run, are told in its example."""
    page = (DOCS / "how-to/kubernetes.md").read_text()
    created = re.findall(r"--from-literal=([\w-]+)=", page)
    chart = ROOT / "deploy/helm/litmus-sidecar"
    paths = [chart / "values.yaml", *chart.glob("examples/*.yaml")]
    named = {
        key
        for path in paths
        for key in re.findall(
            r"/run/secrets/litmus-sidecar/([\w-]+)|\b(?:urlKey|secretKey): ([\w-]+)", path.read_text()
        )
    }
    assert {one or other for one, other in named} == set(created)


def test_every_make_target_that_a_page_mentions_exists() -> None:
    targets = set(re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    mentioned = {
        name
        for page in PAGES
        for name in re.findall(r"(?:`|^    )make (\w+)", page.read_text(), re.MULTILINE)
    }
    assert {"demo", "test"} <= mentioned <= targets


@pytest.mark.parametrize("target", ["check", "test"])
def test_both_loops_hold_the_layers(program: Callable[[str, str], str], target: str) -> None:
    planned = subprocess.run(  # noqa: S603 - only prints what would be done
        [program("make", "make"), "--dry-run", target], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert "lint-imports" in planned.stdout


def test_the_picture_of_the_layers_is_the_contract_that_holds_them() -> None:
    text = (ROOT / "pyproject.toml").read_text()
    contract = text[text.index('name = "Rooms depend downwards"') :]
    rows = re.findall(r'^  "([^"]+)", +# (\w+)$', contract[: contract.index("\n]\n")], re.MULTILINE)
    held = [(word, set(rooms.split(" | "))) for rooms, word in rows]

    page = section((DOCS / "development.md").read_text(), "Layers")
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


# Brings every module that may define an error.
EVERY_COMMAND: Final = dict(commands.commands)


def all_errors(error: type[SidecarError] = SidecarError) -> Iterator[type[SidecarError]]:
    yield error
    for below in error.__subclasses__():
        yield from all_errors(below)


def test_every_error_code_is_explained_and_no_other() -> None:
    codes = {error.code for error in all_errors() if error.__module__.startswith("sidecar.")}
    explained = re.findall(r"^### (\w+)$", (DOCS / "reference/error-codes.md").read_text(), re.MULTILINE)
    assert sorted(explained) == sorted(codes)


def test_every_metric_of_ours_is_explained_and_no_other() -> None:
    """What a service really tells, and with which labels: tests/e2e/test_prometheus.py."""
    made = {
        name
        for path in (ROOT / "sidecar").rglob("*.py")
        for name in re.findall(r'"(litmus_sidecar_\w+)"', path.read_text())
    }
    assert made
    assert sorted(explained_metrics("Metrics of the service")) == sorted(made)


def test_every_metric_of_the_domain_is_explained_and_no_other() -> None:
    assert sorted(explained_metrics("Metrics of the domain")) == sorted(family.name for family in FAMILIES)


def test_every_version_is_the_same() -> None:
    newest = re.search(r"^## \[(\d[^]]*)\]", CHANGELOG, re.MULTILINE)
    assert newest is not None
    assert newest[1] == PROJECT["version"] == __version__


async def typed_by_bash(program: Callable[[str, str], str], text: str) -> str:
    """Return what is printed when a block of a page is typed as it stands."""
    program("curl", "curl")
    process = await asyncio.create_subprocess_exec(
        program("bash", "bash"), "-euc", text, stdout=asyncio.subprocess.PIPE
    )
    printed, _ = await process.communicate()
    assert process.returncode == 0
    return printed.decode()


@pytest.mark.service
async def test_what_the_tutorial_asks_the_demo_is_answered(
    tmp_path: Path, program: Callable[[str, str], str]
) -> None:
    project = re.search(r'"projectID": "([0-9a-f-]{36})"', TUTORIAL)
    assert project is not None
    (asked,) = code_blocks(TUTORIAL, "sh")
    catalog = tmp_path / "catalog-info.yaml"
    catalog.write_text(demo_catalog())
    async with open_demo() as worlds, open_service(demo_config(worlds, catalog, 0)) as service:
        typed = asked.replace("http://127.0.0.1:8080", service.url("").rstrip("/"))
        answers = [json.loads(line) for line in (await typed_by_bash(program, typed)).splitlines()]
        refused = await service.query(
            "query($projectID: ID!) { listChaosHub(projectID: $projectID, request: {}) { token } }",
            project[1],
        )
    assert [list(answer) for answer in answers] == [["data", "extensions"]] * 5
    assert f"`{refused['errors'][0]['message']}`" in TUTORIAL
