"""Panels of the dashboard as this project shows them, over Grafana's own builders."""

from collections.abc import Sequence
from typing import Final

from grafana_foundation_sdk.builders import dashboard as board
from grafana_foundation_sdk.builders import prometheus, stat, table, timeseries
from grafana_foundation_sdk.builders.common import TableSortByFieldState, VizLegendOptions
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models import common
from grafana_foundation_sdk.models import dashboard as models
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

SOURCE: Final = models.DataSourceRef(type_val="prometheus", uid="${datasource}")


Panel = Builder[models.Panel]
Steps = Sequence[tuple[float | None, str]]


def number(
    title: str, expr: str, description: str, *, unit: str = "short", steps: Steps = ((None, "blue"),)
) -> Panel:
    """Return one figure of now."""
    panel = stat.Panel().title(title).description(description).datasource(SOURCE).unit(unit).decimals(0)
    return panel.thresholds(_thresholds(steps)).with_target(_now(expr)).height(4).span(4)


def graph(
    title: str, *lines: tuple[str, str], description: str, unit: str = "short", most: float | None = None
) -> Panel:
    """Return lines over time, each given as query and legend."""
    panel = timeseries.Panel().title(title).description(description).datasource(SOURCE).unit(unit).min(0)
    if most is not None:
        panel = panel.max(most)
    legend = (
        VizLegendOptions()
        .display_mode(common.LegendDisplayMode.LIST)
        .placement(common.LegendPlacement.BOTTOM)
    )
    for number_of_line, (expr, name) in enumerate(lines):
        panel = panel.with_target(_query(expr, number_of_line).range().legend_format(name))
    return panel.legend(legend.show_legend(True)).height(8).span(12)  # noqa: FBT003 - the library's own


def rows(
    title: str,
    expr: str,
    names: dict[str, str],
    *,
    description: str,
    unit: str,
    steps: Steps,
    falling: bool = False,
) -> Panel:
    """Return a table of what is so now: columns as named, the value last; worst first."""
    shown = {"Value": title, **names}
    hidden = dict.fromkeys(["Time"], True)
    order = {name: place for place, name in enumerate([*names, "Value"])}
    organize = models.DataTransformerConfig(
        id_val="organize", options={"excludeByName": hidden, "indexByName": order, "renameByName": shown}
    )
    panel = table.Panel().title(title).description(description).datasource(SOURCE).unit(unit)
    panel = panel.thresholds(_thresholds(steps)).with_transformation(organize)
    panel = panel.sort_by([TableSortByFieldState().display_name(title).desc(falling)])
    return panel.with_target(_now(expr).format(PromQueryFormat.TABLE)).height(9).span(12)


def _query(expr: str, place: int = 0) -> prometheus.Dataquery:
    return prometheus.Dataquery().expr(expr).ref_id(chr(ord("A") + place)).datasource(SOURCE)


def _now(expr: str) -> prometheus.Dataquery:
    return _query(expr).instant()


def _thresholds(steps: Steps) -> board.ThresholdsConfig:
    made = [models.Threshold(value=value, color=color) for value, color in steps]
    return board.ThresholdsConfig().mode(models.ThresholdsMode.ABSOLUTE).steps(made)
