"""The application on a world as large as they come, and how long the event loop is held in it."""

import asyncio
import selectors
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from time import thread_time
from typing import Final

from aiohttp import web

from sidecar.domain.catalog import Entity
from sidecar.domain.model import Content, Environment, Experiment, Infra, ProjectRef, Schedule
from tests.support.builders import recent_run
from tests.support.golden import golden
from tests.support.golden_service import ENTITY, PART, golden_app
from tests.support.histories import run

EXPERIMENTS: Final = 5_000
"""Of one project."""
RUNS_OF_EACH: Final = 3
ENTITIES: Final = 800
"""Of a project each."""
HOURLY: Final = "0 * * * *"
"""Fires are counted in threads, which nothing here clocks: four times as many would only take longer."""
_REFERENCE_SECONDS: Final = 0.002
"""On a quiet machine, with the Python of a distribution; one built without optimization takes 0.003."""
_TOUCHED_BYTES: Final = 32 * 1024 * 1024
_PHASES: Final = ("Completed", "Completed_With_Probe_Failure", "Error", "Running", "Stopped")


class Passes(selectors.DefaultSelector):
    """The passes of the event loop that selects with this, as its thread's CPU time.

    A pass is what the loop does from one look for what is ready to the next, so nothing has to run in it.
    """

    def __init__(self) -> None:
        super().__init__()
        self.longest_seconds = 0.0
        self._begun = thread_time()

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        self.longest_seconds = max(self.longest_seconds, thread_time() - self._begun)
        try:
            return super().select(timeout)
        finally:
            self._begun = thread_time()

    @asynccontextmanager
    async def watched(self) -> AsyncIterator[None]:
        """Note the longest pass of the event loop meanwhile."""
        await asyncio.sleep(0)
        self.longest_seconds = 0.0
        yield
        # The pass that ends it counts, too.
        await asyncio.sleep(0)


def touch_memory() -> None:
    """Use as much memory as a large answer takes, and give it back.

    What a virtual machine never used before costs its first user more than most answers; that is not theirs.
    """
    bytearray(b"\x01") * _TOUCHED_BYTES


def slowness() -> float:
    """Return how many times longer this machine takes now, at worst, than the one that bounds are of."""
    return max(1.0, *(_reference_seconds() / _REFERENCE_SECONDS for _ in range(5)))


def _reference_seconds() -> float:
    begun = thread_time()
    rows: dict[str, list[int]] = {}
    for number in range(20_000):
        rows.setdefault(f"row-{number % 1_000}", []).append(number)
    return thread_time() - begun


def big_app() -> web.Application:
    """Return the application with one project of many experiments, and many entities of others."""
    now = golden().now
    return golden_app(
        entities=(ENTITY, PART),
        content=_large_content(),
        more_runs=[
            run(
                now - timedelta(hours=number % 900, minutes=index),
                _PHASES[(number + index) % len(_PHASES)],
                50.0,
                experiment_id=f"experiment-{number:05}",
            )
            for number in range(EXPERIMENTS)
            for index in range(RUNS_OF_EACH)
        ],
        beside={_entity(number): _content(f"p{number}", 3) for number in range(ENTITIES)},
    )


def _entity(number: int) -> Entity:
    return Entity(
        ref=f"component:default/service-{number:04}",
        project=ProjectRef(instance="default", project_id=f"project-{number}"),
        title=f"Service {number}",
        owner=f"group:default/team-{number}",
        system=f"system:default/system-{number % 90}",
        domain=f"domain:default/domain-{number % 9}",
    )


def _large_content() -> Content:
    return _content("experiment", EXPERIMENTS)


def _content(prefix: str, experiments: int) -> Content:
    now = golden().now
    now_ms = int(now.timestamp() * 1000)
    infra = Infra(infra_id="infra-a", name="gke-eu-west", environment_id="shop", is_active=True)
    infras = tuple(
        Infra(infra_id=f"infra-{number}", name=f"cluster {number}", environment_id="shop", is_active=True)
        for number in range(experiments // 10)
    )
    runs = tuple(
        recent_run(
            f"run-{index}",
            _PHASES[index % len(_PHASES)],
            50.0,
            updated_at_ms=now_ms - index * 7_200_000,
            created_at_ms=now_ms - index * 7_200_000,
        )
        for index in range(10)
    )
    return Content(
        experiments=tuple(
            Experiment(
                experiment_id=f"{prefix}-{number:05}",
                name=f"checkout pod network latency {number}",
                cron_syntax="" if number % 5 else HOURLY,
                infra=infra,
                tags=("team-b",),
                recent_runs=runs,
            )
            for number in range(experiments)
        ),
        infrastructures=(infra, *infras),
        environments=(Environment(environment_id="shop", name="shop", type="NON_PROD"),),
        hubs=(),
        schedules=tuple(
            Schedule(
                experiment_id=f"{prefix}-{number:05}",
                cron_syntax=HOURLY,
                suspended=False,
                timezone="Europe/Berlin",
                experiment_updated_at_ms=now_ms,
                since=now - timedelta(days=9),
            )
            for number in range(0, experiments, 5)
        ),
    )
