"""What docs/reference/metrics.md says of metrics."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

PAGE: Final = Path(__file__).parents[2] / "docs/reference/metrics.md"
_OF_PROJECTS: Final = frozenset({"instance", "project"})
_OF_EXPERIMENTS: Final = frozenset({"experiment_id", "experiment"})


def explained_metrics(heading: str) -> Mapping[str, frozenset[str]]:
    """Return the metrics of the table under a heading, each once, with their labels."""
    text = PAGE.read_text().partition(f"\n## {heading}\n")[2]
    part = re.split(r"^## ", text, maxsplit=1, flags=re.MULTILINE)[0]
    rows = re.findall(r"^\| `(\w+)` \|([^|]*)\|", part, re.MULTILINE)
    explained = {name: _labels(cell.strip(), heading) for name, cell in rows}
    assert len(explained) == len(rows)
    return explained


def _labels(cell: str, heading: str) -> frozenset[str]:
    """Return the labels that a cell names; those of the domain are of a project unless it says none."""
    names = {name for name in re.split(r", ", cell.removeprefix("none").removeprefix(" but ")) if name}
    labels = frozenset(names - {"of an experiment"})
    if "of an experiment" in names:
        labels |= _OF_EXPERIMENTS
    return (
        labels | _OF_PROJECTS
        if heading == "Metrics of the domain" and not cell.startswith("none")
        else labels
    )
