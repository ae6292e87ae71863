"""The experiments with the lowest latest score, for a report."""

import msgspec

from sidecar.domain.unix_time import from_ms
from sidecar.http.answers.times import rfc3339
from sidecar.insight.digest import ProjectRuns
from sidecar.insight.links import LitmusLinks

_FULL = 100.0


class WorstShape(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """An experiment that lost points in its latest scored run."""

    experiment_id: str = msgspec.field(name="experimentID")
    experiment_name: str
    latest_score: float
    latest_scored_at: str | None
    failures_in_row: int
    link: str


def worst_shapes(runs: ProjectRuns, links: LitmusLinks) -> list[WorstShape]:
    """Return the experiments whose latest scored run is below 100, lowest first; deleted ones left out."""
    lost = [
        (one.latest_score, one)
        for one in runs.experiments
        if not one.removed and one.latest_score is not None and one.latest_score < _FULL
    ]
    lost.sort(key=lambda pair: (pair[0], -pair[1].failures_in_row, pair[1].name, pair[1].experiment_id))
    return [
        WorstShape(
            experiment_id=one.experiment_id,
            experiment_name=one.name,
            latest_score=round(score, 2),
            latest_scored_at=rfc3339(from_ms(one.latest_scored_at_ms)),
            failures_in_row=one.failures_in_row,
            link=links.runs(one.experiment_id),
        )
        for score, one in lost
    ]
