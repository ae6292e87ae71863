"""Each of the eight usual changes touches four files at most, and nobody can forget one of them."""

import re
from pathlib import Path
from typing import Final

import msgspec
import pytest
from aiohttp import web
from graphql import GraphQLObjectType

from sidecar.actions.kind import ExperimentView, Offer
from sidecar.actions.kinds import KINDS
from sidecar.domain.action import ActionKind, Change
from sidecar.domain.model import Experiment
from sidecar.domain.runs import RecentRun
from sidecar.http.pages.routes import PAGE_ROUTES
from sidecar.http.routes import ROUTES
from sidecar.insight.attention import SEVERITY_OF, AttentionKind
from sidecar.insight.windows import DEFAULT_WINDOW, WINDOWS
from sidecar.litmus.wire.documents import MUTATIONS
from sidecar.replica.projection import FIELDS
from sidecar.replica.schema import mutation_type, served_schema
from sidecar.store.schema import metadata
from tests.packaging.test_mentions import settings
from tests.support.markdown import ROOT, section

DEVELOPMENT: Final = (ROOT / "docs/development.md").read_text()
MOST_FILES: Final = 4
CHANGES: Final = (
    "a field for the plugin",
    "a metric",
    "an attention rule",
    "a window",
    "an action",
    "a table",
    "a page",
    "a setting",
)


def changes() -> dict[str, tuple[str, str]]:
    """Return of each change the cells that say what is touched, and what tells."""
    rows = re.findall(
        r"^\| (an? [^|]+) \|([^|]+)\|([^|]+)\|$", section(DEVELOPMENT, "Eight changes"), re.MULTILINE
    )
    return {change: (files, tells) for change, files, tells in rows}


def paths(cell: str) -> list[str]:
    """Return the files of a cell; ``<name>`` in one stands for whatever it is called."""
    return re.findall(r"`((?:sidecar|docs|tests)/[\w./<>]+)`", cell)


def exists(path: str) -> bool:
    return any(ROOT.glob(re.sub(r"<\w+>", "*", path)))


def reference(name: str) -> str:
    return (ROOT / f"docs/reference/{name}.md").read_text()


def test_the_eight_changes_are_those() -> None:
    assert tuple(changes()) == CHANGES


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_touches_four_files_at_most_and_names_the_test_that_tells(change: str) -> None:
    files, tells = changes()[change]
    # Where it is counted, or used, is one file more.
    number = len(paths(files)) + files.count("where it is")
    # A metric is of the service or of the domain, never both.
    assert 0 < number <= MOST_FILES + (change == "a metric")
    assert [path for path in paths(files) + paths(tells) if not exists(path)] == []
    assert any(path.startswith("tests/") for path in paths(tells))


def test_every_served_field_has_a_rule_and_every_rule_a_served_field() -> None:
    roots = {"Query", "Mutation"}
    served = {
        name: set(type_.fields)
        for name, type_ in served_schema().type_map.items()
        if isinstance(type_, GraphQLObjectType) and not name.startswith("__") and name not in roots
    }
    assert {name: set(fields) for name, fields in FIELDS.items()} == served


@pytest.mark.parametrize("kind", AttentionKind)
def test_every_attention_rule_has_its_severity_its_sentence_and_its_words(kind: AttentionKind) -> None:
    assert kind in SEVERITY_OF
    source = (ROOT / "sidecar/insight/attention.py").read_text()
    # Its word, its severity, and what finds it.
    assert source.count(f"AttentionKind.{kind.name}") >= 2
    explained = (ROOT / "docs/explanation/figures.md").read_text()
    assert f"`{kind.value}`" in section(explained, "What needs attention")


@pytest.mark.parametrize("name", WINDOWS)
def test_every_window_has_its_words_and_is_in_each_reference(name: str) -> None:
    assert DEFAULT_WINDOW in WINDOWS
    assert [one for one, window in WINDOWS.items() if window.words == WINDOWS[name].words] == [name]
    assert f"`{name}`" in (ROOT / "docs/explanation/figures.md").read_text()
    listed = "\\|".join(WINDOWS)
    assert f"?window={listed}`" in reference("routes")
    assert f"--window [{listed}]" in reference("commands")


def views() -> list[ExperimentView]:
    """Return an experiment in each state that offers differ by."""
    running = RecentRun(experiment_run_id="r", phase="Running", resiliency_score=None, updated_at_ms=1)
    plain = Experiment(experiment_id="e", name="kill", cron_syntax="")
    cron = msgspec.structs.replace(plain, cron_syntax="0 * * * *")
    return [
        ExperimentView(
            experiment=experiment, is_stuck=False, suspended=suspended, never_started=never_started
        )
        for experiment in (plain, msgspec.structs.replace(plain, recent_runs=(running,)), cron)
        for suspended in (None, True, False)
        for never_started in (False, True)
    ]


@pytest.mark.parametrize("kind", ActionKind)
def test_every_kind_of_action_has_its_module_addresses_and_buttons(kind: ActionKind) -> None:
    assert exists(f"sidecar/actions/kinds/{kind.value}.py")
    path = KINDS[kind].path
    posts = {route.path for route in ROUTES if route.method == "POST"}
    for door in ("/api/v1", "/litmus"):
        address = f"{door}/entities/{{kind}}/{{namespace}}/{{name}}/experiments/{{id}}/{path}"
        assert address in posts
        assert f"`POST {address}`" in reference("routes")
    offers: list[Offer] = [offer for view in views() for offer in KINDS[kind].offers(view)]
    assert offers
    assert all(offer.label and offer.question for offer in offers)


def test_kinds_of_action_have_nothing_twice_and_every_module_is_one() -> None:
    modules = {path.stem for path in (ROOT / "sidecar/actions/kinds").glob("*.py")} - {"__init__"}
    assert modules == {kind.value for kind in ActionKind}
    for values in (
        [kind.path for kind in KINDS.values()],
        [kind.place for kind in KINDS.values()],
        [kind.body for kind in KINDS.values()],
    ):
        assert len(set(values)) == len(values)


def test_every_mutation_is_a_kind_s_and_litmus_can_be_asked_each() -> None:
    served = set(mutation_type().fields)
    assert sorted(kind.mutation for kind in KINDS.values() if kind.mutation is not None) == sorted(served)
    assert MUTATIONS.keys() == set(Change)
    assert {change.value: query.field for change, query in MUTATIONS.items()} == {
        change.value: change.value for change in Change
    }


def test_every_table_is_created_by_a_migration_and_used_by_the_store() -> None:
    store = ROOT / "sidecar/store"
    created = {
        name
        for path in (store / "migrations/versions").glob("s*.py")
        for name in re.findall(r'op\.create_table\(\s*"(\w+)"', path.read_text())
    }
    assert created == set(metadata.tables)
    users = "".join(path.read_text() for path in store.glob("*.py") if path.name != "schema.py")
    assert [name for name in metadata.tables if not re.search(rf"\b{name}\.c\b|\({name}\)", users)] == []


def test_every_page_has_its_address_in_the_application() -> None:
    app_routes = {(route.method, route.path) for route in ROUTES}
    assert {(route.method, route.path) for route in PAGE_ROUTES} <= app_routes
    app = web.Application()
    for route in PAGE_ROUTES:
        app.router.add_route(route.method, route.path, route.handler, name=route.name)
        assert f"`{route.method} {route.path}`" in reference("routes")


def test_every_setting_is_in_the_reference() -> None:
    page = reference("configuration")
    assert [path for path in settings() if f"`{Path(path).suffix[1:] or path}`" not in page] == []
