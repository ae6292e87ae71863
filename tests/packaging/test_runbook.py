"""The runbook: each alert has what it means, where to look, what to do, and when it is over.

That what it tells to type works: ``tests/e2e/test_typed_commands.py``. That it has
an entry for each alert and no other: ``tests/packaging/test_deploy.py``.
"""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

from tests.packaging.test_deploy import RUNBOOK, run
from tests.support.deployed import METRIC, alerts, metrics_in, recordings
from tests.support.explained import explained_metrics
from tests.support.markdown import ROOT, code_blocks, section
from tests.support.typed_commands import PAGES, commands_of

PARTS: Final = ("**Means.** ", "**Look.** ", "**Do.** ", "**It is over** ")
QUERIES: Final = [
    (page.relative_to(ROOT), query) for page in PAGES for query in code_blocks(page.read_text(), "promql")
]
OF_PROMETHEUS: Final = {"process_cpu_seconds_total"}


def entries() -> dict[str, str]:
    """Return the text of each alert's entry."""
    _, *parts = re.split(r"^### (\w+)\n", section(RUNBOOK.read_text(), "Runbook"), flags=re.MULTILINE)
    return dict(zip(parts[::2], parts[1::2], strict=True))


@pytest.mark.parametrize("alert", [rule["alert"] for rule in alerts()])
def test_an_entry_says_what_it_means_where_to_look_what_to_do_and_when_it_is_over(alert: str) -> None:
    text = entries()[alert]
    assert tuple(re.findall(r"^\*\*[A-Z][a-z ]+\.?\*\* ", text, re.MULTILINE)) == PARTS
    look = text[text.index(PARTS[1]) : text.index(PARTS[2])]
    assert commands_of(look) or code_blocks(look, "promql"), "there is nothing to look at"


def test_every_query_of_the_pages_asks_for_metrics_that_there_are() -> None:
    told = {*explained_metrics("Metrics of the service"), *explained_metrics("Metrics of the domain")}
    recorded = {rule["record"] for rule in recordings()}
    asked = {name for _, query in QUERIES for name in metrics_in(query)} - OF_PROMETHEUS
    assert asked
    assert {name for name in asked if re.sub(r"_(?:total|bucket|sum|count)$", "", name) not in told} == set()
    ours = {name for _, query in QUERIES for name in re.findall(r"\w+:\w+:\w+", query)}
    assert ours <= recorded


def test_every_query_is_one_that_prometheus_understands(
    program: Callable[[str, str], str], tmp_path: Path
) -> None:
    rules = [{"record": f"page:query:{place}", "expr": query} for place, (_, query) in enumerate(QUERIES)]
    path = tmp_path / "rules.json"
    path.write_text(json.dumps({"groups": [{"name": "pages", "rules": rules}]}))
    run(program("promtool", "prometheus"), "check", "rules", str(path))
    assert METRIC.search(QUERIES[0][1])
