"""The domain's metrics follow snapshots, history, catalog and time, and nothing stale stays."""

from datetime import timedelta

import msgspec

from sidecar.domain.catalog import Catalog, Entity
from sidecar.domain.model import Section
from sidecar.domain.runs import HistoryState
from tests.http.domain_world import BANK, CART, DOWN, SHOP, TELLER, World, names_of
from tests.support.builders import NOW, entity, experiment
from tests.support.exposition import by_label
from tests.support.histories import known, run, schedule


async def test_there_is_nothing_to_scrape_before_the_first_look() -> None:
    assert World(CART).scraped() == {}


async def test_a_project_of_which_nothing_is_known_has_its_entity_and_no_figures() -> None:
    samples = await World(CART).after_update()
    assert set(samples) == {
        "backstage_litmus_entity_info",
        "backstage_litmus_experiments_known",
        "backstage_litmus_experiments_cut",
    }


async def test_a_deleted_experiment_leaves_with_the_next_change_and_its_runs_stay_in_the_total() -> None:
    world = World(CART)
    await world.synchronised(Section.EXPERIMENTS, (experiment("a"), experiment("b")))
    await world.recorded(run(experiment_id="a"), run(experiment_id="b"), experiments=[known("a"), known("b")])
    assert names_of(await world.after_update(), "experiment_id") == {"a", "b"}

    await world.synchronised(Section.EXPERIMENTS, (experiment("b"),))
    samples = await world.after_update()

    assert names_of(samples, "experiment_id") == {"b"}
    assert by_label(samples, "backstage_litmus_project_runs_total", "outcome")["passed"] == 2


async def test_projects_and_entities_that_leave_the_catalog_leave_with_everything() -> None:
    world = World(CART, TELLER)
    for one in (SHOP, BANK):
        await world.synchronised(Section.EXPERIMENTS, (experiment("a"),), of=one)
        await world.recorded(run(experiment_id="a"), of=one)
    assert names_of(await world.after_update(), "project") == {"shop", "bank"}

    world.current = Catalog(entities=(TELLER,))
    samples = await world.after_update()

    assert names_of(samples, "project") == {"bank"}
    assert names_of(samples, "entity") == {TELLER.ref}
    assert samples["backstage_litmus_experiments_known"] == {frozenset(): 1}


async def test_a_new_owner_replaces_the_old_one() -> None:
    world = World(CART)
    await world.metrics.update()

    world.current = Catalog(entities=(entity(CART.ref, project=SHOP, owner="group:default/team-z"),))
    samples = await world.after_update()

    assert names_of(samples, "owner") == {"group:default/team-z"}


async def test_a_system_is_joined_to_its_own_score() -> None:
    market = entity("system:default/market", project=SHOP)
    samples = await World(market).after_update()
    assert by_label(samples, "backstage_litmus_entity_info", "system") == {market.ref: 1}


async def test_a_run_becomes_stuck_by_time_alone() -> None:
    world = World(CART)
    await world.recorded(run(NOW - timedelta(minutes=30), "Running"))
    samples = await world.after_update()
    assert by_label(samples, "backstage_litmus_project_running_runs", "project") == {"shop": 1}

    world.now += timedelta(minutes=31)
    samples = await world.after_update()

    assert by_label(samples, "backstage_litmus_project_running_runs", "project") == {"shop": 0}
    assert by_label(samples, "backstage_litmus_project_stuck_runs", "project") == {"shop": 1}


async def test_the_next_fire_moves_on_when_it_is_reached() -> None:
    world = World(CART)
    await world.synchronised(Section.EXPERIMENTS, (experiment("experiment-1"),))
    await world.synchronised(Section.SCHEDULES, (schedule("30 * * * *"),))
    await world.recorded(experiments=[known()])
    name = "backstage_litmus_schedule_next_run_timestamp_seconds"
    first = by_label(await world.after_update(), name, "experiment_id")

    world.now += timedelta(minutes=45)
    second = by_label(await world.after_update(), name, "experiment_id")

    assert second["experiment-1"] - first["experiment-1"] == 3_600


async def test_missed_runs_follow_what_the_history_has_read() -> None:
    world = World(CART)
    await world.synchronised(Section.EXPERIMENTS, (experiment("experiment-1"),))
    await world.synchronised(Section.SCHEDULES, (schedule("30 * * * *", since=NOW),))
    await world.recorded(experiments=[known()])
    name = "backstage_litmus_schedule_missed_runs"
    assert by_label(await world.after_update(), name, "experiment_id") == {"experiment-1": 0}

    world.now += timedelta(hours=1)
    await world.recorded(state=HistoryState(is_complete=True, first_synced_at=NOW, synced_at=world.now))

    assert by_label(await world.after_update(), name, "experiment_id") == {"experiment-1": 1}


async def test_runs_that_retention_forgot_are_not_missed() -> None:
    world = World(CART, retention=timedelta(days=5))
    await world.synchronised(Section.EXPERIMENTS, (experiment("experiment-1"),))
    await world.synchronised(Section.SCHEDULES, (schedule("0 2 * * *", since=NOW - timedelta(days=60)),))
    nights = [run(NOW - timedelta(days=day, hours=10)) for day in range(5)]
    await world.recorded(*nights, experiments=[known()])
    missed = by_label(await world.after_update(), "backstage_litmus_schedule_missed_runs", "experiment_id")
    assert missed == {"experiment-1": 0}


async def test_a_schedule_is_overdue_from_its_miss_until_a_run_comes() -> None:
    world = World(CART)
    await world.synchronised(Section.EXPERIMENTS, (experiment("experiment-1"),))
    await world.synchronised(Section.SCHEDULES, (schedule("0 11 * * *", since=NOW - timedelta(hours=2)),))
    await world.recorded(experiments=[known()])
    samples = await world.after_update()
    for scope, label in (("schedule", "experiment_id"), ("project", "project"), ("entity", "entity")):
        missed = by_label(samples, f"backstage_litmus_{scope}_last_missed_timestamp_seconds", label)
        assert list(missed.values()) == [(NOW - timedelta(hours=1)).timestamp()]
    assert by_label(samples, "backstage_litmus_schedule_overdue", "experiment_id") == {"experiment-1": 1}
    assert by_label(samples, "backstage_litmus_project_overdue_schedules", "project") == {"shop": 1}

    await world.recorded(run(NOW - timedelta(minutes=1)))
    samples = await world.after_update()

    assert by_label(samples, "backstage_litmus_schedule_overdue", "experiment_id") == {"experiment-1": 0}
    assert by_label(samples, "backstage_litmus_project_overdue_schedules", "project") == {"shop": 0}
    assert by_label(samples, "backstage_litmus_project_missed_runs", "project") == {"shop": 1}


async def test_above_the_limit_projects_still_tell_what_their_schedules_do() -> None:
    world = World(CART, max_experiments=1)
    await world.synchronised(Section.EXPERIMENTS, (experiment("experiment-1"), experiment("b")))
    await world.synchronised(Section.SCHEDULES, (schedule("0 11 * * *", since=NOW - timedelta(hours=2)),))
    await world.recorded(experiments=[known()])
    await world.metrics.update()
    samples = await world.after_update()
    assert names_of(samples, "experiment_id") == set()
    for name in ("overdue_schedules", "missed_runs", "next_run_timestamp_seconds"):
        assert by_label(samples, f"backstage_litmus_project_{name}", "project")["shop"] > 0


async def test_what_schedules_missed_is_not_told_before_the_history_is_complete() -> None:
    world = World(CART)
    await world.synchronised(Section.SCHEDULES, (schedule("0 11 * * *", since=NOW - timedelta(hours=2)),))
    await world.recorded(experiments=[known()], state=HistoryState(first_synced_at=NOW, synced_at=NOW))
    samples = await world.after_update()
    assert "backstage_litmus_project_next_run_timestamp_seconds" in samples
    for name in ("overdue_schedules", "missed_runs", "last_missed_timestamp_seconds"):
        assert f"backstage_litmus_project_{name}" not in samples


async def test_a_narrowed_entity_has_the_figures_of_its_part() -> None:
    part = Entity(ref="component:default/part", project=SHOP, experiment_tags=("mine",))
    world = World(CART, part)
    listed = tuple(
        msgspec.structs.replace(experiment(one), tags=tags) for one, tags in (("a", ("mine",)), ("b", ()))
    )
    await world.synchronised(Section.EXPERIMENTS, listed)
    await world.synchronised(
        Section.SCHEDULES, tuple(schedule("30 * * * *", experiment_id=one, since=NOW) for one in "ab")
    )
    await world.recorded(
        run(NOW - timedelta(hours=3), experiment_id="a"),
        run(NOW - timedelta(hours=2), "Error", 0, experiment_id="b"),
        run(NOW - timedelta(hours=1, minutes=30), "Running", experiment_id="b"),
        experiments=[known("a", tags=("mine",)), known("b")],
    )
    samples = await world.after_update()

    def told(name: str, **labels: str) -> dict[str, float]:
        return by_label(samples, f"backstage_litmus_entity_{name}", "entity", **labels)

    assert told("score") == {CART.ref: 50, part.ref: 100}
    assert told("runs_total", outcome="error") == {CART.ref: 1, part.ref: 0}
    assert told("runs_total", outcome="passed") == {CART.ref: 1, part.ref: 1}
    assert told("stuck_runs") == {CART.ref: 1, part.ref: 0}
    assert told("last_run_outcome", outcome="passed") == {part.ref: 1}
    assert told("last_run_outcome", outcome="running") == {CART.ref: 1}
    assert set(told("next_run_timestamp_seconds")) == {CART.ref, part.ref}


async def test_a_run_in_progress_is_that_of_its_experiment() -> None:
    world = World(CART)
    await world.synchronised(Section.EXPERIMENTS, (experiment("a"), experiment("b")))
    await world.recorded(
        run(NOW - timedelta(minutes=5), "Running", experiment_id="a"),
        run(NOW - timedelta(hours=2), "Queued", experiment_id="b"),
    )
    samples = await world.after_update()
    running = by_label(samples, "backstage_litmus_experiment_running_runs", "experiment_id")
    stuck = by_label(samples, "backstage_litmus_experiment_stuck_runs", "experiment_id")
    assert running == {"a": 1, "b": 0}
    assert stuck == {"a": 0, "b": 1}
    became = by_label(samples, "backstage_litmus_project_last_stuck_timestamp_seconds", "project")
    assert became == {"shop": (NOW - timedelta(hours=1)).timestamp()}


async def test_a_group_counts_each_experiment_once_though_entities_share_a_project() -> None:
    one_owner = "group:default/team-a"
    entities = [
        entity("component:default/cart", project=SHOP, owner=one_owner),
        entity("component:default/pay", project=SHOP, owner=one_owner),
        entity("component:default/teller", project=BANK, owner=one_owner),
    ]
    world = World(*entities)
    await world.recorded(run(experiment_id="a"), run(experiment_id="b"))
    await world.recorded(run(phase="Error", score=10, experiment_id="c"), of=BANK)
    samples = await world.after_update()
    assert by_label(samples, "backstage_litmus_owner_score", "owner") == {one_owner: 70}

    world.current = Catalog(entities=tuple(entities[:2]))
    samples = await world.after_update()

    assert by_label(samples, "backstage_litmus_owner_score", "owner") == {one_owner: 100}


async def test_a_suspended_schedule_has_no_next_run() -> None:
    world = World(CART)
    await world.synchronised(Section.EXPERIMENTS, (experiment("experiment-1"),))
    await world.synchronised(Section.SCHEDULES, (schedule(suspended=True),))
    await world.recorded(experiments=[known()])
    samples = await world.after_update()
    assert "backstage_litmus_schedule_next_run_timestamp_seconds" not in samples
    assert "backstage_litmus_schedule_missed_runs" not in samples


async def test_a_schedule_that_was_never_started_says_so_and_has_no_next_run() -> None:
    world = World(CART)
    await world.synchronised(Section.EXPERIMENTS, (experiment("experiment-1"),))
    await world.synchronised(Section.SCHEDULES, (schedule(started=False),))
    await world.recorded(experiments=[known()])
    samples = await world.after_update()
    assert list(samples["backstage_litmus_schedule_never_started"].values()) == [1]
    assert "backstage_litmus_schedule_next_run_timestamp_seconds" not in samples
    assert "backstage_litmus_schedule_missed_runs" not in samples
    assert "backstage_litmus_schedule_skipped_runs" not in samples


async def test_sections_tell_their_last_success_and_whether_the_last_attempt_failed() -> None:
    world = World(CART)
    await world.synchronised(Section.HUBS, ())
    await world.metrics.update()
    rendered = world.rendered

    world.now += timedelta(minutes=1)
    await world.synchronised(Section.HUBS, error=DOWN)
    samples = await world.after_update()

    success = by_label(samples, "backstage_litmus_section_success_timestamp_seconds", "section")
    assert success == {"hubs": NOW.timestamp()}
    assert by_label(samples, "backstage_litmus_section_failed", "section") == {"hubs": 1}
    assert world.rendered == rendered
