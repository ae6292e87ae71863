"""``litmus-sidecar demo``: the service on a simulated ChaosCenter, without any configuration.

For trying out: it listens on loopback, needs no credential, and everything it
shows is made up.
"""

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import click

from sidecar.app.lifecycle import serve
from sidecar.cli.options import log_level_option, run
from sidecar.config import Config, display_token, parse_config
from sidecar.simulator.demo import Demo, open_demo
from sidecar.simulator.demo_catalog import demo_catalog
from sidecar.telemetry.logs import configure_logging

_HOST: Final = "127.0.0.1"
_DISPLAY_UID: Final = "demo"


@click.command("demo", help="Serve made-up data: an embedded simulated ChaosCenter, no configuration.")
@click.option("--port", type=click.IntRange(0, 65_535), default=8080, show_default=True, help="0 takes any.")
@log_level_option
def demo_command(port: int, log_level: str) -> int:
    """Serve the demonstration until told to end."""
    configure_logging(level=log_level, in_batches=True)
    return run(run_demo(port, announce=click.echo))


async def run_demo(port: int, *, announce: Callable[[str], None]) -> int:
    """Serve the demonstration on loopback until told to end; return the exit code.

    ``announce`` gets the lines for the terminal, addresses included, once all answers.
    """
    with tempfile.TemporaryDirectory(prefix="litmus-sidecar-demo-") as directory:
        catalog = Path(directory) / "catalog-info.yaml"
        catalog.write_text(demo_catalog(), encoding="utf-8")
        async with open_demo() as demo:
            return await serve(
                demo_config(demo, catalog, port),
                announce=lambda url: _announce(announce, url, demo),
                drain_seconds=0,
            )


def demo_config(demo: Demo, catalog: Path, port: int) -> Config:
    """Return the configuration of a sidecar for the demonstration's two instances."""
    section: dict[str, Any] = {
        "listen": {"host": _HOST, "port": port},
        "instances": [
            {"name": "default", "baseUrl": demo.default.url, "token": demo.default_token},
            {"name": "staging", "baseUrl": demo.staging.url, "token": demo.staging_token},
        ],
        "catalog": {"files": [str(catalog)]},
        # The demonstration's runs last a minute; its readers should see them move, and the past at once.
        "sync": {
            "maxRequestsPerSecond": 100,
            "interval": {"seconds": 10},
            "slowInterval": {"seconds": 60},
            "activeInterval": {"seconds": 3},
        },
        "store": {"url": f"sqlite:///{catalog.parent / 'demo.db'}"},
        "metrics": {"public": True},
    }
    litmus = {"baseUrl": demo.default.url, "apiToken": display_token(_DISPLAY_UID)}
    return parse_config({"litmus": litmus, "litmusSidecar": section}, directory=catalog.parent)


def _announce(announce: Callable[[str], None], url: str, demo: Demo) -> None:
    for line in (
        f"Litmus sidecar demo on {url} (made-up data; Ctrl+C ends it)",
        f"  Pages                    {url}/litmus",
        f"  GraphQL for the plugin   POST {url}/api/query",
        f"  Entities and projects    {url}/api/v1/entities",
        f"  Readiness                {url}/readyz",
        f"  Prometheus metrics       {url}/metrics",
        f"  Simulated ChaosCenters   {demo.default.url} (default), {demo.staging.url} (staging)",
    ):
        announce(line)
