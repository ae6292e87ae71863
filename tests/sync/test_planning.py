"""What fits is planned: pure plans, and a planner that is driven by a clock of the test."""

from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from heapq import heappop, heappush
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.domain.model import Lane, ProjectRef
from sidecar.domain.ports import Job
from sidecar.sync.planner import ASKED_FOR, PLANNED_EVERY, IntervalPlanner
from sidecar.sync.planning import USED, Demand, first_demand, longest_interval, plan_intervals
from sidecar.sync.schedule import Intervals

CONFIGURED: Final = Intervals(
    fast=timedelta(seconds=60), slow=timedelta(seconds=600), active=timedelta(seconds=10)
)
LONGEST: Final = longest_interval(timedelta(days=1))
ORDER: Final = {Lane.FAST: 0, Lane.SLOW: 1, Lane.HISTORY: 2}
"""Which of two that are due at once is first."""
ROUNDS = st.floats(0, 100_000)


def load(demand: Demand, asked: Intervals, others: Intervals) -> float:
    """Return the requests per second that these intervals make of a demand."""
    return (
        demand.asked / asked.fast.total_seconds()
        + demand.others / others.fast.total_seconds()
        + demand.slow / others.slow.total_seconds()
    )


@given(asked=ROUNDS, others=ROUNDS, slow=ROUNDS, capacity=st.floats(1, 1_000))
def test_a_plan_fits_unless_it_is_stretched_as_far_as_may_be(
    asked: float, others: float, slow: float, capacity: float
) -> None:
    demand = Demand(asked=asked, others=others, slow=slow)
    plan = plan_intervals(demand, capacity_per_second=capacity, configured=CONFIGURED, longest=LONGEST)
    for lane in Lane:
        assert CONFIGURED.of(lane) <= plan.asked.of(lane) <= plan.others.of(lane) <= LONGEST
    assert plan.fits == (plan.asked == plan.others == CONFIGURED)
    is_at_the_end = LONGEST in (plan.others.fast, plan.others.slow, plan.asked.fast)
    if not is_at_the_end:
        assert load(demand, plan.asked, plan.others) <= capacity * USED * 1.001


@given(asked=st.floats(0, 1_000), more=st.floats(0, 1_000), capacity=st.floats(1, 100))
def test_what_is_looked_at_keeps_its_interval_as_long_as_that_fits(
    asked: float, more: float, capacity: float
) -> None:
    plan = plan_intervals(
        Demand(asked=asked, others=more, slow=more),
        capacity_per_second=capacity,
        configured=CONFIGURED,
        longest=LONGEST,
    )
    if asked / 60 <= capacity * USED * 0.8:
        assert plan.asked.fast == CONFIGURED.fast


def test_600_projects_fit_what_litmus_bears_and_not_five_requests_per_second() -> None:
    demand = first_demand(600)
    at_ease = plan_intervals(demand, capacity_per_second=50, configured=CONFIGURED, longest=LONGEST)
    assert at_ease.fits
    assert at_ease.needed_per_second == pytest.approx(14)
    slow = plan_intervals(demand, capacity_per_second=5, configured=CONFIGURED, longest=LONGEST)
    assert not slow.fits
    assert slow.others.fast == timedelta(seconds=210)


class Service:
    """Many projects read by a planner's intervals, at a pace; time is the test's."""

    def __init__(self, number: int, *, per_second: float) -> None:
        self.now = datetime(2026, 11, 28, tzinfo=UTC)
        self.projects = [ProjectRef(instance="default", project_id=f"p-{one}") for one in range(number)]
        self.per_second = per_second
        self.due: dict[Job, datetime] = {}
        self.queue: list[tuple[datetime, int, str, Job]] = []
        self.read_at: dict[Job, datetime] = {}
        self.planner = IntervalPlanner(
            configured=CONFIGURED,
            longest=LONGEST,
            capacity_per_second=lambda _instance: per_second,
            projects=lambda: self.projects,
            clock=lambda: self.now,
        )
        for project in self.projects:
            for lane in Lane:
                self.plan(Job(project=project, lane=lane), self.now)

    def plan(self, job: Job, at: datetime) -> None:
        """Let a job be due then, and no longer when it was to be before."""
        self.due[job] = at
        heappush(self.queue, (at, ORDER[job.lane], job.project.project_id, job))

    def run(self, seconds: int, asked: Collection[ProjectRef] = ()) -> None:
        """Let time pass; each second as many jobs are done as the pace allows, the longest due first."""
        requests = 0.0
        for second in range(seconds):
            self.now += timedelta(seconds=1)
            if second % 60 == 0:
                for project in asked:
                    if self.planner.note_asked(project):
                        self.plan(Job(project=project, lane=Lane.FAST), datetime.min.replace(tzinfo=UTC))
            requests = min(requests + self.per_second, 2 * self.per_second)
            while requests >= 1 and self.queue[0][0] <= self.now:
                at, *_, job = heappop(self.queue)
                if at != self.due[job]:
                    continue
                taken = 1 if job.lane is Lane.FAST else 2
                requests -= taken
                self.read_at[job] = self.now
                self.planner.note_round(job, taken)
                self.plan(job, self.now + self.planner.schedule(job).of(job.lane))

    def stale(self, projects: Collection[ProjectRef]) -> list[Job]:
        """Return what is older than twice what was planned for it."""
        return [
            job
            for project in projects
            for job in (Job(project=project, lane=lane) for lane in Lane)
            if job not in self.read_at
            or self.now - self.read_at[job] > 2 * self.planner.of(project)[job.lane]
        ]


def test_of_600_projects_none_is_stale_and_all_have_first_data_within_a_minute() -> None:
    service = Service(600, per_second=30)
    service.run(60)
    fast = [Job(project=project, lane=Lane.FAST) for project in service.projects]
    assert all(job in service.read_at for job in fast)
    service.run(1_200)
    assert service.stale(service.projects) == []


def test_of_5000_projects_what_is_asked_for_is_fresh_and_nothing_is_later_than_planned() -> None:
    service = Service(5_000, per_second=50)
    asked = service.projects[::50]
    # The first reading of all of them takes its time; what somebody asks for is first.
    service.run(120, asked)
    assert all(Job(project=project, lane=Lane.FAST) in service.read_at for project in asked)
    service.run(1_200, asked)
    assert service.stale(service.projects) == []
    for project in asked:
        assert service.planner.of(project)[Lane.FAST] == CONFIGURED.fast
        age = service.now - service.read_at[Job(project=project, lane=Lane.FAST)]
        assert age <= 2 * CONFIGURED.fast


def test_interest_ends_a_while_after_the_last_question() -> None:
    service = Service(600, per_second=5)
    project = service.projects[7]
    service.planner.note_asked(project)
    assert service.planner.intervals(project).fast == CONFIGURED.fast
    service.now += ASKED_FOR + PLANNED_EVERY
    assert service.planner.intervals(project).fast > CONFIGURED.fast


def test_data_is_judged_by_the_plan_it_was_scheduled_with() -> None:
    service = Service(600, per_second=5)
    job = Job(project=service.projects[3], lane=Lane.FAST)
    planned = service.planner.schedule(job).fast
    assert planned > CONFIGURED.fast
    # Somebody asks: it is to be read soon, but what is here is not late before that.
    assert service.planner.note_asked(job.project)
    assert service.planner.of(job.project)[Lane.FAST] == planned
    service.planner.schedule(job)
    assert service.planner.of(job.project)[Lane.FAST] == CONFIGURED.fast


def test_a_run_in_progress_counts_as_being_looked_at() -> None:
    service = Service(600, per_second=5)
    job = Job(project=service.projects[3], lane=Lane.FAST)
    service.planner.note_round(job, 1, is_active=True)
    assert service.planner.intervals(job.project).fast == CONFIGURED.fast
    service.planner.note_round(job, 1, is_active=False)
    assert service.planner.intervals(job.project).fast > CONFIGURED.fast


def test_what_left_the_catalog_is_forgotten() -> None:
    service = Service(2, per_second=5)
    gone, kept = service.projects
    for project in service.projects:
        job = Job(project=project, lane=Lane.FAST)
        service.planner.note_round(job, 5)
        service.planner.schedule(job)
        service.planner.note_asked(project)
    service.projects = [kept]
    service.planner.retain([kept])
    service.now += PLANNED_EVERY
    assert service.planner.plan("default").needed_per_second == pytest.approx(5 / 60 + 4 / 600)
    assert service.planner.of(gone) == service.planner.of(gone)


def test_other_intervals_hold_for_the_next_plan_and_what_is_scheduled_is_soon_read_if_asked_for() -> None:
    service = Service(10, per_second=50)
    job = Job(project=service.projects[3], lane=Lane.FAST)
    service.planner.schedule(job)
    quicker = Intervals(fast=CONFIGURED.fast / 2, slow=CONFIGURED.slow, active=CONFIGURED.active)
    service.planner.configure(quicker, LONGEST)
    assert service.planner.intervals(job.project).fast == quicker.fast
    assert service.planner.of(job.project)[Lane.FAST] == CONFIGURED.fast
    assert service.planner.note_asked(job.project)
    service.planner.schedule(job)
    assert service.planner.of(job.project)[Lane.FAST] == quicker.fast
    assert not service.planner.note_asked(job.project)
