"""``python -m sidecar`` is ``litmus-sidecar``."""

from sidecar.cli.entry import entry_point

entry_point()
