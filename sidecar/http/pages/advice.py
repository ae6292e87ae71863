"""What is wrong with the data of a page and what to do about it, in words; pure.

The sentences of errors say what happened. Here is only who can do what next.
"""

from collections.abc import Mapping
from typing import Final

import msgspec

from sidecar.domain.model import Section
from sidecar.http.shapes.common import SectionShape

_SECTION_WORDS: Final[Mapping[str, str]] = {
    Section.EXPERIMENTS: "experiments",
    Section.SCHEDULES: "schedules",
    Section.RUN_STATS: "run counters",
    Section.INFRASTRUCTURES: "infrastructures",
    Section.ENVIRONMENTS: "environments",
    Section.HUBS: "ChaosHubs",
    Section.GITOPS: "GitOps",
    Section.RUN_HISTORY: "run history",
}
_SENTENCES: Final[Mapping[str, str]] = {
    "upstream_denied": "Litmus has no such project, or does not let the user of the sidecar's token read it.",
}
"""In place of sentences that differ by no more than the part, which stands beside them."""
_TRIED_AGAIN: Final = "The sidecar retries by itself."
_NO_ACCESS: Final = "An administrator of the sidecar has to give it a token that Litmus accepts."
_ADVICE: Final[Mapping[str, str]] = {
    "upstream_denied": (
        "Litmus answers both the same way. Check that the "
        "annotation litmuschaos.io/project-id has the id in the address of the project's pages "
        "in Litmus, and that the user of the sidecar's token was invited to the project; the role Viewer "
        "is enough to read."
    ),
    "token_rejected": _NO_ACCESS,
    "token_revoked": _NO_ACCESS,
    "credentials_rejected": "An administrator of the sidecar has to correct user name and password.",
    "upstream_unavailable": _TRIED_AGAIN,
    "upstream_timeout": _TRIED_AGAIN,
    "upstream_paused": f"{_TRIED_AGAIN} After many failures the sidecar pauses to spare Litmus.",
    "upstream_busy": _TRIED_AGAIN,
    "upstream_overloaded": f"{_TRIED_AGAIN} It then asks for smaller pages.",
    "upstream_protocol": "An administrator of the sidecar should check that baseUrl is that of Litmus.",
    "upstream_unsupported": "This needs a newer Litmus.",
    "upstream_host_refused": (
        "An administrator of the sidecar has to set hostHeader to a name that Litmus's ALLOWED_ORIGINS has."
    ),
}


class DataProblem(msgspec.Struct, frozen=True, kw_only=True):
    """Parts of a project whose last reading failed for the same reason, with the same remedy."""

    parts: tuple[str, ...]
    """In words."""
    as_of: str | None
    """When what is shown of them was read, the oldest; ``None``: never, so nothing is shown."""
    sentences: tuple[str, ...]
    """What happened; several where it differs by part."""
    code: str
    advice: str


def data_problems(sections: Mapping[str, SectionShape]) -> tuple[DataProblem, ...]:
    """Return what the sections suffer from, each reason once, parts without any data first."""
    found: dict[tuple[bool, str], list[tuple[str, str | None, str]]] = {}
    for section, shape in sections.items():
        if shape.error is not None:
            code = shape.error.code
            sentence = _SENTENCES.get(code, shape.error.message)
            found.setdefault((shape.as_of is not None, code), []).append((section, shape.as_of, sentence))
    return tuple(
        DataProblem(
            parts=tuple(_SECTION_WORDS.get(section, section) for section, _, _ in members),
            as_of=min((as_of for _, as_of, _ in members if as_of is not None), default=None),
            sentences=tuple(dict.fromkeys(sentence for _, _, sentence in members)),
            code=code,
            advice=_ADVICE.get(code, _TRIED_AGAIN),
        )
        for (_, code), members in sorted(found.items())
    )


def unread(sections: Mapping[str, SectionShape]) -> tuple[str, ...]:
    """Return the parts, in words, that were not tried yet, or whose first reading is under way.

    Of the run history only how far it reaches says that, see ``HistoryShape``.
    """
    return tuple(
        _SECTION_WORDS.get(section, section)
        for section, shape in sections.items()
        if shape.as_of is None and shape.error is None and section != Section.RUN_HISTORY
    )
