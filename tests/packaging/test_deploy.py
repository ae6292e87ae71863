"""What lies in ``deploy/`` for Prometheus and Grafana: current, valid, and true to the code."""

import re
import subprocess
import sys
from collections.abc import Callable
from itertools import chain
from typing import Any

import pytest

from sidecar.domain.errors import SidecarError
from tests.packaging.test_docs import all_errors
from tests.support.deployed import DEPLOY, RULES, alerts, dashboard, filled, load, queries, recordings, rules
from tests.support.markdown import anchors, section

Program = Callable[[str, str], str]
TO_OWNERS = re.compile(r"group_right \(\) (?:project|entity)_owner:backstage_litmus_entity_info:max")
RULES_TESTS = (RULES.with_name("rules.test.yaml"), RULES.with_name("rules.days.test.yaml"))
RUNBOOK = DEPLOY.parent / "docs/how-to/alerts.md"


def run(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)  # noqa: S603 - ours
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.service
def test_the_dashboard_is_what_its_program_makes() -> None:
    """If not: python deploy/grafana/make_dashboard.py."""
    made = run(sys.executable, str(DEPLOY / "grafana/make_dashboard.py"), "--print")
    assert made == (DEPLOY / "grafana/dashboard.json").read_text()


def test_the_rules_are_valid_and_pass_their_own_tests(program: Program) -> None:
    promtool = program("promtool", "prometheus")
    run(promtool, "check", "rules", str(RULES))
    run(promtool, "test", "rules", *map(str, RULES_TESTS))


def test_the_scrape_example_is_valid(program: Program) -> None:
    path = DEPLOY / "prometheus/scrape.yaml"
    run(program("promtool", "prometheus"), "check", "config", "--syntax-only", str(path))


@pytest.mark.parametrize("name", ["scrape.yaml", "scrape-kubernetes.yaml"])
def test_a_scrape_keeps_our_labels_and_tells_replicas_apart(name: str) -> None:
    for job in load(DEPLOY / "prometheus" / name)["scrape_configs"]:
        assert job["honor_labels"] is True
        assert "replica" in {rule.get("target_label") for rule in job["relabel_configs"]}
        assert job["authorization"].keys() == {"credentials_file"}


def test_the_service_monitor_does_the_same() -> None:
    (endpoint,) = load(DEPLOY / "prometheus/service-monitor.yaml")["spec"]["endpoints"]
    assert endpoint["honorLabels"] is True
    assert [rule["targetLabel"] for rule in endpoint["relabelings"]] == ["replica"]
    assert endpoint["path"] == "/metrics"


def expectations() -> dict[str, list[Any]]:
    """Return what the unit tests expect of each alert, one entry per moment."""
    expected: dict[str, list[Any]] = {}
    for test in chain.from_iterable(load(path)["tests"] for path in RULES_TESTS):
        for moment in test.get("alert_rule_test", ()):
            expected.setdefault(moment["alertname"], []).append(moment["exp_alerts"])
    return expected


def test_every_alert_is_tested_to_fire_and_to_keep_still() -> None:
    expected = expectations()
    assert set(expected) == {rule["alert"] for rule in alerts()}
    assert all(any(moments) and not all(moments) for moments in expected.values())


@pytest.mark.parametrize("rule", alerts(), ids=lambda rule: rule["alert"])
def test_every_alert_says_what_where_and_what_to_do(rule: dict[str, Any]) -> None:
    assert rule["labels"]["severity"] in {"critical", "warning"}
    # What is about a project goes to a team, and names its entities.
    of_teams = {"entities"} if TO_OWNERS.search(rule["expr"]) else set()
    assert rule["annotations"].keys() == {"summary", "description", "runbook_url", *of_teams}
    page, _, anchor = rule["annotations"]["runbook_url"].partition("#")
    assert page == "{{ $externalLabels.runbook_prefix }}docs/how-to/alerts.md"
    assert anchor == rule["alert"].lower()
    assert anchor in anchors(RUNBOOK)


def test_the_runbook_has_no_alert_that_there_is_not() -> None:
    part = section(RUNBOOK.read_text(), "Runbook")
    assert re.findall(r"^### (.+)$", part, re.MULTILINE) == [rule["alert"] for rule in alerts()]


def outcome_patterns() -> set[str]:
    texts = [rule["expr"] for rule in recordings()] + [expr for _, expr in queries()]
    return {found for text in texts for found in re.findall(r'outcome=~"([^"]+)"', text)}


def test_the_error_budget_counts_exactly_the_codes_that_are_no_fault_of_the_sender() -> None:
    (pattern,) = outcome_patterns()
    codes: dict[str, type[SidecarError]] = {error.code: error for error in all_errors()}
    ours = {code for code, error in codes.items() if error.status >= 500}
    # A process that ends answers so as planned; a bad configuration never serves.
    assert {code for code in codes if re.fullmatch(pattern, code)} == ours - {"draining", "bad_configuration"}


def test_every_query_names_its_source_and_every_panel_says_what_it_shows() -> None:
    panels = [panel for panel in dashboard()["panels"] if panel["type"] != "row"]
    assert panels
    for panel in panels:
        assert panel["description"], panel["title"]
        for target in panel["targets"]:
            assert target["datasource"]["uid"] == "${datasource}"


def test_the_dashboard_is_filtered_by_instance_owner_entity_and_job() -> None:
    names = [variable["name"] for variable in dashboard()["templating"]["list"]]
    assert names == ["datasource", "job", "instance", "owner", "entity"]
    for variable in names[1:]:
        assert any(f"${variable}" in expr for _, expr in queries()), variable
    assert not any("$" in filled(expr) for _, expr in queries())


def test_a_figure_of_the_domain_is_never_added_up_over_replicas() -> None:
    """They all tell the same: summed, two replicas would show twice the runs."""
    for text in [rule["expr"] for rule in rules()] + [expr for _, expr in queries()]:
        assert not re.search(
            r"(?:sum|avg|count)(?: by \([^)]*\))? ?\((?:rate\(|increase\()?backstage_litmus", text
        ), text


def test_every_alert_about_projects_can_be_routed_to_a_team() -> None:
    for rule in alerts():
        about_projects = re.search(r"backstage_litmus_(?:entity|project|schedule|section)", rule["expr"])
        assert bool(about_projects) == bool(TO_OWNERS.search(rule["expr"])), rule["alert"]


def test_no_alert_takes_a_figure_of_a_project_for_that_of_a_part() -> None:
    """Who owns a part is told of that part, and of no other."""
    for rule in alerts():
        assert "backstage_litmus_project_" not in rule["expr"], rule["alert"]


def test_nothing_makes_zero_of_no_data() -> None:
    """A constant may be drawn; a figure that is not there must stay away."""
    for text in [rule["expr"] for rule in rules()] + [expr for _, expr in queries()]:
        assert "or vector(" not in text, text
        assert "absent(" not in text or text == "absent(litmus_sidecar_build_info)", text


def test_figures_of_schedules_are_there_however_many_experiments_there_are() -> None:
    """Series of experiments are left out above metrics.maxExperiments."""
    for text in [rule["expr"] for rule in rules()] + [expr for _, expr in queries()]:
        assert "backstage_litmus_schedule_" not in text, text


def test_ci_installs_prometheus() -> None:
    script = (DEPLOY.parent / ".ci/run").read_text()
    (packages,) = re.findall(r"^packages=\((.+)\)$", script, re.MULTILINE)
    assert "prometheus" in packages.split()
