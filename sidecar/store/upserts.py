"""Many rows written at once, each over the one with its key, in a statement that is built once.

SQLite is given the rows one by one, within this process. PostgreSQL plans and answers every
statement, so it is given all rows as one JSON value: a fifth of the time, for both sides.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

import msgspec
from sqlalchemy import Table, Text, bindparam, cast, column, func, select
from sqlalchemy.dialects.postgresql import JSON
from sqlalchemy.ext.asyncio import AsyncConnection

from sidecar.store.engine.database import Database
from sidecar.store.statements import CHUNK

_ROWS: Final = "rows"


class Upsert:
    """Writes whole rows of one table, whose numbers are finite and whose texts both engines keep."""

    def __init__(
        self, database: Database, table: Table, key: Sequence[str], *, added: Collection[str] = ()
    ) -> None:
        """Build the statement.

        Args:
            database: Where it is executed.
            table: What is written; every column of it is given, none of them is binary.
            key: The columns that a row is found by; no two rows that are written together share them.
            added: Columns whose value is added to the one that is there, instead of put in its place.
        """
        self._is_sqlite = database.is_sqlite
        insert = database.insert(table)
        rows = insert if self._is_sqlite else _of_json(insert, table)
        self._statement: Final = rows.on_conflict_do_update(
            index_elements=key,
            set_={
                one.name: one + insert.excluded[one.name] if one.name in added else insert.excluded[one.name]
                for one in table.c
                if one.name not in key
            },
        )

    async def write(self, connection: AsyncConnection, rows: Sequence[Mapping[str, object]]) -> None:
        """Write the rows."""
        for start in range(0, len(rows), CHUNK):
            chunk = rows[start : start + CHUNK]
            given: Any = chunk if self._is_sqlite else {_ROWS: msgspec.json.encode(chunk).decode()}
            await connection.execute(self._statement, given)


def _of_json(insert: Any, table: Table) -> Any:
    given = (
        func.json_to_recordset(cast(bindparam(_ROWS, type_=Text()), JSON))
        .table_valued(*(column(one.name, one.type) for one in table.c), name="given")
        .render_derived(with_types=True)
    )
    return insert.from_select([one.name for one in table.c], select(*given.c))
