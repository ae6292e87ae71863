"""What is remembered of a project between two attempts: refusals, page sizes, what manifests said.

In memory only, and never trusted for good: a new token forgets all refusals,
and refused sections are asked for again now and then, so that a new role or a
newer Litmus is noticed.
"""

from collections.abc import Mapping
from typing import Final

from sidecar.domain.errors import AccessDeniedError, UpstreamError, UpstreamUnsupportedError
from sidecar.domain.model import Section
from sidecar.litmus.reading.paging import PageSize
from sidecar.litmus.reading.schedules import Manifests

ATTEMPTS_UNTIL_ASKED_AGAIN: Final = 20

LASTING: Final = (AccessDeniedError, UpstreamUnsupportedError)
"""Refusals that will be the same next time."""


class ProjectMemory:
    """What earlier attempts taught about one project."""

    def __init__(self, page_size: int) -> None:
        self.manifests: Manifests = {}
        """What was read of the manifests of schedules."""
        self._page_size = page_size
        self._token_id = ""
        self._attempts = 0
        self._sizes: dict[Section, PageSize] = {}
        self._refused: dict[Section, UpstreamError] = {}
        self._denied: dict[Section, object] = {}

    @property
    def refused(self) -> Mapping[Section, UpstreamError]:
        """Sections left out of the combined document, with the refusal."""
        return self._refused

    @property
    def denied(self) -> Mapping[Section, object]:
        """The denials of the last attempt, if the token's user had no right to anything in it; else empty."""
        return self._denied

    def size_of(self, section: Section) -> PageSize:
        """Return the page size of a section's list."""
        return self._sizes.setdefault(section, PageSize(self._page_size))

    def begin(self, token_id: str) -> bool:
        """Open an attempt; tell whether refused sections are to be asked for again in it."""
        if token_id != self._token_id:
            self._token_id = token_id
            self._refused.clear()
            self._denied.clear()
            self._attempts = 0
        self._attempts += 1
        return bool(self._refused) and self._attempts % ATTEMPTS_UNTIL_ASKED_AGAIN == 0

    def learn(self, outcomes: Mapping[Section, object]) -> None:
        """Take in what an attempt brought per section: a value or an error.

        If nothing could be read, only that is remembered: one request an
        interval is cheap, and tells at once when the project opens.
        """
        is_denied = all(isinstance(outcome, AccessDeniedError) for outcome in outcomes.values())
        self._denied = dict(outcomes) if is_denied else {}
        for section, outcome in outcomes.items():
            if isinstance(outcome, LASTING):
                self._refused[section] = outcome
            elif not isinstance(outcome, UpstreamError):
                self._refused.pop(section, None)
        if all(isinstance(outcome, UpstreamError) for outcome in outcomes.values()):
            self._refused.clear()
