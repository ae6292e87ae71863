"""What all tests share: hypothesis profiles, marks, a PostgreSQL server, the rule about missing programs."""

import asyncio
import gc
import logging
import os
import shutil
from collections.abc import Callable, Generator, Iterator

import pytest
import structlog
import uvloop
from hypothesis import HealthCheck, settings

from tests.support import garbage, kinds

settings.register_profile(
    "tests",
    derandomize=True,
    # The same ones each time; `make soak` looks for others, and more.
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
# What `make check` takes: the first of those of `make test`.
settings.register_profile("quick", settings.get_profile("tests"), max_examples=25)
settings.register_profile(
    "soak",
    deadline=None,
    max_examples=2_000,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
settings.load_profile("soak" if os.environ.get("LITMUS_SIDECAR_SOAK") else "tests")

# What is made while tests are collected stays to the end: there is no garbage in it.
gc.disable()
kinds.watch_processes()


@pytest.hookimpl(wrapper=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> Generator[None]:
    """Mark each test with what it needs, and spread those that are to run over the workers."""
    kinds.mark(items)
    yield
    if worker := getattr(config, "workerinput", None):
        kinds.spread(items, worker["workercount"])


def pytest_asyncio_loop_factories() -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Run tests on the event loop that the service runs on."""
    return {"uvloop": uvloop.new_event_loop}


def pytest_collection_finish() -> None:
    """Collect garbage again."""
    gc.enable()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, bool | None, bool | None]:
    """Hold a test to its marks, and keep its garbage apart from what others left."""
    garbage.collector.spare()
    kinds.begin(item)
    try:
        return (yield)
    finally:
        kinds.end()
        garbage.forget_applications()


@pytest.fixture(scope="session")
def program() -> Callable[[str, str], str]:
    """Return the path of an external program, or skip naming the package; in CI a lack of it fails."""

    def find(name: str, package: str) -> str:
        path = shutil.which(name)
        if path is not None:
            return path
        message = f"{name} is missing; install the package {package}"
        if os.environ.get("LITMUS_SIDECAR_CI"):
            pytest.fail(message)
        pytest.skip(message)

    return find


@pytest.fixture(scope="session")
def postgres() -> Iterator[object]:
    """A PostgreSQL for all tests; each takes databases of its own, and starts it again if it stops it."""
    # The process that hands out the tests reads this file, too, and needs none of the service.
    from tests.store.postgres import running_server  # noqa: PLC0415

    with running_server() as server:
        yield server


@pytest.fixture(autouse=True)
def quiet_log() -> Iterator[None]:
    """Keep the log of the code under test to what matters; a test of the log configures it itself.

    Whatever a test, or a command that it runs, makes of the log ends with it.
    """
    root = logging.getLogger()
    handlers, level = [*root.handlers], root.level
    structlog.reset_defaults()
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING),
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.format_exc_info,
            structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback),
        ],
    )
    yield
    structlog.reset_defaults()
    root.handlers = handlers
    root.setLevel(level)
