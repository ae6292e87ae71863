"""Collects the sections of one project from Litmus: few requests, each failure kept to its section.

The fast lane is one POST in the steady state; a schedule that changed costs
one more for its manifest. Litmus nulls a whole answer when
one root field fails, so refused fields are left out and the rest is asked
again; what the token's role does not allow is not asked for, because each denied
field is an error in Litmus's log. What to do with the results, and when, is the
engine's business.
"""

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from datetime import datetime
from operator import attrgetter
from typing import Any, Final, cast

import msgspec
from cachetools import LRUCache

from sidecar.domain.errors import (
    AccessDeniedError,
    TokenRejectedError,
    UpstreamError,
    UpstreamOverloadedError,
    UpstreamUnavailableError,
    UpstreamUnsupportedError,
)
from sidecar.domain.model import (
    Experiment,
    GitOps,
    Lane,
    ProjectRef,
    Section,
    SectionError,
    SectionResult,
    Snapshot,
)
from sidecar.domain.ports import Clock
from sidecar.domain.roles import LitmusRole
from sidecar.litmus.reading.paging import Row, read_rows
from sidecar.litmus.reading.project_memory import ProjectMemory
from sidecar.litmus.reading.schedules import read_schedules
from sidecar.litmus.reading.unchanged import known_rows
from sidecar.litmus.transport.client import LitmusClient
from sidecar.litmus.transport.graphql import Answer
from sidecar.litmus.wire import documents
from sidecar.litmus.wire.documents import Query, pagination
from sidecar.litmus.wire.values import Page
from sidecar.runtime.turns import in_slices

PAGE_SIZE: Final = 100
TIMEOUT_SECONDS: Final = 30.0
GITOPS_TIMEOUT_SECONDS: Final = 10.0
HALVINGS_PER_ATTEMPT: Final = 2
"""Each try costs an overloaded Litmus ten seconds of computing, so further ones wait for the next attempt."""
_PROJECTS_REMEMBERED: Final = 10_000

FATAL: Final = (TokenRejectedError, UpstreamUnavailableError)
"""Errors that every further request of the attempt would meet too."""

Starts = Callable[[ProjectRef], Awaitable[Collection[str]]]
"""Tells of which experiments we started the schedules of late."""

Outcome = object | UpstreamError
"""A section's value, or why there is none."""


class _Part(msgspec.Struct, frozen=True):
    """A section of the fast lane and the query that fills it."""

    section: Section
    query: Query[Any]
    request: str | None = None
    """Name of the variable with the page; ``None`` if the answer is not paged."""
    identity: Callable[[Any], str] = str


_FAST: Final = (
    _Part(Section.EXPERIMENTS, documents.EXPERIMENTS, "experiments", lambda row: row.experiment_id),
    _Part(Section.RUN_STATS, documents.RUN_STATS),
    _Part(Section.INFRASTRUCTURES, documents.INFRAS, "infras", lambda row: row.infra_id),
    _Part(Section.ENVIRONMENTS, documents.ENVIRONMENTS, "environments", lambda row: row.environment_id),
)


class LitmusSource:
    """Implements :class:`~sidecar.domain.ports.ProjectSource` over the client of one instance."""

    def __init__(
        self,
        client: LitmusClient,
        clock: Clock,
        *,
        gitops_timeout_seconds: float = GITOPS_TIMEOUT_SECONDS,
        page_size: int = PAGE_SIZE,
        role: Callable[[ProjectRef], Awaitable[LitmusRole | None]] | None = None,
        starts: Starts | None = None,
    ) -> None:
        """Take whom to ask; ``role`` tells the token's role in a project, without it Litmus decides."""
        self._client = client
        self._clock = clock
        self._starts = starts
        self._gitops_timeout_seconds = gitops_timeout_seconds
        self._page_size = page_size
        self._role = role
        self._memories: LRUCache[ProjectRef, ProjectMemory] = LRUCache(_PROJECTS_REMEMBERED)

    async def collect(
        self, project: ProjectRef, lane: Lane, previous: Snapshot | None
    ) -> Sequence[SectionResult]:
        """Return one result per section of the lane; a failure is a result, not an exception."""
        attempted_at = self._clock()
        outcomes: Mapping[Section, Outcome]
        if lane is Lane.FAST:
            memory = self._memories.setdefault(project, ProjectMemory(self._page_size))
            fast = dict(await self._fast(project, memory))
            known = (previous.content.experiments if previous else None) or ()
            if not isinstance(fast[Section.EXPERIMENTS], UpstreamError):
                rows = cast("Sequence[Experiment]", fast[Section.EXPERIMENTS])
                fast[Section.EXPERIMENTS] = await in_slices(
                    known_rows.work(rows, known, attrgetter("experiment_id"))
                )
            schedules = await self._schedules(
                project, fast[Section.EXPERIMENTS], previous, memory, attempted_at
            )
            outcomes = {**fast, Section.SCHEDULES: schedules}
        else:
            outcomes = await self._slow(project)
        return [
            SectionResult(section=section, attempted_at=attempted_at, error=_section_error(outcome))
            if isinstance(outcome, UpstreamError)
            else SectionResult(section=section, attempted_at=attempted_at, value=outcome)
            for section, outcome in outcomes.items()
        ]

    async def _fast(self, project: ProjectRef, memory: ProjectMemory) -> Mapping[Section, Outcome]:
        attempt = _FastAttempt(self._client, project.project_id, memory)
        try:
            ask_refused = memory.begin(self._client.token_id())
        except UpstreamError as exc:  # There is no token to be had.
            return {part.section: exc for part in _FAST}
        if memory.denied and await self._is_without_role(project):
            return memory.denied
        remembered: dict[Section, Outcome] = dict(memory.refused)
        await attempt.read([part for part in _FAST if part.section not in remembered])
        if ask_refused:
            await attempt.read([part for part in _FAST if part.section in remembered])
        memory.learn(attempt.outcomes)
        outcomes = remembered | attempt.outcomes
        return {part.section: outcomes[part.section] for part in _FAST}

    async def _is_without_role(self, project: ProjectRef) -> bool:
        """Tell whether the token has no role in the project, which its auth server tells without an error."""
        try:
            return await self._client.project_role(project.project_id, TIMEOUT_SECONDS) is None
        except UpstreamError:
            return False

    async def _schedules(
        self,
        project: ProjectRef,
        experiments: Outcome,
        previous: Snapshot | None,
        memory: ProjectMemory,
        now: datetime,
    ) -> Outcome:
        """Return the schedules of these experiments; costs a request only where an experiment changed."""
        if isinstance(experiments, UpstreamError):
            return experiments
        before = (previous.content.schedules if previous else None) or ()
        started: Collection[str] = ()
        if self._starts is not None and any(one.started is False for one in before):
            started = await self._starts(project)
        try:
            return await read_schedules(
                self._client,
                project.project_id,
                cast("Sequence[Experiment]", experiments),
                before,
                memory.manifests,
                now=now,
                timeout_seconds=TIMEOUT_SECONDS,
                started=started,
            )
        except UpstreamError as exc:
            return exc

    async def _slow(self, project: ProjectRef) -> Mapping[Section, Outcome]:
        variables = {"projectID": project.project_id}
        hubs: Outcome
        try:
            hubs = await self._client.run(documents.HUBS, variables, TIMEOUT_SECONDS)
        except FATAL as exc:
            return {Section.HUBS: exc, Section.GITOPS: exc}
        except UpstreamError as exc:
            hubs = exc
        return {Section.HUBS: hubs, Section.GITOPS: await self._gitops(project)}

    async def _gitops(self, project: ProjectRef) -> Outcome:
        """Return what only an Owner may know; that nobody told us is an answer too."""
        role = await self._role(project) if self._role is not None else None
        if role not in {None, LitmusRole.OWNER}:
            return GitOps(enabled=None)
        variables = {"projectID": project.project_id}
        try:
            return await self._client.run(documents.GITOPS, variables, self._gitops_timeout_seconds)
        except AccessDeniedError:
            return GitOps(enabled=None)
        except UpstreamError as exc:
            return exc


class _FastAttempt:
    """One attempt of the fast lane: what came so far, and what it may still cost."""

    def __init__(self, client: LitmusClient, project_id: str, memory: ProjectMemory) -> None:
        self.outcomes: dict[Section, Outcome] = {}
        self._client = client
        self._project_id = project_id
        self._memory = memory
        self._halvings_left = HALVINGS_PER_ATTEMPT
        self._fatal: UpstreamError | None = None

    async def read(self, parts: Sequence[_Part]) -> None:
        """Fill :attr:`outcomes` for all the parts: first pages together, then what is longer than a page."""
        await self._read_first_pages(parts)
        for part in parts:
            outcome = self.outcomes[part.section]
            if isinstance(outcome, Page):
                self.outcomes[part.section] = await self._read_rest(part, outcome)

    async def _read_first_pages(self, parts: Sequence[_Part]) -> None:
        pending = list(parts)
        together = True
        while pending and self._fatal is None:
            group = pending if together else pending[:1]
            answer = await self._ask(group)
            if together and len(group) > 1 and _is_unsupported(answer):
                together = False  # A 422 does not say reliably which field this Litmus lacks.
                continue
            again = self._halve(group, answer)
            for part in group:
                error = answer.failed.get(part.query.field)
                if error is not None and error not in again:
                    self._fail(part, error)
                elif part.query.field in answer.values:
                    self.outcomes[part.section] = answer.values[part.query.field]
            pending = [part for part in pending if part.section not in self.outcomes]
        if self._fatal is not None:
            self.outcomes |= {part.section: self._fatal for part in pending}

    async def _read_rest(self, part: _Part, first: Page[Row]) -> Outcome:
        size = self._memory.size_of(part.section)
        page: Page[Row] | None = first
        while True:
            try:
                if self._fatal is not None and page is not None and page.total > size.current:
                    return self._fatal
                rows = await read_rows(
                    page or await self._fetch(part, 0),
                    lambda number: self._fetch(part, number),
                    size.current,
                    part.identity,
                )
            except UpstreamOverloadedError as exc:
                if not self._halvings_left or not size.shrink():
                    return exc
                self._halvings_left -= 1
                page = None
            except UpstreamError as exc:
                if isinstance(exc, FATAL):
                    self._fatal = exc
                return exc
            else:
                size.passed()
                return rows

    async def _ask(self, group: Sequence[_Part]) -> Answer:
        try:
            return await self._client.ask(
                [part.query for part in group], self._variables(group, 0), TIMEOUT_SECONDS
            )
        except UpstreamError as exc:
            return Answer(values={}, failed={part.query.field: exc for part in group})

    async def _fetch(self, part: _Part, number: int) -> Page[Row]:
        page: Page[Row] = await self._client.run(part.query, self._variables([part], number), TIMEOUT_SECONDS)
        return page

    def _variables(self, group: Sequence[_Part], number: int) -> dict[str, object]:
        variables: dict[str, object] = {"projectID": self._project_id}
        for part in group:
            if part.request is not None:
                limit = self._memory.size_of(part.section).current
                variables[part.request] = pagination(number, limit)
        return variables

    def _halve(self, group: Sequence[_Part], answer: Answer) -> list[UpstreamError]:
        """Ask for smaller pages where that may help, and return the errors that it may heal.

        An error of the request as a whole is one object, so it keeps even a part without pages waiting.
        """
        healed: list[UpstreamError] = []
        for part in group if self._halvings_left else ():
            error = answer.failed.get(part.query.field)
            if (
                isinstance(error, UpstreamOverloadedError)
                and part.request is not None
                and self._memory.size_of(part.section).shrink()
            ):
                healed.append(error)
        self._halvings_left -= bool(healed)
        return healed

    def _fail(self, part: _Part, error: UpstreamError) -> None:
        if isinstance(error, FATAL):
            self._fatal = error
        self.outcomes[part.section] = error


def _is_unsupported(answer: Answer) -> bool:
    return any(isinstance(error, UpstreamUnsupportedError) for error in answer.failed.values())


def _section_error(error: UpstreamError) -> SectionError:
    return SectionError(code=error.code, message=str(error))
