"""Whether the service will be able to keep what it reads: the store, as its start will find it."""

from collections.abc import Iterator
from typing import Final

from sidecar.app.doctor.findings import failed, noted, warned
from sidecar.config import Config
from sidecar.config.store_url import StoreAddress, parse_url
from sidecar.insight.token_findings import Finding
from sidecar.store.engine.failures import StoreUnavailableError
from sidecar.store.engine.inspection import Inspection, inspect
from sidecar.store.engine.migration import SchemaState

LEAST_FREE_BYTES: Final = 100 * 1024 * 1024
"""Less space than this beside a SQLite file is told."""
_MEGABYTE: Final = 1024 * 1024


async def store_findings(config: Config, *, offline: bool) -> tuple[Finding, ...]:
    """Look at the store; at a server's only if others may be asked."""
    address = parse_url(config.store.url.get_secret_value())
    if address.is_memory or (offline and address.file is None):
        return ()
    try:
        seen = await inspect(address)
    except StoreUnavailableError as error:
        return (failed("store_unreachable", f"The store {address.description} cannot be used: {error}"),)
    return tuple(judged(address, seen))


def judged(address: StoreAddress, seen: Inspection) -> Iterator[Finding]:
    """Find what keeps the store from being used, or soon will."""
    store = f"The store {address.description}"
    for lack in seen.lacks:
        yield failed("store_rights_missing", f"{store}: its user may not {lack}")
    if seen.free_bytes is not None and seen.free_bytes < LEAST_FREE_BYTES:
        free = seen.free_bytes // _MEGABYTE
        yield warned("store_disk_small", f"{store}: {free} MB are free on its disk, which is little")
    if seen.schema is SchemaState.OLDER:
        yield noted(
            "store_will_migrate",
            f"{store} has the schema of an older release; the next start adds what is new",
        )
    elif seen.schema is SchemaState.NEWER:
        yield noted(
            "store_is_newer",
            f"{store} has the schema of a newer release, which this one uses as it is: newer ones only add",
        )
