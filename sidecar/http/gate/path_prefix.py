"""The path of ``publicUrl``, where an ingress serves us below one and takes it off each request; pure.

We know ourselves without it: routes, templates and redirects begin with ``/``.
What leaves for a browser gets it here, in two places for all: the markup of
pages, and the header ``Location``. Cookies keep the path ``/``, which the
prefix ``__Host-`` of their names demands.
"""

import re
from typing import Final
from urllib.parse import urlsplit

from sidecar.config import Config

_ADDRESS: Final = re.compile(r'\b(href|action|src)="/(?!/)')
"""An attribute of our templates with an address of ours; in texts of others a quote is escaped."""


def prefix_of(config: Config) -> str:
    """Return the path before all of ours, without a slash at its end; ``""`` without one."""
    return urlsplit(config.public_url or "").path.rstrip("/")


def with_prefix(prefix: str, address: str) -> str:
    """Return an address as browsers have to ask for it; those of other hosts stay as they are."""
    return prefix + address if address.startswith("/") and not address.startswith("//") else address


def markup_with_prefix(prefix: str, markup: str) -> str:
    """Return a page whose addresses of ours are as browsers have to ask for them."""
    return _ADDRESS.sub(lambda found: f'{found[1]}="{prefix}/', markup) if prefix else markup
