"""The doors to the world, one small Protocol per use. Read this first.

The docstrings are the contract; implementations match by shape. Nothing here
does anything.
"""

from sidecar.ports.accounts import (
    ApiToken,
    CreatedToken,
    Locks,
    Secrets,
    Session,
    Sessions,
    SharedPicture,
    Shares,
    Tokens,
    TokenState,
    TokenStatus,
    TokenUses,
)
from sidecar.ports.acting import (
    Actions,
    Actor,
    Audit,
    AuditQuery,
    Claim,
)
from sidecar.ports.data import (
    Catalogue,
    Clock,
    History,
    HistoryChange,
    HistorySource,
    Job,
    Keys,
    Lease,
    Leases,
    ProjectSource,
    RunQuery,
    SnapshotHead,
    Snapshots,
    StoreHealth,
    Sync,
)

__all__ = [
    "Actions",
    "Actor",
    "ApiToken",
    "Audit",
    "AuditQuery",
    "Catalogue",
    "Claim",
    "Clock",
    "CreatedToken",
    "History",
    "HistoryChange",
    "HistorySource",
    "Job",
    "Keys",
    "Lease",
    "Leases",
    "Locks",
    "ProjectSource",
    "RunQuery",
    "Secrets",
    "Session",
    "Sessions",
    "SharedPicture",
    "Shares",
    "SnapshotHead",
    "Snapshots",
    "StoreHealth",
    "Sync",
    "TokenState",
    "TokenStatus",
    "TokenUses",
    "Tokens",
]
