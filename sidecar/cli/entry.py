"""Where the process begins: ``health`` without the other commands, whose imports take longer than it does."""

import gc
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager


def entry_point() -> None:
    """Run the command line of this process and end it with its exit code."""
    if sys.argv[1:2] == ["health"]:
        with _importing():
            from sidecar.cli.health import health_command  # noqa: PLC0415 - or all would be imported for it
            from sidecar.cli.running import run_line  # noqa: PLC0415

        sys.exit(run_line(health_command, sys.argv[2:], os.environ, name="litmus-sidecar health"))
    with _importing():
        from sidecar.cli.main import main  # noqa: PLC0415

    sys.exit(main(sys.argv[1:], os.environ))


@contextmanager
def _importing() -> Iterator[None]:
    """Look for no garbage while modules are imported, nor ever in what they made: it stays.

    Looking took a quarter of the time that the imports of ``serve`` take.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
