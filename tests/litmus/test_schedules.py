"""The section of schedules, read from a simulated Litmus."""

from datetime import timedelta

import msgspec
import pytest

from sidecar.domain.model import Concurrency, Lane, Schedule, Section, Snapshot
from sidecar.simulator.faults import ScriptedFault
from sidecar.simulator.manifests import set_suspended
from tests.litmus.history_bench import MINUTE, START, HistoryBench

SECRET = "a-secret-in-a-manifest"


def add_cron(bench: HistoryBench, name: str = "nightly", cron: str = "0 2 * * *") -> str:
    made = bench.world.add_experiment(
        bench.litmus_project, bench.infra, name, cron=cron, timezone="Europe/Berlin"
    )
    return made.experiment_id


def schedules(snapshot: Snapshot) -> tuple[Schedule, ...]:
    assert snapshot.content.schedules is not None
    return snapshot.content.schedules


def manifests_asked(bench: HistoryBench) -> list[list[str]]:
    return [
        request.variables["manifests"]["experimentIDs"]
        for request in bench.simulator.requests
        if "manifests" in request.variables
    ]


async def test_a_schedule_is_read_from_its_manifest() -> None:
    bench = HistoryBench()
    experiment_id = add_cron(bench)
    bench.add_experiment("by hand")
    async with bench.opened():
        snapshot = await bench.look()

    assert schedules(snapshot) == (
        Schedule(
            experiment_id=experiment_id,
            cron_syntax="0 2 * * *",
            suspended=False,
            timezone="Europe/Berlin",
            experiment_updated_at_ms=bench.world.now_ms,
            since=START,
            concurrency=Concurrency.FORBID,
            starting_deadline_seconds=0,
            started=False,
        ),
    )


async def test_a_schedule_is_started_from_its_first_run_on_and_stays_so() -> None:
    bench = HistoryBench()
    cron = bench.world.experiments[add_cron(bench)]
    async with bench.opened():
        saved = await bench.look()
        bench.wait(MINUTE)
        bench.world.start_cron_run(cron)
        ran = await bench.look()
        bench.wait(MINUTE)
        cron.recent.clear()
        later = await bench.look()

    told = [(one.started, one.since) for seen in (saved, ran, later) for one in schedules(seen)]
    assert told == [(False, START), (True, START + MINUTE), (True, START + MINUTE)]


async def test_a_schedule_stored_before_its_policy_was_read_is_read_once_more() -> None:
    bench = HistoryBench()
    add_cron(bench)
    async with bench.opened():
        snapshot = await bench.look()
        older = [msgspec.structs.replace(one, concurrency=None, started=None) for one in schedules(snapshot)]
        before = msgspec.structs.replace(
            snapshot, content=msgspec.structs.replace(snapshot.content, schedules=tuple(older))
        )
    async with bench.opened():
        results = await bench.source.collect(bench.project, Lane.FAST, before)
    found = [one.value for one in results if one.section is Section.SCHEDULES]

    assert found == [schedules(snapshot)]


async def test_while_nothing_changes_a_project_costs_one_request_per_interval() -> None:
    bench = HistoryBench()
    add_cron(bench)
    broken = bench.world.experiments[add_cron(bench, "broken")]
    broken.manifest.clear()
    async with bench.opened():
        await bench.look()
        bench.simulator.clear()
        for _ in range(3):
            bench.wait(MINUTE)
            await bench.look()

        assert len(bench.simulator.requests) == 3
        assert manifests_asked(bench) == []


async def test_a_restart_reads_no_manifest_again() -> None:
    bench = HistoryBench()
    add_cron(bench)
    async with bench.opened():
        before = await bench.look()
    async with bench.opened():
        after = await bench.look()

        assert manifests_asked(bench) == []
        assert schedules(after) == schedules(before)


async def test_only_what_changed_is_read_again_and_a_switch_begins_a_new_schedule() -> None:
    bench = HistoryBench()
    switched, touched = add_cron(bench), add_cron(bench, "touched")
    add_cron(bench, "left alone")
    async with bench.opened():
        await bench.look()
        bench.simulator.clear()
        bench.wait(MINUTE)
        set_suspended(bench.world.experiments[switched].manifest, suspended=True)
        bench.world.experiments[switched].updated_at_ms = bench.world.now_ms
        bench.world.edit_experiment(bench.world.experiments[touched], name="renamed")
        snapshot = await bench.look()
        asked = manifests_asked(bench)

    by_id = {schedule.experiment_id: schedule for schedule in schedules(snapshot)}
    assert [sorted(ids) for ids in asked] == [sorted([switched, touched])]
    assert (by_id[switched].suspended, by_id[switched].since) == (True, START + MINUTE)
    assert (by_id[touched].suspended, by_id[touched].since) == (False, START)


async def test_many_new_schedules_are_read_a_few_at_a_time() -> None:
    bench = HistoryBench()
    for number in range(33):
        add_cron(bench, f"cron-{number}")
    async with bench.opened():
        first = await bench.look()
        asked = manifests_asked(bench)
        bench.wait(MINUTE)
        second = await bench.look()

    assert [len(ids) for ids in asked] == [5, 5, 5, 5]
    assert (len(schedules(first)), len(schedules(second))) == (20, 33)


async def test_an_unreadable_manifest_leaves_out_that_schedule_alone_and_shows_nowhere(
    capfd: pytest.CaptureFixture[str],
) -> None:
    bench = HistoryBench()
    kept = add_cron(bench)
    bench.world.experiments[add_cron(bench, "broken")].manifest = {"kind": SECRET, "spec": SECRET}
    async with bench.opened():
        snapshot = await bench.look()

    assert [schedule.experiment_id for schedule in schedules(snapshot)] == [kept]
    assert SECRET not in f"{capfd.readouterr()}{snapshot}"


@pytest.mark.parametrize("status", [502, 200])
async def test_a_failure_is_the_sections_own_and_loses_no_schedule(status: int) -> None:
    bench = HistoryBench()
    experiment_id = add_cron(bench)
    async with bench.opened():
        before = await bench.look()
        bench.wait(timedelta(minutes=1))
        bench.world.edit_experiment(bench.world.experiments[experiment_id], name="renamed")
        bench.simulator.faults.add(
            ScriptedFault(root_field="getExperimentRunStats", delay_seconds=0.0)
        )  # Lets the combined request pass.
        bench.simulator.faults.add(
            ScriptedFault(root_field="listExperiment", status=status, body=f'"{SECRET}"')
        )
        failed = await bench.look()
        healed = await bench.look()

    error = failed.freshness[Section.SCHEDULES].error
    assert error is not None
    assert SECRET not in str(failed)
    assert failed.freshness[Section.EXPERIMENTS].error is None
    assert schedules(failed) == schedules(before)
    assert healed.freshness[Section.SCHEDULES].error is None
