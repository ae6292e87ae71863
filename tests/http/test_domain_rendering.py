"""What is rendered of the domain's metrics, when, and how it is scraped."""

import asyncio
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.domain.catalog import Catalog
from sidecar.domain.model import Experiment, Schedule, Section, Snapshot
from sidecar.domain.runs import UNFINISHED, KnownExperiment, Outcome, Run
from sidecar.http.metrics.domain import CHUNK_BYTES
from sidecar.http.metrics.text_format import END, clean_id, clean_text
from tests.http.domain_world import BANK, CART, SHOP, TELLER, World, names_of
from tests.support import strategies
from tests.support.builders import NOW, entity, experiment, project
from tests.support.exposition import by_label, parsed
from tests.support.histories import run


async def test_what_did_not_change_is_not_rendered_again() -> None:
    world = World(CART, TELLER)
    await world.synchronised(Section.HUBS, ())
    await world.recorded(run(), of=BANK)
    await world.metrics.update()
    assert world.rendered == 2

    await world.metrics.update()
    assert world.rendered == 2

    await world.recorded(run(phase="Error", score=0), of=BANK)
    await world.metrics.update()
    assert world.rendered == 3


async def test_what_was_just_rendered_is_left_alone_in_proportion_to_what_it_took() -> None:
    world = World(CART, rest=1e9)
    await world.recorded(run())
    await world.metrics.update()

    await world.recorded(run(phase="Error", score=0))
    await world.metrics.update()

    assert world.rendered == 1


async def test_above_the_limit_no_experiment_has_series_and_a_metric_says_how_many() -> None:
    world = World(CART, TELLER, max_experiments=3)
    for one in (SHOP, BANK):
        await world.synchronised(Section.EXPERIMENTS, (experiment("a"), experiment("b")), of=one)
        await world.recorded(run(experiment_id="a"), of=one)
    samples = await world.after_update()
    assert names_of(samples, "experiment_id") == set()
    assert samples["backstage_litmus_experiments_known"] == {frozenset(): 4}
    assert samples["backstage_litmus_experiments_cut"] == {frozenset(): 4}
    assert len(by_label(samples, "backstage_litmus_project_score", "project")) == 2

    await world.synchronised(Section.EXPERIMENTS, (experiment("a"),), of=BANK)
    await world.metrics.update()
    samples = await world.after_update()

    assert samples["backstage_litmus_experiments_cut"] == {frozenset(): 0}
    assert by_label(samples, "backstage_litmus_experiment_score", "project", experiment_id="a") == {
        "shop": 100,
        "bank": 100,
    }


async def test_no_experiment_has_series_while_it_is_not_known_how_many_there_are() -> None:
    world = World(CART, TELLER)
    await world.synchronised(Section.EXPERIMENTS, (experiment("a"),))

    looking = asyncio.create_task(world.metrics.update())
    await world.was_rendered.wait()

    # One of two projects is rendered, the other is on its way.
    assert names_of(world.scraped(), "experiment_id") == set()
    await looking


async def test_while_the_history_cannot_be_read_its_figures_stay() -> None:
    world = World(CART)
    await world.synchronised(Section.EXPERIMENTS, (experiment("a"),))
    await world.recorded(run(experiment_id="a"))
    before = await world.after_update()

    world.history.away = True
    await world.recorded(run(NOW, "Error", 0, experiment_id="a"))
    assert await world.after_update() == before

    world.history.away = False
    scores = by_label(await world.after_update(), "backstage_litmus_project_score", "project")
    assert scores == {"shop": 0}


async def test_without_any_history_the_snapshot_is_told_and_the_rest_follows() -> None:
    world = World(CART)
    await world.recorded(run(experiment_id="a"))
    world.history.away = True
    for ids in (["a"], ["a", "b"]):
        await world.synchronised(Section.EXPERIMENTS, tuple(experiment(one) for one in ids))
        samples = await world.after_update()
        assert by_label(samples, "backstage_litmus_project_experiments", "project") == {"shop": len(ids)}
        assert "backstage_litmus_project_runs_total" not in samples

    world.history.away = False
    runs = by_label(await world.after_update(), "backstage_litmus_project_runs_total", "outcome")
    assert runs == {
        outcome.value: int(outcome is Outcome.PASSED) for outcome in Outcome if outcome not in UNFINISHED
    }


async def test_a_scrape_comes_in_chunks_and_as_of_its_beginning() -> None:
    projects = [project(f"project-{number}") for number in range(60)]
    world = World(
        *(entity(f"component:default/c-{one.project_id}", project=one) for one in projects),
        max_experiments=9_999,
    )
    for one in projects:
        await world.synchronised(Section.EXPERIMENTS, tuple(experiment(str(n)) for n in range(20)), of=one)
        await world.recorded(of=one)
    await world.metrics.update()
    whole = b"".join(world.metrics.chunks(openmetrics=True))
    assert len(whole) > 3 * CHUNK_BYTES

    chunks = world.metrics.chunks(openmetrics=True)
    first = next(chunks)
    world.current = Catalog()
    await world.metrics.update()
    rest = list(chunks)

    assert first + b"".join(rest) == whole
    assert max(map(len, rest)) < 2 * CHUNK_BYTES


@pytest.mark.service
@given(
    snapshot=strategies.snapshots,
    schedules=st.lists(strategies.schedules, max_size=3),
    runs=st.lists(strategies.runs, max_size=8),
    experiments=st.lists(strategies.known_experiments, max_size=4),
    owner=strategies.texts,
)
def test_whatever_litmus_and_the_catalog_say_prometheus_can_read_it(
    *,
    snapshot: Snapshot,
    schedules: list[Schedule],
    runs: list[Run],
    experiments: list[KnownExperiment],
    owner: str,
) -> None:
    world = World(entity(project=SHOP, owner=owner, system=owner))

    async def fill() -> None:
        await world.synchronised(Section.EXPERIMENTS, snapshot.content.experiments)
        await world.synchronised(Section.INFRASTRUCTURES, snapshot.content.infrastructures)
        await world.synchronised(Section.HUBS, snapshot.content.hubs)
        await world.synchronised(Section.GITOPS, snapshot.content.gitops)
        await world.synchronised(Section.SCHEDULES, tuple(schedules))
        await world.recorded(*runs, experiments=experiments)
        await world.metrics.update()

    asyncio.run(fill())
    samples = world.scraped()
    text = (b"".join(world.metrics.chunks(openmetrics=True)) + END).decode()

    assert parsed(text, openmetrics=True) == samples
    listed: Mapping[str, Experiment] = {one.experiment_id: one for one in snapshot.content.experiments or ()}
    assert {
        (labels["experiment_id"], labels["experiment"])
        for labels in map(dict, samples.get("backstage_litmus_experiment_runs_total", {}))
    } == {(clean_id(one.experiment_id), clean_text(one.name)) for one in listed.values()}
    assert names_of(samples, "owner") == {clean_id(owner)}
