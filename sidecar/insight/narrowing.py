"""Narrowing: an entity that is only part of its project, by annotation.

An experiment belongs to the part if it has any of the tags (where tags are
named) and runs on one of the infrastructures (where those are named).
"""

from collections.abc import Collection, Iterable

import msgspec

from sidecar.domain.catalog import Entity
from sidecar.domain.model import Content, Experiment
from sidecar.insight.digest import ExperimentRuns, ProjectRuns, narrow


class Narrowing(msgspec.Struct, frozen=True, kw_only=True):
    """What an entity is narrowed to; figures that follow it say so."""

    experiment_tags: tuple[str, ...] = ()
    """Any of them; empty: whatever the tags."""
    infra_ids: tuple[str, ...] = ()
    """Any of them; empty: on whatever infrastructure."""

    def covers(self, tags: Collection[str], infra_id: str | None) -> bool:
        """Tell whether an experiment with these tags on this infrastructure belongs to the part."""
        if self.experiment_tags and not any(tag in tags for tag in self.experiment_tags):
            return False
        return not self.infra_ids or infra_id in self.infra_ids


def narrowing_of(entity: Entity) -> Narrowing | None:
    """Return what the entity is narrowed to; ``None``: it is its whole project."""
    if not entity.experiment_tags and not entity.infra_ids:
        return None
    return Narrowing(experiment_tags=entity.experiment_tags, infra_ids=entity.infra_ids)


def covered_ids(entities: Iterable[Entity], experiments: Iterable[ExperimentRuns]) -> frozenset[str] | None:
    """Return the experiments that at least one of the entities covers; ``None``: one is the whole project."""
    narrowings = [narrowing_of(entity) for entity in entities]
    parts = [narrowing for narrowing in narrowings if narrowing is not None]
    if len(parts) < len(narrowings):
        return None
    return frozenset(
        one.experiment_id for one in experiments if any(part.covers(one.tags, one.infra_id) for part in parts)
    )


def narrow_runs(runs: ProjectRuns, entities: Iterable[Entity]) -> ProjectRuns:
    """Return the runs that count for the entities, each once; the same value if one is the whole project."""
    ids = covered_ids(entities, runs.experiments)
    return runs if ids is None else narrow(runs, ids)


def narrow_content(content: Content, *entities: Entity) -> Content:
    """Return the content with the experiments, schedules and infrastructures of any of the entities alone.

    Environments, hubs and GitOps belong to the project as a whole, and Litmus's
    own run counters cannot be narrowed: they are left out.
    """
    narrowings = [narrowing for entity in entities if (narrowing := narrowing_of(entity)) is not None]
    if len(narrowings) < len(entities):
        return content
    experiments = content.experiments
    if experiments is not None:
        experiments = tuple(one for one in experiments if any(_is_of(one, part) for part in narrowings))
    kept = {one.experiment_id for one in experiments or ()}
    schedules, infrastructures = content.schedules, content.infrastructures
    if schedules is not None:
        schedules = tuple(one for one in schedules if one.experiment_id in kept)
    if infrastructures is not None and all(part.infra_ids for part in narrowings):
        wanted = {infra_id for part in narrowings for infra_id in part.infra_ids}
        infrastructures = tuple(one for one in infrastructures if one.infra_id in wanted)
    return msgspec.structs.replace(
        content,
        experiments=experiments,
        schedules=schedules,
        infrastructures=infrastructures,
        run_stats=None,
    )


def _is_of(experiment: Experiment, narrowing: Narrowing) -> bool:
    return narrowing.covers(experiment.tags, experiment.infra.infra_id if experiment.infra else None)
