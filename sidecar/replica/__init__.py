"""The GraphQL replica: answers the plugin's queries from snapshots, without asking Litmus.

Pure: bytes of a request and a snapshot in, bytes of ``data`` out. HTTP, the
``extensions`` beside the data, permissions and the doing of mutations belong
to others.

``schema`` what may be asked · ``document`` parsing and validating ·
``limits`` how much · ``plan`` compiling · ``projection``, ``arguments``,
``healing``, ``cron`` what is answered · ``engine`` all of it in order, with caches.
"""

from sidecar.replica.cron import plugin_cron
from sidecar.replica.engine import (
    MutationRequest,
    Prepared,
    QueryEngine,
    QueryRequest,
    QueryStats,
    answer_key,
)
from sidecar.replica.limits import Limits

__all__ = [
    "Limits",
    "MutationRequest",
    "Prepared",
    "QueryEngine",
    "QueryRequest",
    "QueryStats",
    "answer_key",
    "plugin_cron",
]
