"""Keeps what the plan rests on: who is looked at, what each project costs, what was scheduled how."""

from collections.abc import Callable, Collection, Mapping
from datetime import datetime, timedelta
from typing import Final

from sidecar.domain.model import Lane, ProjectRef
from sidecar.domain.ports import Clock, Job
from sidecar.sync.planning import FIRST_FAST, FIRST_SLOW, Demand, Plan, plan_intervals
from sidecar.sync.schedule import Intervals

ASKED_FOR: Final = timedelta(minutes=15)
"""For so long after somebody asked for a project it is read as often as configured."""
PLANNED_EVERY: Final = timedelta(seconds=5)
ROLE_REQUESTS: Final = 1.0
"""Per project and slow interval: what our token may do."""
_WEIGHT: Final = 0.3
"""Of the last round in what one is expected to cost, and of the last interval in what is reached."""

_PlannedIntervals = Mapping[Lane, timedelta]


class IntervalPlanner:
    """Tells with which intervals every project is read, and is to be judged."""

    def __init__(
        self,
        *,
        configured: Intervals,
        longest: timedelta,
        capacity_per_second: Callable[[str], float],
        projects: Callable[[], Collection[ProjectRef]],
        clock: Clock,
    ) -> None:
        """Take the configured intervals, and by instance how many requests per second it takes now."""
        self.configured = configured
        self._longest = longest
        self._capacity = capacity_per_second
        self._projects = projects
        self._clock = clock
        self._asked_at: dict[ProjectRef, datetime] = {}
        self._active: set[ProjectRef] = set()
        self._cost: dict[Lane, dict[ProjectRef, float]] = {lane: {} for lane in Lane}
        self._scheduled: dict[ProjectRef, _PlannedIntervals] = {}
        self._plans: dict[str, tuple[Plan, _PlannedIntervals, datetime]] = {}
        self._finished_at: dict[Job, datetime] = {}
        self._reached: dict[tuple[str, Lane], float] = {}

    def configure(self, configured: Intervals, longest: timedelta) -> None:
        """Plan by other intervals from now on; what is scheduled falls due as it was unless somebody asks."""
        self.configured = configured
        self._longest = longest
        self._plans.clear()

    def note_asked(self, project: ProjectRef) -> bool:
        """Note that somebody asked for it; tell whether it was scheduled later than configured."""
        self._asked_at[project] = self._clock()
        scheduled = self.of(project)
        return scheduled[Lane.FAST] > self.configured.fast or scheduled[Lane.SLOW] > self.configured.slow

    def note_round(self, job: Job, requests: int, *, is_active: bool | None = None) -> None:
        """Note what a round of a job took; ``is_active``: whether a run of the project changes."""
        costs = self._cost[job.lane]
        known = costs.get(job.project)
        costs[job.project] = requests if known is None else known + _WEIGHT * (requests - known)
        if is_active is not None:
            (self._active.add if is_active else self._active.discard)(job.project)
        now = self._clock()
        before = self._finished_at.get(job)
        self._finished_at[job] = now
        if before is not None:
            lane = job.project.instance, job.lane
            seconds = (now - before).total_seconds()
            reached = self._reached.get(lane, seconds)
            self._reached[lane] = reached + _WEIGHT * (seconds - reached)

    def intervals(self, project: ProjectRef) -> Intervals:
        """Return the intervals that a job of the project is to be scheduled with now."""
        plan = self.plan(project.instance)
        return plan.asked if self._is_asked(project) else plan.others

    def patience(self, projects: Collection[ProjectRef]) -> Callable[[Job], timedelta]:
        """Return how long each first round may wait among these projects: as long as between two rounds."""
        plans = {name: self._plan_for(name, projects) for name in {ref.instance for ref in projects}}

        def patience_of(job: Job) -> timedelta:
            plan = plans[job.project.instance]
            return (plan.asked if self._is_asked(job.project) else plan.others).of(job.lane)

        return patience_of

    def schedule(self, job: Job) -> Intervals:
        """Return the same, and remember that the job was scheduled so, until its next round."""
        intervals = self.intervals(job.project)
        scheduled = {**self.of(job.project), job.lane: intervals.of(job.lane)}
        if self._scheduled.get(job.project) != scheduled:
            self._scheduled[job.project] = scheduled
        return intervals

    def of(self, project: ProjectRef) -> _PlannedIntervals:
        """Return after how long each lane of the project is read again, as it was scheduled.

        The same object as long as nothing changes. What another replica scheduled counts as planned here.
        """
        scheduled = self._scheduled.get(project)
        return scheduled if scheduled is not None else self._planned(project.instance)[1]

    def plan(self, instance: str) -> Plan:
        """Return the plan of an instance, made anew every few seconds."""
        return self._planned(instance)[0]

    def reached(self) -> Mapping[tuple[str, Lane], float]:
        """Return the mean seconds between two rounds, lately, by instance and lane."""
        return dict(self._reached)

    def forget(self, project: ProjectRef) -> None:
        """Forget how the project was scheduled here: another replica did that since."""
        self._scheduled.pop(project, None)

    def retain(self, projects: Collection[ProjectRef]) -> None:
        """Forget what belongs to no project of these."""
        kept = set(projects)
        self._active &= kept
        self._asked_at = {ref: at for ref, at in self._asked_at.items() if ref in kept}
        self._scheduled = {ref: one for ref, one in self._scheduled.items() if ref in kept}
        for lane, costs in self._cost.items():
            self._cost[lane] = {ref: cost for ref, cost in costs.items() if ref in kept}
        self._finished_at = {job: at for job, at in self._finished_at.items() if job.project in kept}

    def _is_asked(self, project: ProjectRef) -> bool:
        asked_at = self._asked_at.get(project)
        return project in self._active or (asked_at is not None and self._clock() - asked_at <= ASKED_FOR)

    def _planned(self, instance: str) -> tuple[Plan, _PlannedIntervals, datetime]:
        now = self._clock()
        known = self._plans.get(instance)
        if known is not None and timedelta(0) <= now - known[2] < PLANNED_EVERY:
            return known
        plan = self._plan_for(instance, self._projects())
        planned: _PlannedIntervals = {lane: plan.others.of(lane) for lane in Lane}
        if known is not None and known[1] == planned:
            planned = known[1]
        made = (plan, planned, now)
        self._plans[instance] = made
        return made

    def _plan_for(self, instance: str, projects: Collection[ProjectRef]) -> Plan:
        return plan_intervals(
            self._demand(instance, projects),
            capacity_per_second=self._capacity(instance),
            configured=self.configured,
            longest=self._longest,
        )

    def _demand(self, instance: str, projects: Collection[ProjectRef]) -> Demand:
        asked = others = slow = 0.0
        costs, slow_costs, past_costs = (self._cost[lane] for lane in (Lane.FAST, Lane.SLOW, Lane.HISTORY))
        active_times = self.configured.fast / self.configured.active
        for project in projects:
            if project.instance != instance:
                continue
            fast = costs.get(project, FIRST_FAST)
            if project in self._active:
                asked += fast * active_times
            elif self._is_asked(project):
                asked += fast
            else:
                others += fast
            slow_cost, past_cost = slow_costs.get(project), past_costs.get(project)
            if slow_cost is None or past_cost is None:
                slow += FIRST_SLOW
            else:
                slow += slow_cost + past_cost + ROLE_REQUESTS
        return Demand(asked=asked, others=others, slow=slow)
