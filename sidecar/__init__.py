"""Backend of the Litmus plugin for Backstage: synchronises Litmus projects and serves them."""

from importlib.metadata import version

__version__ = version("backstage-litmus-sidecar")
