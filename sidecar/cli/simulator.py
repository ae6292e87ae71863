"""``litmus-sidecar simulator``: the simulated ChaosCenter alone."""

import click

from sidecar.cli.options import FINE, run
from sidecar.simulator.demo import serve_simulator


@click.command("simulator", help="Serve the simulated ChaosCenter alone, for trying things out.")
@click.option("--port", type=click.IntRange(0, 65_535), default=9002, show_default=True, help="0 takes any.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
def simulator_command(port: int, host: str) -> int:
    """Serve the simulator until interrupted."""
    try:
        run(serve_simulator(host, port, click.echo))
    except KeyboardInterrupt:
        return FINE
    return FINE
