"""What each code of ``check`` means and what to do about it, a module for each subject. Pure.

``check --explain`` and docs/reference/findings.md are made of it. A test
compares it with every code that can be found.
"""

from typing import Final

from sidecar.insight.finding_codes import backstage, catalog, configuration, litmus, network, store, tokens
from sidecar.insight.finding_codes.explanation import Explanation, explained

__all__ = ["EXPLANATIONS", "OWN_CODES", "UPSTREAM_CODES", "Explanation", "explanation"]

OWN_CODES: Final = {
    **backstage.CODES,
    **catalog.CODES,
    **configuration.CODES,
    **network.CODES,
    **store.CODES,
    **tokens.CODES,
}
"""Found in what is configured, in the catalog, on the way to others, and in what Litmus tells of tokens."""

UPSTREAM_CODES: Final = litmus.CODES
"""Litmus's failures, by the code that they have everywhere."""

EXPLANATIONS: Final = {**OWN_CODES, **UPSTREAM_CODES}

_OTHER: Final = explained(
    "A failure that is met elsewhere too", "Look its code up", "reference/error-codes.md"
)


def explanation(code: str) -> Explanation:
    """Return what a code stands for; of a failure that is none of Litmus's, where all codes are told."""
    return EXPLANATIONS.get(code, _OTHER)
