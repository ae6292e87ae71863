"""Where the process begins: ``health`` without the other commands, whose imports take longer than it does."""

import os
import sys


def entry_point() -> None:
    """Run the command line of this process and end it with its exit code."""
    if sys.argv[1:2] == ["health"]:
        from sidecar.cli.health import health_command  # noqa: PLC0415 - or all would be imported for it
        from sidecar.cli.running import run_line  # noqa: PLC0415

        sys.exit(run_line(health_command, sys.argv[2:], os.environ, name="litmus-sidecar health"))
    from sidecar.cli.main import main  # noqa: PLC0415

    sys.exit(main(sys.argv[1:], os.environ))
