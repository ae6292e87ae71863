"""How we connect to PostgreSQL, or to a pooler before it that lends its sessions for one transaction.

Such a pooler (PgBouncer with ``pool_mode=transaction``) gives each transaction
any session: nothing may be kept in one. So no statement is prepared on the
server, locks end with their transaction, and our timeouts are neither options
of the start, which poolers refuse, nor settings of the session, which others
would find there, but part of the statement that begins each transaction.
"""

from typing import Any, Final

from sqlalchemy import Engine, create_engine, event
from sqlalchemy.engine import Connection
from sqlalchemy.pool import NullPool

from sidecar.config.store_url import StoreAddress

CONNECT_TIMEOUT_SECONDS: Final = 5
"""For each host of the address."""


def connect_args(address: StoreAddress, **defaults: Any) -> dict[str, Any]:
    """Return what the driver is given; what the address says itself counts more than our defaults."""
    return {
        "connect_timeout": CONNECT_TIMEOUT_SECONDS,
        "application_name": "litmus-sidecar",
        **defaults,
        **address.parameters,
        # The driver begins no transactions by itself; we say when and how.
        "autocommit": True,
        "prepare_threshold": None,
    }


def single_use_engine(address: StoreAddress, *, statement_timeout_ms: int) -> Engine:
    """Return an engine of blocking connections, each closed after its use."""
    engine = create_engine(
        "postgresql+psycopg://",
        poolclass=NullPool,
        hide_parameters=True,
        connect_args=connect_args(address),
    )
    use_transactions(engine, address, statement_timeout_ms=statement_timeout_ms)
    return engine


def use_transactions(engine: Engine, address: StoreAddress, *, statement_timeout_ms: int) -> None:
    """Begin the engine's transactions with timeouts, except those that the address's ``options`` set."""
    settings = {
        "statement_timeout": statement_timeout_ms,
        "idle_in_transaction_session_timeout": 2 * statement_timeout_ms,
    }
    given = address.parameters.get("options", "")
    begin = "; ".join(
        ["BEGIN", *(f"SET LOCAL {name} = {value}" for name, value in settings.items() if name not in given)]
    )

    @event.listens_for(engine, "begin")
    def begin_transaction(connection: Connection) -> None:
        connection.exec_driver_sql(begin)
