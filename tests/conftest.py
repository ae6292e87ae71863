"""What all tests share: the hypothesis profiles and the rule about missing programs."""

import logging
import os
import shutil
from collections.abc import Callable, Iterator

import pytest
import structlog
from hypothesis import HealthCheck, settings

from tests.store.postgres import PostgresServer, running_server

settings.register_profile(
    "tests",
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
settings.register_profile(
    "soak",
    deadline=None,
    max_examples=2_000,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
settings.load_profile("soak" if os.environ.get("LITMUS_SIDECAR_SOAK") else "tests")


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
def postgres() -> Iterator[PostgresServer]:
    """A PostgreSQL for all tests; each takes databases of its own, and starts it again if it stops it."""
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
