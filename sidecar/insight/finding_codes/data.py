"""Data that is not there, or not to be had: of the catalog, of the store, of a first synchronisation."""

from typing import Final

from sidecar.insight.finding_codes.explanation import (
    ACTING,
    CONFIGURATION,
    HEALTH,
    INSTALL,
    PEOPLE,
    TROUBLE,
    explained,
)

_INSTANCES: Final = "how-to/instances.md"
_POSTGRESQL: Final = "how-to/postgresql.md"
_STORE: Final = "explanation/store.md"
_TUNE: Final = "how-to/tune.md"

CODES: Final = {
    "bad_configuration": explained(
        "The configuration cannot be used",
        "Correct every key it names; nothing was started",
        CONFIGURATION,
    ),
    "project_unknown": explained(
        "No catalog entity names the project id",
        "Compare the annotation with Litmus (upper and lower case count); `/api/v1/entities` "
        "lists what is known, `/readyz` the catalog's problems",
        INSTALL,
    ),
    "project_ambiguous": explained(
        "Entities name this id in two instances, none with a claim and none first; or the one "
        "named first left the catalog less than 30 days ago",
        "Give the one meant a claim (`projects`, or a tag in Litmus), or remove the other from the catalog",
        ACTING,
    ),
    "not_ready": explained(
        "The first synchronisation took longer than the wait of 15 s",
        "Retry; if it lasts, look at `litmus_sidecar_sync_lag_seconds` and Litmus's own speed",
        _TUNE,
    ),
    "no_data": explained(
        "The first synchronisation failed; the sentence says why",
        "As for the reason it names; the next attempt follows by itself",
        TROUBLE,
    ),
    "too_stale": explained(
        "The data is older than `sync.maxStale`",
        "As for the reason it names",
        HEALTH,
    ),
    "store_unavailable": explained(
        "Stored data cannot be read or written",
        "Look into the log",
        _POSTGRESQL,
    ),
    "lease_lost": explained(
        "Another worker took over a job meanwhile; its results count",
        "Nothing, unless it repeats: then jobs last longer than their lease",
        _STORE,
    ),
    "backstage_unavailable": explained(
        "Backstage did not answer, or not as expected",
        "Check `auth.backstage.baseUrl` or `catalog.backstage.baseUrl`, and its token",
        PEOPLE,
    ),
    "instance_unknown": explained(
        "No instance of this name is configured",
        "See `litmusSidecar.instances`",
        _INSTANCES,
    ),
    "rights_unknown": explained(
        "Litmus has not answered for ten minutes what somebody who signed in with it may do, or never did",
        "Bring Litmus back; nobody needs to sign in again",
        PEOPLE,
    ),
}
