"""What a reload leaves as it was, whatever goes wrong in it; all that goes well is in ``tests/e2e``."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import structlog

from sidecar.app.lifecycle import make_runner, successor_of
from sidecar.app.reloading import UNEXPECTED, Reloading
from sidecar.config import Config, LogSettings
from sidecar.domain.errors import ConfigError
from sidecar.http.gate.connection_limits import ConnectionLimits
from sidecar.http.gate.connections import Runner
from sidecar.http.services import SERVICES, ConfigState
from tests.support.golden_service import golden_app


@asynccontextmanager
async def running(read: Callable[[], Config]) -> AsyncIterator[tuple[Runner, Reloading]]:
    """Open an application whose services stay as they were configured, and what reloads it."""
    runner = make_runner(golden_app(), Config(), ConnectionLimits())
    await runner.setup()
    try:
        yield runner, Reloading(read, successor_of, runner.succession, asked=asyncio.Event())
    finally:
        await runner.cleanup()


def state(runner: Runner) -> ConfigState:
    return runner.succession.current.app[SERVICES].phase.configuration


async def test_a_failure_that_nobody_expected_changes_nothing_and_is_logged_with_its_trace() -> None:
    async with running(lambda: Config(log=LogSettings(requests="off"))) as (runner, reloading):
        before = runner.succession.current
        loaded_at = state(runner).loaded_at
        with structlog.testing.capture_logs() as log:
            await reloading.reload()
        assert runner.succession.current is before
        assert state(runner) == ConfigState(loaded_at=loaded_at, problems=(UNEXPECTED,))
        (line,) = log
        assert (line["log_level"], line["exc_info"]) == ("error", True)


async def test_the_sentences_of_a_refusal_stay_until_a_reading_goes_well() -> None:
    files: list[ConfigError | Config] = [ConfigError(("a: is wrong", "b: too")), Config()]

    def read() -> Config:
        found = files.pop(0)
        if isinstance(found, ConfigError):
            raise found
        return found

    async with running(read) as (runner, reloading):
        await reloading.reload()
        assert state(runner).problems == ("a: is wrong", "b: too")
        await reloading.reload()
        assert state(runner).problems == ()
