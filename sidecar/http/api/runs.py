"""The run history of an entity: JSON in pages, CSV whole."""

import csv
import io
import re
from collections.abc import Callable, Collection, Sequence
from typing import Annotated, Final

import msgspec
import structlog
from aiohttp import web

from sidecar.domain.errors import BadRequestError, StoreError
from sidecar.domain.ports import RunQuery
from sidecar.domain.runs import OUTCOME_OF_PHASE, Outcome, Run
from sidecar.domain.unix_time import ceil_ms, from_ms
from sidecar.http.answers.cache import Answer, conditional_response
from sidecar.http.answers.csv_cells import safe_cell
from sidecar.http.answers.sending import SENDING_BUDGET
from sidecar.http.answers.times import rfc3339
from sidecar.http.api.entities import covered_experiments
from sidecar.http.reading.entity import EntityReading, read_entity
from sidecar.http.reading.paging import RowId, decode_cursor, encode_cursor, read_limit, single
from sidecar.http.reading.parameters import LONGEST_TEXT, read_span, read_text
from sidecar.http.services import (
    SERVICES,
    Services,
)
from sidecar.http.shapes.common import history_shape, narrowing_shape, run_shape, section_shapes
from sidecar.http.shapes.runs import RUNS_SECTIONS, RunListShape

_log = structlog.get_logger(__name__)

RUNS_AT_ONCE: Final = 200
CSV_COLUMNS: Final = (
    "experimentID",
    "experimentName",
    "experimentRunID",
    "phase",
    "outcome",
    "resiliencyScore",
    "createdAt",
    "updatedAt",
    "runSequence",
    "startedBy",
    "faultsPassed",
    "faultsFailed",
    "faultsTotal",
    "removed",
)
_UNSAFE_IN_NAMES: Final = re.compile(r"[^a-z0-9._-]")
_Id = Annotated[str, msgspec.Meta(max_length=LONGEST_TEXT, pattern=r"\A[^\0]*\Z")]
Position = tuple[RowId, _Id, _Id]
"""Of a run in the list: its creation in milliseconds, its experiment's id and its own."""


async def runs(request: web.Request) -> web.StreamResponse:
    """Give an entity's runs, newest first."""
    services = request.app[SERVICES]
    form = single(request, "format") or "json"
    if form not in {"json", "csv"}:
        raise BadRequestError("Parameter 'format' must be json or csv.", parameter="format")
    wanted = read_filters(lambda name: single(request, name))
    limit = read_limit(request)
    after = read_position(request)
    reading = await read_entity(request, services, RUNS_SECTIONS)
    if form == "csv":
        return await stream_csv(request, reading, wanted)
    shape = await read_runs(services, reading, wanted, after=after, limit=limit)
    return conditional_response(request, Answer(shape, as_of=reading.digest.state.synced_at))


async def read_runs(
    services: Services, reading: EntityReading, wanted: RunQuery, *, after: Position | None, limit: int
) -> RunListShape:
    """Return one page of an entity's runs, for every answer that shows them.

    Raises:
        StoreError: If the history cannot be read.
    """
    wanted = _narrowed(wanted, covered_experiments(reading))
    found = await services.history.runs(
        reading.entity.project, msgspec.structs.replace(wanted, after=after, limit=limit + 1)
    )
    shown = found[:limit]
    return RunListShape(
        entity_ref=reading.entity.ref,
        as_of=rfc3339(reading.digest.state.synced_at),
        stale=reading.age.stale,
        runs=[run_shape(run, reading.links) for run in shown],
        history=history_shape(reading.digest.state),
        narrowed_to=narrowing_shape(reading.entity),
        sections=section_shapes(reading.snapshot, RUNS_SECTIONS, reading.age),
        next_cursor=encode_cursor(_position(shown[-1])) if len(found) > limit else None,
    )


def read_filters(given: Callable[[str], str | None]) -> RunQuery:
    """Return the filters that the parameters name; ``given`` returns one by its name.

    Raises:
        BadRequestError: Names the parameter.
    """
    outcomes = _outcomes(given("outcome"))
    phase, experiment = read_text(given, "phase"), read_text(given, "experiment")
    since, until = read_span(given)
    phases: Collection[str] | None = None
    if outcomes is not None:
        phases = [name for name, outcome in OUTCOME_OF_PHASE.items() if outcome in outcomes]
    other = outcomes is not None and Outcome.OTHER in outcomes
    if phase is not None:
        other_fits = other and phase not in OUTCOME_OF_PHASE
        phases = [phase] if phases is None or phase in phases or other_fits else []
        other = False
    return RunQuery(
        since_ms=None if since is None else ceil_ms(since),
        until_ms=None if until is None else ceil_ms(until),
        experiment_ids=None if experiment is None else (experiment,),
        phases=phases,
        other_phases=other,
    )


def csv_text(rows: Sequence[Run], *, header: bool) -> str:
    """Return runs as CSV (RFC 4180), with the columns' names before them if ``header``."""
    out = io.StringIO()
    writer = csv.writer(out)
    if header:
        writer.writerow(CSV_COLUMNS)
    for run in rows:
        faults = run.faults
        values = (
            run.experiment_id,
            run.experiment_name,
            run.experiment_run_id,
            run.phase,
            run.outcome.value,
            run.resiliency_score if run.is_scored else None,
            rfc3339(from_ms(run.created_at_ms)),
            rfc3339(from_ms(run.updated_at_ms)),
            run.run_sequence,
            run.updated_by,
            faults and faults.passed,
            faults and faults.failed,
            faults and faults.total,
            str(run.removed).lower(),
        )
        writer.writerow([safe_cell(value) for value in values])
    return out.getvalue()


async def stream_csv(request: web.Request, reading: EntityReading, wanted: RunQuery) -> web.StreamResponse:
    """Send all runs that are wanted, in steps: neither memory nor the event loop holds them at once.

    Raises:
        BusyError: If too much is being sent that clients do not take.
    """
    async with request.app[SENDING_BUDGET].streaming():
        return await _write_csv(request, reading, wanted)


async def _write_csv(request: web.Request, reading: EntityReading, wanted: RunQuery) -> web.StreamResponse:
    wanted = _narrowed(wanted, covered_experiments(reading))
    history, turns = request.app[SERVICES].history, request.app[SERVICES].turns
    name = reading.entity.ref.rpartition("/")[2]
    response = web.StreamResponse(
        headers={
            "Content-Type": "text/csv; charset=utf-8; header=present",
            "Content-Disposition": f'attachment; filename="{_UNSAFE_IN_NAMES.sub("-", name)}-runs.csv"',
            "Cache-Control": "private, no-store",
        }
    )
    after: Position | None = None
    while True:
        try:
            part = await history.runs(
                reading.entity.project, msgspec.structs.replace(wanted, after=after, limit=RUNS_AT_ONCE)
            )
        except StoreError as exc:
            if not response.prepared:
                raise
            # Neither an end, which would make half a file look whole, nor a second answer within this one.
            _log.warning("csv cut off", entity=reading.entity.ref, reason=str(exc))
            if request.transport is not None:
                request.transport.abort()
            return response
        if not response.prepared:
            # Prepared only now: an error of the first step can still become a problem document.
            await response.prepare(request)
            if request.method == "HEAD":
                break
        text = await turns.aside(csv_text, part, header=after is None)
        await response.write(text.encode())
        if len(part) < RUNS_AT_ONCE:
            break
        after = _position(part[-1])
    await response.write_eof()
    return response


def _narrowed(wanted: RunQuery, covered: Collection[str] | None) -> RunQuery:
    if covered is None:
        return wanted
    asked = wanted.experiment_ids
    kept = covered if asked is None else [one for one in asked if one in covered]
    return msgspec.structs.replace(wanted, experiment_ids=kept)


def _position(run: Run) -> Position:
    return run.created_at_ms, run.experiment_id, run.experiment_run_id


def read_position(request: web.Request) -> Position | None:
    """Return the run after which the page begins; ``None``: it is the first page.

    Raises:
        BadRequestError: Names ``cursor``.
    """
    after: Position | None = decode_cursor(request, Position)
    return after


def _outcomes(text: str | None) -> frozenset[Outcome] | None:
    if text is None:
        return None
    try:
        return frozenset(Outcome(name) for name in text.split(","))
    except ValueError as exc:
        known = ", ".join(Outcome)
        raise BadRequestError(
            f"Parameter 'outcome' must be one or more of {known}, separated by commas.", parameter="outcome"
        ) from exc
