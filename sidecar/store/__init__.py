"""Where snapshots, leases and the history of runs live; implementations of the doors in ``ports``.

Enter through :func:`store.open_store`. Only this package knows a database; no
exception and no text of a driver leaves it.
"""
