"""The history of runs in the database.

Moments are kept to the millisecond. Writing is one transaction under the
job's lease; the version of a project's history rises in the same one.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

import msgspec
from sqlalchemy import (
    ColumnElement,
    Row,
    Select,
    and_,
    bindparam,
    case,
    delete,
    exists,
    func,
    or_,
    select,
    tuple_,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from sidecar.domain.model import ProjectRef
from sidecar.domain.ports import HistoryChange, Lease, RunQuery
from sidecar.domain.runs import OUTCOME_OF_PHASE, HistoryState, KnownExperiment, Outcome, Run
from sidecar.store.engine.database import Database
from sidecar.store.history_rows import (
    EXPERIMENT_COLUMNS,
    NAMED_COLUMNS,
    OF_EXPERIMENT,
    RUN_COLUMNS,
    StoredState,
    experiment_of,
    experiment_values,
    run_of,
    run_values,
    state_of,
    state_values,
    storable_run,
    storable_state,
)
from sidecar.store.run_merging import Key, RunMerge, key_of
from sidecar.store.schema import history_state, known_experiments, projects, run_totals, runs
from sidecar.store.statements import (
    CHUNK,
    PROJECT_KEY,
    fetched,
    project_key,
    project_of,
    project_values,
    read_rows,
    require_lease,
)
from sidecar.store.upserts import Upsert

_KEY: Final = (runs.c.project, runs.c.experiment_id, runs.c.identity)
_STATE: Final = select(history_state).where(history_state.c.project == PROJECT_KEY)
_STATES: Final = select(history_state, projects.c.instance, projects.c.project_id).join(
    projects, projects.c.id == history_state.c.project
)
_REVISIONS: Final = _STATES.with_only_columns(
    history_state.c.project, projects.c.instance, projects.c.project_id, history_state.c.revision
)
_LOCK_STATE: Final = (
    select(history_state.c.version, history_state.c.revision, history_state.c.pruned_before_ms)
    .where(history_state.c.project == bindparam("key"))
    .with_for_update()
)
_EXPERIMENTS_OF: Final = (
    select(*EXPERIMENT_COLUMNS)
    .where(known_experiments.c.project == PROJECT_KEY)
    .order_by(known_experiments.c.experiment_id)
)


class SqlHistory:
    """:class:`ports.History` in the database; states come with their revisions."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._runs = Upsert(database, runs, ["project", "experiment_id", "identity"])
        self._totals = Upsert(database, run_totals, ["project", "experiment_id", "outcome"], added=["total"])
        self._experiments = Upsert(database, known_experiments, ["project", "experiment_id"])
        self._same = _same_runs(database)
        self._same_experiments = select(known_experiments).where(
            known_experiments.c.project == bindparam("project"),
            database.among(known_experiments.c.experiment_id, "experiment_ids"),
        )
        self._states = _STATES.where(database.among(history_state.c.project, "keys"))
        insert = database.insert(history_state)
        self._save_state = insert.on_conflict_do_update(
            index_elements=["project"],
            set_={one.name: insert.excluded[one.name] for one in history_state.c if one.name != "project"},
        )

    async def state(self, project: ProjectRef) -> StoredState:
        """See :meth:`ports.History.state`."""
        async with self._database.reading() as connection:
            row = (await connection.execute(_STATE, project_values(project))).one_or_none()
        return StoredState(state=HistoryState(), revision=0) if row is None else state_of(row)

    async def states(self, known: Mapping[ProjectRef, int]) -> Mapping[ProjectRef, StoredState]:
        """Return the states of all projects but those whose revision is the known one."""
        async with self._database.reading() as connection:
            rows = await fetched(await connection.execute(_REVISIONS))
        stored = await read_rows(rows, _revision_of)
        wanted = [key for key, project, revision in stored if known.get(project) != revision]
        found: dict[ProjectRef, StoredState] = {}
        for start in range(0, len(wanted), CHUNK):
            given = {"keys": wanted[start : start + CHUNK]}
            async with self._database.reading() as connection:
                rows = await fetched(await connection.execute(self._states, given))
            found.update(await read_rows(rows, _project_and_state))
        return found

    async def record(self, lease: Lease, change: HistoryChange) -> StoredState:
        """See :meth:`ports.History.record`."""
        async with self._database.writing() as connection:
            project = await require_lease(connection, lease)
            before = (await connection.execute(_LOCK_STATE, {"key": project})).one_or_none()
            pruned_before_ms = before.pruned_before_ms if before else None
            changed = await self._save_runs(connection, project, change, pruned_before_ms)
            changed |= await self._save_experiments(connection, project, change.experiments)
            version, revision = (before.version, before.revision) if before else (0, 0)
            state = storable_state(msgspec.structs.replace(change.state, version=version + changed))
            values = {
                "project": project,
                "revision": revision + 1,
                "pruned_before_ms": pruned_before_ms,
                **state_values(state),
            }
            await connection.execute(self._save_state, values)
        return StoredState(state=state, revision=revision + 1)

    async def _save_runs(
        self, connection: AsyncConnection, project: int, change: HistoryChange, pruned_before_ms: int | None
    ) -> bool:
        """Write what differs and what counts; tell whether anything did."""
        incoming = [storable_run(run) for run in change.runs]
        gone = [storable_run(run) for run in change.removed_runs]
        same, counted = await self._load_same(connection, project, [*incoming, *gone])
        merge = RunMerge(same, counted=counted, pruned_before_ms=pruned_before_ms)
        before = merge.by_key()
        for run in incoming:
            merge.put(run)
        for run in gone:
            merge.mark_removed(run)
        after = merge.by_key()
        dropped = [(project, *key) for key in before.keys() - after.keys()]
        for start in range(0, len(dropped), CHUNK):
            await connection.execute(delete(runs).where(tuple_(*_KEY).in_(dropped[start : start + CHUNK])))
        changed = [
            {**run_values(project, run), "counted": key in merge.counted}
            for key, run in after.items()
            if before.get(key) != run or (key in merge.counted) != (key in counted)
        ]
        await self._runs.write(connection, changed)
        await self._add_to_totals(connection, project, merge.newly_counted)
        return bool(dropped or changed)

    async def _load_same(
        self, connection: AsyncConnection, project: int, wanted: Sequence[Run]
    ) -> tuple[list[Run], set[Key]]:
        """Return the stored runs that may be the same as one of these, and which of them are counted."""
        found: dict[Key, Run] = {}
        counted: set[Key] = set()
        for start in range(0, len(wanted), CHUNK):
            chunk = wanted[start : start + CHUNK]
            given = {
                "project": project,
                "experiment_ids": list({run.experiment_id for run in chunk}),
                "identities": list({key_of(run)[1] for run in chunk}),
                "moments": list({run.created_at_ms for run in chunk}),
            }
            for row in await connection.execute(self._same, given):
                run = run_of(row[:-1])
                found[key_of(run)] = run
                if row.counted:
                    counted.add(key_of(run))
        return list(found.values()), counted

    async def _add_to_totals(
        self, connection: AsyncConnection, project: int, counted: Counter[tuple[str, Outcome]]
    ) -> None:
        values = [
            {"project": project, "experiment_id": experiment_id, "outcome": outcome.value, "total": number}
            for (experiment_id, outcome), number in counted.items()
        ]
        await self._totals.write(connection, values)

    async def _save_experiments(
        self, connection: AsyncConnection, project: int, experiments: Sequence[KnownExperiment]
    ) -> bool:
        is_changed = False
        for start in range(0, len(experiments), CHUNK):
            incoming = [experiment_values(project, one) for one in experiments[start : start + CHUNK]]
            latest = {values["experiment_id"]: values for values in incoming}
            given = {"project": project, "experiment_ids": list(latest)}
            rows = (await connection.execute(self._same_experiments, given)).mappings()
            known = {row["experiment_id"]: dict(row) for row in rows}
            changed = [values for key, values in latest.items() if values != known.get(key)]
            await self._experiments.write(connection, changed)
            is_changed |= bool(changed)
        return is_changed

    async def runs(self, project: ProjectRef, query: RunQuery) -> Sequence[Run]:
        """See :meth:`ports.History.runs`."""
        order = (runs.c.created_at_ms, runs.c.experiment_id, runs.c.experiment_run_id)
        statement = (
            select(*NAMED_COLUMNS)
            .outerjoin_from(runs, known_experiments, OF_EXPERIMENT)
            .where(runs.c.project == project_key(project), *_conditions(query))
            .order_by(*(column.desc() for column in order))
            .limit(query.limit)
        )
        if query.after is not None:
            statement = statement.where(tuple_(*order) < query.after)
        async with self._database.reading() as connection:
            rows = await fetched(await connection.execute(statement))
        return await read_rows(rows, run_of)

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
            rows = await fetched(await connection.execute(_EXPERIMENTS_OF, project_values(project)))
        return await read_rows(rows, experiment_of)

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


def _revision_of(row: Row[Any]) -> tuple[int, ProjectRef, int]:
    return row.project, project_of(row), row.revision


def _project_and_state(row: Row[Any]) -> tuple[ProjectRef, StoredState]:
    return project_of(row), state_of(row)


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


def _same_runs(database: Database) -> Select[Any]:
    """Return the statement that finds the runs which may be the same as some, by experiment, key and time."""
    return select(*RUN_COLUMNS, runs.c.counted).where(
        runs.c.project == bindparam("project"),
        database.among(runs.c.experiment_id, "experiment_ids"),
        or_(
            database.among(runs.c.identity, "identities"),
            database.among(runs.c.created_at_ms, "moments"),
        ),
    )
