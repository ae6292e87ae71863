"""``python -m sidecar`` is ``litmus-sidecar``."""

from sidecar.cli.main import entry_point

entry_point()
