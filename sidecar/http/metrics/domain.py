"""The domain's metrics, kept as bytes per project and family, ready to be joined by a scrape.

A root task follows snapshots, history and catalog and renders, in a thread,
what changed or falls due. A scrape reads neither store nor snapshot; it joins
what is there in small chunks, so that it does not hold the event loop.
"""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from time import perf_counter
from typing import Final

import msgspec
import structlog
from aiohttp import web

from sidecar.domain.catalog import Catalog, Entity
from sidecar.domain.errors import StoreError
from sidecar.domain.model import Freshness, ProjectRef, Section
from sidecar.domain.ports import Catalogue, Clock, History, Snapshots
from sidecar.domain.runs import HistoryState
from sidecar.http.metrics.families import (
    EXPERIMENTS_CUT,
    EXPERIMENTS_KNOWN,
    OF_EXPERIMENTS,
    OF_GROUPS,
    OF_PROJECTS,
)
from sidecar.http.metrics.lines import (
    GroupScores,
    TimedLines,
    experiments_of,
    freshness_lines,
    group_lines,
    group_scores,
    is_known,
    steady_lines,
    timed_lines,
)
from sidecar.http.metrics.text_format import Family
from sidecar.insight.digest import project_runs
from sidecar.insight.digest_cache import Digest, Digests
from sidecar.insight.portfolio import Part

POLL_SECONDS: Final = 1.0
"""How soon a change is looked at."""
LOOKED_AT_ONCE: Final = 100
"""Unchanged projects passed without a pause."""
REST_FACTOR: Final = 20.0
"""A project is left alone for so many times as long as it took: years of a schedule's fires are costly."""
LONGEST_REST_SECONDS: Final = 300.0
CHUNK_BYTES: Final = 256 * 1024
"""About so much of a scrape is joined at once."""

_NO_LINES: Final[Mapping[str, bytes]] = {}
_NO_RUNS: Final = Digest(runs=project_runs(()), state=HistoryState(), totals={})
_log = structlog.get_logger(__name__)


class _RenderedFrom(msgspec.Struct, frozen=True, kw_only=True):
    """What lines of a project were rendered from, time and freshness aside."""

    entities: tuple[Entity, ...]
    version: int | None
    """Of the snapshot's content."""
    state: HistoryState
    with_experiments: bool

    @property
    def steady(self) -> tuple[object, ...]:
        """What of it the steady lines depend on."""
        state = self.state
        return self.entities, self.version, state.version, state.is_complete, is_known(state)


class _RenderedProject(msgspec.Struct, frozen=True, kw_only=True):
    """A project as rendered."""

    basis: _RenderedFrom
    freshness: Mapping[Section, Freshness]
    experiments: int
    steady: Mapping[str, bytes]
    timed: TimedLines
    fresh: Mapping[str, bytes]
    lines: Mapping[str, bytes]
    """All of them."""
    groups: GroupScores
    rested_at: float = 0.0
    """When it may be rendered again, by the event loop's clock."""


class DomainMetrics:
    """Figures of the domain as Prometheus reads them."""

    def __init__(
        self,
        *,
        catalogue: Catalogue,
        snapshots: Snapshots,
        history: History,
        digests: Digests,
        clock: Clock,
        max_experiments: int,
        observe: Callable[[float], None] = lambda _seconds: None,
        rest: float = REST_FACTOR,
    ) -> None:
        """Take what it reads; there is nothing to scrape before :meth:`update`.

        Args:
            catalogue: Which projects there are.
            snapshots: Their content.
            history: Whether their runs changed.
            digests: Their runs.
            clock: The time.
            max_experiments: With more than this altogether, none has series of its own.
            observe: Told how many seconds each rendering took.
            rest: See :data:`REST_FACTOR`.
        """
        self._catalogue = catalogue
        self._snapshots = snapshots
        self._history = history
        self._digests = digests
        self._clock = clock
        self._max_experiments = max_experiments
        self._observe = observe
        self._rest = rest
        self._kept: dict[ProjectRef, _RenderedProject] = {}
        self._experiments = 0
        self._grouped: tuple[Catalog, Mapping[ProjectRef, tuple[Entity, ...]]] | None = None
        self._groups: Mapping[str, bytes] = _NO_LINES
        self._grouped_from: list[GroupScores] = []
        """What :attr:`_groups` was rendered from."""
        self._is_complete = False
        """Whether every project was looked at once: only then is known how many experiments there are."""

    async def follow(self) -> None:
        """Render what changes, until cancelled."""
        while True:
            await self.update()
            await asyncio.sleep(POLL_SECONDS)

    async def update(self) -> None:
        """Look at every project once, and render what changed since or is due."""
        projects = self._projects()
        for gone in self._kept.keys() - projects.keys():
            self._experiments -= self._kept.pop(gone).experiments
        states = await self._history.states()
        for number, (project, entities) in enumerate(projects.items()):
            if number % LOOKED_AT_ONCE == 0:
                await asyncio.sleep(0)
            await self._look(project, entities, states.get(project, HistoryState()))
        parts = [kept.groups for kept in self._kept.values()]
        if parts != self._grouped_from:
            self._groups = await asyncio.to_thread(group_lines, parts)
            self._grouped_from = parts
        self._is_complete = True

    def chunks(self, *, openmetrics: bool) -> Iterator[bytes]:
        """Yield the text of a scrape, as of the first chunk, without the end mark of OpenMetrics."""
        kept, known = tuple(self._kept.values()), self._experiments
        groups = self._groups if self._is_complete else _NO_LINES
        families: tuple[Family, ...] = OF_PROJECTS
        if self._is_complete:
            cut = known > self._max_experiments
            families += () if cut else OF_EXPERIMENTS
            yield b"".join(
                family.head(openmetrics=openmetrics) + f"{family.sample_name} {value}\n".encode()
                for family, value in ((EXPERIMENTS_KNOWN, known), (EXPERIMENTS_CUT, known if cut else 0))
            )
        for family in families:
            found = [lines for one in kept if (lines := one.lines.get(family.name))]
            if found:
                yield from _in_chunks([family.head(openmetrics=openmetrics), *found])
        for family in OF_GROUPS:
            if lines := groups.get(family.name):
                yield family.head(openmetrics=openmetrics) + lines

    def _projects(self) -> Mapping[ProjectRef, tuple[Entity, ...]]:
        """Return the projects of the catalog and the entities that name each."""
        current = self._catalogue.current
        if self._grouped is None or self._grouped[0] is not current:
            by_project: defaultdict[ProjectRef, list[Entity]] = defaultdict(list)
            for entity in current.entities:
                by_project[entity.project].append(entity)
            self._grouped = current, {project: tuple(named) for project, named in by_project.items()}
        return self._grouped[1]

    async def _look(self, project: ProjectRef, entities: tuple[Entity, ...], state: HistoryState) -> None:
        head = self._snapshots.head(project)
        basis = _RenderedFrom(
            entities=entities,
            version=head.version if head else None,
            state=state,
            with_experiments=self._experiments <= self._max_experiments,
        )
        freshness = head.freshness if head else {}
        kept = self._kept.get(project)
        if kept is None or (self._may_differ(kept, basis) and perf_counter() >= kept.rested_at):
            await self._render(project, basis)
            kept = self._kept[project]
        if kept.freshness is not freshness and kept.freshness != freshness:
            self._keep(project, _with_freshness(kept, project, freshness))

    def _may_differ(self, kept: _RenderedProject, basis: _RenderedFrom) -> bool:
        due_at = kept.timed.due_at
        return kept.basis != basis or (due_at is not None and self._clock() >= due_at)

    async def _render(self, project: ProjectRef, wanted: _RenderedFrom) -> None:
        kept = self._kept.get(project)
        try:
            digest = await self._digests.of(project)
        except StoreError:
            if kept is not None and (is_known(kept.basis.state) or kept.basis.version == wanted.version):
                return  # figures without the history would be poorer than those that are there
            digest = _NO_RUNS
        snapshot = await self._snapshots.load(project)
        part = Part(project=project, entities=wanted.entities, snapshot=snapshot, digest=digest)
        basis = msgspec.structs.replace(
            wanted, version=snapshot.version if snapshot else None, state=digest.state
        )
        started = perf_counter()
        try:
            rendered = await asyncio.to_thread(_render_project, part, basis, kept, self._clock())
        except Exception:  # noqa: BLE001 - a bug met in one project's data must not take the others' figures
            _log.exception("metrics of a project could not be rendered", project=str(project))
            rendered = _render_without_figures(basis, kept)
        took = perf_counter() - started
        self._observe(took)
        rested_at = perf_counter() + min(self._rest * took, LONGEST_REST_SECONDS)
        self._keep(project, msgspec.structs.replace(rendered, rested_at=rested_at))

    def _keep(self, project: ProjectRef, rendered: _RenderedProject) -> None:
        before = self._kept.get(project)
        self._experiments += rendered.experiments - (before.experiments if before else 0)
        self._kept[project] = rendered


DOMAIN_METRICS = web.AppKey("domain_metrics", DomainMetrics)


def _in_chunks(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the pieces joined to chunks."""
    chunk: list[bytes] = []
    size = 0
    for piece in pieces:
        chunk.append(piece)
        size += len(piece)
        if size >= CHUNK_BYTES:
            yield b"".join(chunk)
            chunk, size = [], 0
    yield b"".join(chunk)


def _render_project(
    part: Part, basis: _RenderedFrom, kept: _RenderedProject | None, now: datetime
) -> _RenderedProject:
    """Render a project; what only other parts of it change is taken over."""
    with_experiments = basis.with_experiments
    is_same = (
        kept is not None
        and kept.basis.with_experiments == with_experiments
        and kept.basis.steady == basis.steady
    )
    steady = (
        kept.steady if kept is not None and is_same else steady_lines(part, with_experiments=with_experiments)
    )
    timed = timed_lines(part, now, with_experiments=with_experiments)
    fresh = kept.fresh if kept is not None else _NO_LINES
    return _RenderedProject(
        basis=basis,
        freshness=kept.freshness if kept is not None else {},
        experiments=len(experiments_of(part)),
        steady=steady,
        timed=timed,
        fresh=fresh,
        lines={**steady, **timed.lines, **fresh},
        groups=kept.groups if kept is not None and is_same else group_scores(part),
    )


def _render_without_figures(basis: _RenderedFrom, kept: _RenderedProject | None) -> _RenderedProject:
    """Return a project without figures: old ones would be taken for present ones."""
    return _RenderedProject(
        basis=basis,
        freshness=kept.freshness if kept is not None else {},
        experiments=0,
        steady=_NO_LINES,
        timed=TimedLines(lines=_NO_LINES, due_at=None),
        fresh=kept.fresh if kept is not None else _NO_LINES,
        lines=kept.fresh if kept is not None else _NO_LINES,
        groups={},
    )


def _with_freshness(
    kept: _RenderedProject, project: ProjectRef, freshness: Mapping[Section, Freshness]
) -> _RenderedProject:
    fresh = freshness_lines(project, freshness)
    return msgspec.structs.replace(
        kept,
        freshness=freshness,
        fresh=fresh,
        lines={**kept.steady, **kept.timed.lines, **fresh},
    )
