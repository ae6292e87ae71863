"""Whose a Litmus project is, for acting: naming it in a catalog is not owning it.

``rules`` is pure: from configuration, tags in Litmus, naming entities and who
named it first to one claim. ``memory`` keeps who named what since when;
``claims`` answers for a running service. Must not know who is calling.
"""

from sidecar.catalog.claims.lookup import Claims
from sidecar.catalog.claims.memory import NamingMemory
from sidecar.catalog.claims.rules import (
    HOW_TO_CLAIM,
    ClaimSource,
    ProjectClaim,
    claim_of,
    claim_sentence,
    owners_in_tags,
)

__all__ = [
    "HOW_TO_CLAIM",
    "ClaimSource",
    "Claims",
    "NamingMemory",
    "ProjectClaim",
    "claim_of",
    "claim_sentence",
    "owners_in_tags",
]
