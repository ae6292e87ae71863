"""The history of runs in the database.

Moments are kept to the millisecond. Writing is one transaction under the
job's lease; the version of a project's history rises in the same one.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

import msgspec
from sqlalchemy import ColumnElement, Row, and_, case, delete, exists, func, or_, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncConnection

from sidecar.domain.model import ProjectRef
from sidecar.domain.ports import HistoryChange, Lease, RunQuery
from sidecar.domain.runs import OUTCOME_OF_PHASE, Faults, HistoryState, KnownExperiment, Outcome, Run
from sidecar.store.engine.database import Database, to_ms
from sidecar.store.json_bodies import Bodies
from sidecar.store.run_book import Key, RunBook, key_of
from sidecar.store.schema import history_state, known_experiments, projects, run_totals, runs
from sidecar.store.statements import CHUNK, from_ms, project_key, require_lease, safe_int, safe_text

_KEY: Final = (runs.c.project, runs.c.experiment_id, runs.c.identity)


class StoredState(msgspec.Struct, frozen=True, kw_only=True):
    """A project's state as its row has it."""

    state: HistoryState
    revision: int
    """Rises with every write of the row; 0: there is none."""


class SqlHistory:
    """:class:`ports.History` in the database; states come with their revisions."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def state(self, project: ProjectRef) -> StoredState:
        """See :meth:`ports.History.state`."""
        async with self._database.reading() as connection:
            rows = await connection.execute(
                select(history_state).where(history_state.c.project == project_key(project))
            )
            row = rows.one_or_none()
        return StoredState(state=HistoryState(), revision=0) if row is None else _state(row)

    async def states(self) -> Mapping[ProjectRef, StoredState]:
        """See :meth:`ports.History.states`."""
        statement = select(history_state, projects.c.instance, projects.c.project_id).join(
            projects, projects.c.id == history_state.c.project
        )
        async with self._database.reading() as connection:
            rows = (await connection.execute(statement)).all()
        return {ProjectRef(instance=row.instance, project_id=row.project_id): _state(row) for row in rows}

    async def record(self, lease: Lease, change: HistoryChange) -> StoredState:
        """See :meth:`ports.History.record`."""
        async with self._database.writing() as connection:
            project = await require_lease(connection, lease)
            before = (
                await connection.execute(
                    select(
                        history_state.c.version, history_state.c.revision, history_state.c.pruned_before_ms
                    )
                    .where(history_state.c.project == project)
                    .with_for_update()
                )
            ).one_or_none()
            pruned_before_ms = before.pruned_before_ms if before else None
            changed = await self._save_runs(connection, project, change, pruned_before_ms)
            changed |= await self._save_experiments(connection, project, change.experiments)
            version, revision = (before.version, before.revision) if before else (0, 0)
            state = _as_stored(msgspec.structs.replace(change.state, version=version + changed))
            values = {
                "project": project,
                "revision": revision + 1,
                "pruned_before_ms": pruned_before_ms,
                **_state_values(state),
            }
            await connection.execute(_upsert(self._database, history_state, ["project"]), [values])
        return StoredState(state=state, revision=revision + 1)

    async def _save_runs(
        self, connection: AsyncConnection, project: int, change: HistoryChange, pruned_before_ms: int | None
    ) -> bool:
        """Write what differs and what counts; tell whether anything did."""
        told = [_storable(run) for run in change.runs]
        gone = [_storable(run) for run in change.removed_runs]
        same, counted = await _load_same(connection, project, [*told, *gone])
        book = RunBook(same, counted=counted, pruned_before_ms=pruned_before_ms)
        before = book.by_key()
        for run in told:
            book.put(run)
        for run in gone:
            book.mark_removed(run)
        after = book.by_key()
        dropped = [(project, *key) for key in before.keys() - after.keys()]
        for start in range(0, len(dropped), CHUNK):
            await connection.execute(delete(runs).where(tuple_(*_KEY).in_(dropped[start : start + CHUNK])))
        changed = [
            {**_run_values(project, run), "counted": key in book.counted}
            for key, run in after.items()
            if before.get(key) != run or (key in book.counted) != (key in counted)
        ]
        upsert = _upsert(self._database, runs, ["project", "experiment_id", "identity"])
        for start in range(0, len(changed), CHUNK):
            await connection.execute(upsert, changed[start : start + CHUNK])
        await self._add_to_totals(connection, project, book.newly_counted)
        return bool(dropped or changed)

    async def _add_to_totals(
        self, connection: AsyncConnection, project: int, counted: Counter[tuple[str, Outcome]]
    ) -> None:
        values = [
            {"project": project, "experiment_id": experiment_id, "outcome": outcome.value, "total": number}
            for (experiment_id, outcome), number in counted.items()
        ]
        insert = self._database.insert(run_totals)
        add = insert.on_conflict_do_update(
            index_elements=["project", "experiment_id", "outcome"],
            set_={"total": run_totals.c.total + insert.excluded.total},
        )
        for start in range(0, len(values), CHUNK):
            await connection.execute(add, values[start : start + CHUNK])

    async def _save_experiments(
        self, connection: AsyncConnection, project: int, experiments: Sequence[KnownExperiment]
    ) -> bool:
        known = {row["experiment_id"]: row for row in await _load_experiments(connection, project)}
        told = {one.experiment_id: one for one in experiments}
        changed = [
            values
            for one in told.values()
            if (values := _experiment_values(project, one)) != known.get(values["experiment_id"])
        ]
        upsert = _upsert(self._database, known_experiments, ["project", "experiment_id"])
        for start in range(0, len(changed), CHUNK):
            await connection.execute(upsert, changed[start : start + CHUNK])
        return bool(changed)

    async def runs(self, project: ProjectRef, query: RunQuery) -> Sequence[Run]:
        """See :meth:`ports.History.runs`."""
        order = (runs.c.created_at_ms, runs.c.experiment_id, runs.c.experiment_run_id)
        statement = (
            select(*_NAMED_COLUMNS)
            .outerjoin_from(runs, known_experiments, _OF_EXPERIMENT)
            .where(runs.c.project == project_key(project), *_conditions(query))
            .order_by(*(column.desc() for column in order))
            .limit(query.limit)
        )
        if query.after is not None:
            statement = statement.where(tuple_(*order) < query.after)
        async with self._database.reading() as connection:
            rows = await connection.execute(statement)
            return [_run(row) for row in rows]

    async def count(self, project: ProjectRef, experiment_ids: Collection[str]) -> int:
        """See :meth:`ports.History.count`."""
        statement = select(func.count()).where(
            runs.c.project == project_key(project),
            runs.c.experiment_id.in_(sorted(experiment_ids)),
            runs.c.removed.is_(False),
        )
        async with self._database.reading() as connection:
            return await connection.scalar(statement) or 0

    async def experiments(self, project: ProjectRef) -> Sequence[KnownExperiment]:
        """See :meth:`ports.History.experiments`."""
        async with self._database.reading() as connection:
            rows = await _load_experiments(connection, project_key(project))
        return [_experiment(row) for row in rows]

    async def totals(self, project: ProjectRef) -> Mapping[str, Mapping[Outcome, int]]:
        """See :meth:`ports.History.totals`."""
        statement = select(run_totals.c.experiment_id, run_totals.c.outcome, run_totals.c.total).where(
            run_totals.c.project == project_key(project)
        )
        totals: defaultdict[str, dict[Outcome, int]] = defaultdict(dict)
        async with self._database.reading() as connection:
            for row in await connection.execute(statement):
                totals[row.experiment_id][Outcome(row.outcome)] = row.total
        return dict(totals)

    async def prune(self, before_ms: int, at_most: int) -> int:
        """See :meth:`ports.History.prune`; works project by project, along the index."""
        left = at_most
        async with self._database.writing() as connection:
            while left > 0:
                old = and_(runs.c.project == projects.c.id, runs.c.created_at_ms < before_ms)
                project = await connection.scalar(select(projects.c.id).where(exists().where(old)).limit(1))
                if project is None:
                    break
                # First the row that record() locks first, too.
                await connection.execute(
                    update(history_state)
                    .where(history_state.c.project == project)
                    .values(
                        version=history_state.c.version + 1,
                        revision=history_state.c.revision + 1,
                        pruned_before_ms=case(
                            (
                                history_state.c.pruned_before_ms > before_ms,
                                history_state.c.pruned_before_ms,
                            ),
                            else_=before_ms,
                        ),
                    )
                )
                oldest = (
                    select(*_KEY)
                    .where(runs.c.project == project, runs.c.created_at_ms < before_ms)
                    .order_by(runs.c.created_at_ms)
                    .limit(left)
                )
                left -= (await connection.execute(delete(runs).where(tuple_(*_KEY).in_(oldest)))).rowcount
        return at_most - left


def _conditions(query: RunQuery) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if query.since_ms is not None:
        conditions.append(runs.c.created_at_ms >= query.since_ms)
    if query.until_ms is not None:
        conditions.append(runs.c.created_at_ms < query.until_ms)
    if query.experiment_ids is not None:
        conditions.append(runs.c.experiment_id.in_(sorted(query.experiment_ids)))
    if query.phases is not None:
        wanted: ColumnElement[bool] = runs.c.phase.in_(sorted(query.phases))
        if query.other_phases:
            wanted = or_(wanted, runs.c.phase.not_in(sorted(OUTCOME_OF_PHASE)))
        conditions.append(wanted)
    return conditions


async def _load_same(
    connection: AsyncConnection, project: int, told: Collection[Run]
) -> tuple[list[Run], set[Key]]:
    """Return the stored runs that may be the same as one of these, and which of them are counted."""
    found: dict[Key, Run] = {}
    counted: set[Key] = set()
    wanted = list(told)
    for start in range(0, len(wanted), CHUNK):
        chunk = wanted[start : start + CHUNK]
        rows = await connection.execute(
            select(*_RUN_COLUMNS, runs.c.counted).where(
                runs.c.project == project,
                runs.c.experiment_id.in_({run.experiment_id for run in chunk}),
                or_(
                    runs.c.identity.in_({key_of(run)[1] for run in chunk}),
                    runs.c.created_at_ms.in_({run.created_at_ms for run in chunk}),
                ),
            )
        )
        for row in rows:
            run = _run(row[:-1])
            found[key_of(run)] = run
            if row.counted:
                counted.add(key_of(run))
    return list(found.values()), counted


async def _load_experiments(connection: AsyncConnection, project: Any) -> list[Any]:
    statement = (
        select(known_experiments)
        .where(known_experiments.c.project == project)
        .order_by(known_experiments.c.experiment_id)
    )
    return [dict(row) for row in (await connection.execute(statement)).mappings()]


def _upsert(database: Database, table: Any, key: list[str]) -> Any:
    insert = database.insert(table)
    values = {column.name: insert.excluded[column.name] for column in table.c if column.name not in key}
    return insert.on_conflict_do_update(index_elements=key, set_=values)


def _storable(run: Run) -> Run:
    """Return the run with values both engines keep, before identities are compared."""
    return msgspec.structs.replace(
        run,
        experiment_id=safe_text(run.experiment_id),
        experiment_name=safe_text(run.experiment_name),
        experiment_run_id=safe_text(run.experiment_run_id),
        phase=safe_text(run.phase),
        created_at_ms=safe_int(run.created_at_ms),
        updated_at_ms=safe_int(run.updated_at_ms),
        run_sequence=None if run.run_sequence is None else safe_int(run.run_sequence),
        updated_by=None if run.updated_by is None else safe_text(run.updated_by),
    )


def _run_values(project: int, run: Run) -> dict[str, object]:
    faults = run.faults
    counts = faults and [
        faults.passed,
        faults.failed,
        faults.awaited,
        faults.stopped,
        faults.na,
        faults.total,
    ]
    return {
        "project": project,
        "experiment_id": run.experiment_id,
        "identity": key_of(run)[1],
        "experiment_run_id": run.experiment_run_id,
        "experiment_name": run.experiment_name,
        "phase": run.phase,
        "resiliency_score": run.resiliency_score,
        "created_at_ms": run.created_at_ms,
        "updated_at_ms": run.updated_at_ms,
        "run_sequence": run.run_sequence,
        "updated_by": run.updated_by,
        "faults": counts and msgspec.json.encode(counts).decode(),
        "removed": run.removed,
    }


_RUN_COLUMNS: Final = tuple(runs.c[field.name] for field in msgspec.structs.fields(Run))
"""The columns of a run, in the order of its fields: they are read by the thousand."""
_OF_EXPERIMENT: Final = and_(
    known_experiments.c.project == runs.c.project,
    known_experiments.c.experiment_id == runs.c.experiment_id,
)
_NAMED_COLUMNS: Final = tuple(
    func.coalesce(known_experiments.c.name, column) if column.name == "experiment_name" else column
    for column in _RUN_COLUMNS
)
"""The same for readers: a run bears the name that its experiment has now, as in Litmus."""
_FAULTS_AT: Final = next(place for place, column in enumerate(_RUN_COLUMNS) if column.name == "faults")
_COUNTS: Final = msgspec.json.Decoder(tuple[int, int, int, int, int, int])
_TAGS: Final = msgspec.json.Decoder(tuple[str, ...])
_RUN_BODIES: Final = Bodies("runs")
_EXPERIMENT_BODIES: Final = Bodies("known_experiments")
_RUN_FIELDS: Final = tuple(column.name for column in _RUN_COLUMNS)


def _run(row: Sequence[Any]) -> Run:
    values = dict(zip(_RUN_FIELDS, row, strict=True))
    if row[_FAULTS_AT] is not None:
        values["faults"] = _faults(row[_FAULTS_AT], (values["experiment_id"], values["experiment_run_id"]))
    return Run(**values)


def _faults(text: str, run: tuple[str, str]) -> Faults | None:
    counts = _RUN_BODIES.read(_COUNTS, run, text)
    if counts is None:
        return None
    passed, failed, awaited, stopped, na, total = counts
    return Faults(passed=passed, failed=failed, awaited=awaited, stopped=stopped, na=na, total=total)


def _experiment_values(project: int, one: KnownExperiment) -> dict[str, object]:
    return {
        "project": project,
        "experiment_id": safe_text(one.experiment_id),
        "name": safe_text(one.name),
        "infra_id": None if one.infra_id is None else safe_text(one.infra_id),
        "tags": msgspec.json.encode(one.tags).decode(),
        "first_seen_at_ms": to_ms(one.first_seen_at),
        "removed_at_ms": None if one.removed_at is None else to_ms(one.removed_at),
    }


def _experiment(row: Mapping[str, Any]) -> KnownExperiment:
    first_seen_at = from_ms(row["first_seen_at_ms"])
    assert first_seen_at is not None  # noqa: S101 - the column is NOT NULL
    return KnownExperiment(
        experiment_id=row["experiment_id"],
        name=row["name"],
        infra_id=row["infra_id"],
        tags=_EXPERIMENT_BODIES.read(_TAGS, row["experiment_id"], row["tags"]) or (),
        first_seen_at=first_seen_at,
        removed_at=from_ms(row["removed_at_ms"]),
    )


def _state_values(state: HistoryState) -> dict[str, object]:
    return {
        "version": state.version,
        "watermark_ms": state.watermark_ms,
        "is_complete": state.is_complete,
        "first_synced_at_ms": state.first_synced_at and to_ms(state.first_synced_at),
        "synced_at_ms": state.synced_at and to_ms(state.synced_at),
        "reconciled_at_ms": state.reconciled_at and to_ms(state.reconciled_at),
        "progress": state.progress,
    }


def _as_stored(state: HistoryState) -> HistoryState:
    """Return the state with times as the columns keep them.

    Else it would seem to change when it is read back, and every answer made from it with it.
    """
    return msgspec.structs.replace(
        state,
        first_synced_at=state.first_synced_at and from_ms(to_ms(state.first_synced_at)),
        synced_at=state.synced_at and from_ms(to_ms(state.synced_at)),
        reconciled_at=state.reconciled_at and from_ms(to_ms(state.reconciled_at)),
    )


def _state(row: Row[Any]) -> StoredState:
    state = HistoryState(
        version=row.version,
        watermark_ms=row.watermark_ms,
        is_complete=row.is_complete,
        first_synced_at=from_ms(row.first_synced_at_ms),
        synced_at=from_ms(row.synced_at_ms),
        reconciled_at=from_ms(row.reconciled_at_ms),
        progress=row.progress,
    )
    return StoredState(state=state, revision=row.revision)
