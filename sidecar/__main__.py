"""``python -m sidecar`` is ``litmus-sidecar``."""

from sidecar.cli import entry_point

entry_point()
