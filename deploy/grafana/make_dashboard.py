"""Write dashboard.json beside this file: ``python deploy/grafana/make_dashboard.py``.

Made with Grafana's own builders; a test compares, so the file cannot fall
behind. Two readers: who answers for resilience, and who runs the sidecar.
"""

import sys
from pathlib import Path
from typing import Final

from grafana_foundation_sdk.builders import dashboard as board
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import dashboard as models
from operation import process, serving, synchronisation
from panels import SOURCE
from resilience import portfolio

FILE: Final = Path(__file__).with_name("dashboard.json")


def text() -> str:
    """Return the text of the file."""
    made = (
        board.Dashboard("Litmus sidecar")
        .uid("litmus-sidecar")
        .description("Resilience of what the catalog names, and how the sidecar itself does.")
        .tags(["litmus", "backstage", "chaos"])
        .timezone("browser")
        .time("now-7d", "now")
        .refresh("1m")
        .tooltip(models.DashboardCursorSync.CROSSHAIR)
        .with_variable(board.DatasourceVariable("datasource").label("Data source").type("prometheus"))
        .with_variable(_choice("job", "Job", "litmus_sidecar_build_info"))
        .with_variable(_choice("instance", "Litmus", "backstage_litmus_entity_info"))
        .with_variable(_choice("owner", "Owner", 'backstage_litmus_entity_info{instance=~"$instance"}'))
        .with_variable(
            _choice(
                "entity", "Entity", 'backstage_litmus_entity_info{instance=~"$instance", owner=~"$owner"}'
            )
        )
    )
    for part in (portfolio, synchronisation, serving, process):
        for panel in part():
            made = made.with_row(panel) if isinstance(panel, board.Row) else made.with_panel(panel)
    return JSONEncoder(sort_keys=True, indent=1).encode(made.build()) + "\n"


def _choice(name: str, label: str, metric: str) -> board.QueryVariable:
    values: dict[str, object] = {"query": f"label_values({metric}, {name})", "refId": name}
    variable = board.QueryVariable(name).label(label).datasource(SOURCE).query(values)
    variable = variable.refresh(models.VariableRefresh.ON_TIME_RANGE_CHANGED).sort(
        models.VariableSort.ALPHABETICAL_ASC
    )
    everything = models.VariableOption(text="All", value="$__all", selected=True)
    return variable.multi(True).include_all(True).all_value(".*").current(everything)  # noqa: FBT003 - the library's own


if __name__ == "__main__":
    if sys.argv[1:] == ["--print"]:
        sys.stdout.write(text())
    else:
        FILE.write_text(text(), encoding="utf-8")
