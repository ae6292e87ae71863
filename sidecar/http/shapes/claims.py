"""Whose a project is, for acting."""

import msgspec

from sidecar.catalog.claims import Claims
from sidecar.domain.model import ProjectRef


class ClaimShape(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What decides who may act on the project; names nobody, for not everybody sees every entity."""

    source: str
    """``configuration`` or ``tag``: somebody has a claim; ``catalog``: who names it."""
    problem: str | None
    """What is to be settled before its owners can act, or the plugin shows it; ``null``: nothing."""


def claim_shape(claims: Claims, project: ProjectRef) -> ClaimShape:
    """Return whose the project is."""
    return ClaimShape(source=claims.of(project).source.value, problem=claims.problem(project))
