"""What both readers of the dashboard are shown of projects: series of those that chosen entities name.

One project may belong to several entities, and every replica tells the same of
the domain. So series of the domain are first put together by ``max``, those of
a project are filtered by ``and`` (which no second entity makes ambiguous), and
only ``entity_info`` is ever the many side of a product. Names of labels:
deploy/prometheus/scrape.yaml.
"""

from collections.abc import Iterator
from typing import Final

from grafana_foundation_sdk.builders import dashboard as board
from panels import Panel

ENTITIES: Final = 'backstage_litmus_entity_info{instance=~"$instance", owner=~"$owner", entity=~"$entity"}'
NONE_IS_GOOD: Final = ((None, "green"), (1.0, "red"))
Part = Iterator[board.Row | Panel]


def of_projects(metric: str, labels: str = "instance, project") -> str:
    """Return a metric of projects, each once, of those that chosen entities name."""
    return f"max by ({labels}) ({metric}) and on (instance, project) {ENTITIES}"
