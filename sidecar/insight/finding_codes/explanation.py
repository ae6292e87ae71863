"""What a code stands for, and what several subjects say of it: pages, and what to write into app-config."""

from typing import Final

import msgspec


class Explanation(msgspec.Struct, frozen=True, kw_only=True):
    """What a code stands for."""

    meaning: str
    """Names of settings, headers and the like are in backticks, as in ``todo``."""
    todo: str
    """What ends it."""
    docs: str
    """Page below ``docs/`` that says more."""
    fix: str | None = None
    """What to write into app-config, as YAML with places to fill in; ``None``: it is not mended there."""


TOKENS: Final = "how-to/tokens.md"
NETWORK: Final = "how-to/network.md"
INSTALL: Final = "how-to/install.md"
PEOPLE: Final = "how-to/people.md"
TROUBLE: Final = "how-to/troubleshoot.md"
ACTING: Final = "explanation/acting.md"
CONFIGURATION: Final = "reference/configuration.md"
HEALTH: Final = "reference/health.md"
ROUTES: Final = "reference/routes.md"
FILE: Final = (
    "litmusSidecar:\n  instances:\n    - name: default\n      baseUrl: '<address of Litmus>'\n"
    "      tokenFile: /run/secrets/litmus-token\n"
)
"""A new token goes into a file, which is followed."""
KEY: Final = (
    "litmusSidecar:\n  auth:\n    keys:\n      - name: backstage\n        secret: ${SIDECAR_KEY}\n"
    "        scopes: [read]\n"
)
"""A key for Backstage that only reads."""


def explained(meaning: str, todo: str, docs: str, fix: str | None = None) -> Explanation:
    """Return an explanation from its parts, in the order in which they are read."""
    return Explanation(meaning=meaning, todo=todo, docs=docs, fix=fix)
