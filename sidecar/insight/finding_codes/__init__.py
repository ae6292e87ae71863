"""What each code of an error, and of a finding of ``check``, means and what to do about it. Pure.

There is a module for each subject. ``check --explain``, docs/reference/findings.md
and docs/reference/error-codes.md are made of them. Tests compare them with every
code that can be found or answered.
"""

from collections import ChainMap
from typing import Final

from sidecar.insight.finding_codes import (
    actions,
    backstage,
    catalog,
    configuration,
    data,
    litmus,
    network,
    requests,
    shares,
    store,
    token_errors,
    tokens,
)
from sidecar.insight.finding_codes.explanation import Explanation

__all__ = ["ERROR_CODES", "EXPLANATIONS", "OWN_CODES", "UPSTREAM_CODES", "Explanation", "explanation"]

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

ERROR_CODES: Final = {
    "Requests": requests.CODES,
    "Data": data.CODES,
    "Litmus": UPSTREAM_CODES,
    "Actions": actions.CODES,
    # Found by ``check``, and answered where a token is to be created or revoked.
    "Tokens": {"initial_password": tokens.CODES["initial_password"], **token_errors.CODES},
    "Shared pictures": shares.CODES,
}
"""What requests, commands and sections fail with, by what it is about."""

EXPLANATIONS: Final = dict(ChainMap(OWN_CODES, *ERROR_CODES.values()))


def explanation(code: str) -> Explanation:
    """Return what a code stands for; every one is explained."""
    return EXPLANATIONS[code]
