"""Charts as geometry: frozen shapes in, frozen figures and positions out.

No Jinja, no I/O, no clock. The templates under ``templates/charts`` draw what
is made here, the same one in a page and as a picture of its own: a page says
``{% import "charts/macros.html" as charts %}`` and ``{{ charts.trend(chart) }}``.
Every text that goes into a chart is cleaned here, and escaped by the template.
"""

from sidecar.http.pictures.charts.badge import BadgeChart, badge_chart, score_badge
from sidecar.http.pictures.charts.heat import HeatRun, heat_runs
from sidecar.http.pictures.charts.outcomes import (
    OutcomeBar,
    OutcomesChart,
    outcome_bar,
    outcomes_chart,
)
from sidecar.http.pictures.charts.overview import OverviewCharts, overview_charts
from sidecar.http.pictures.charts.palette import LEVELS, LOOKS, Level, Look, level_of
from sidecar.http.pictures.charts.score import ScoreChart, score_chart
from sidecar.http.pictures.charts.spark import SparkChart, spark_chart
from sidecar.http.pictures.charts.trend import TrendChart, trend_chart

__all__ = [
    "LEVELS",
    "LOOKS",
    "BadgeChart",
    "HeatRun",
    "Level",
    "Look",
    "OutcomeBar",
    "OutcomesChart",
    "OverviewCharts",
    "ScoreChart",
    "SparkChart",
    "TrendChart",
    "badge_chart",
    "heat_runs",
    "level_of",
    "outcome_bar",
    "outcomes_chart",
    "overview_charts",
    "score_badge",
    "score_chart",
    "spark_chart",
    "trend_chart",
]
