"""The configuration: the section ``litmusSidecar`` of Backstage's own app-config files.

The only package that knows pydantic. Others get a :class:`Config`, and open a
secret (``.get_secret_value()``) only where they send or compare it. Must not
know what any key is used for.
"""

from sidecar.config.access import (
    Actions,
    Auth,
    AuthBackstage,
    AuthProxy,
    Key,
    Limits,
    Listen,
    Project,
    SignIn,
)
from sidecar.config.changes import RELOADABLE, Changes, changes
from sidecar.config.display_token import bare_token, display_token, display_uid
from sidecar.config.fields import LONGEST_TOKEN_DAYS, TOKEN_NAME, TOKEN_NAME_RULE
from sidecar.config.loading import load_config, load_listen, parse_config
from sidecar.config.model import (
    AttentionSettings,
    Config,
    HistorySettings,
    LogSettings,
    MetricsSettings,
    Pages,
    SidecarSection,
    Store,
    Tracing,
)
from sidecar.config.report import Remark, describe, masked, remarks
from sidecar.config.sources import CatalogBackstage, CatalogSettings, Credentials, Instance, SyncSettings

__all__ = [
    "LONGEST_TOKEN_DAYS",
    "RELOADABLE",
    "TOKEN_NAME",
    "TOKEN_NAME_RULE",
    "Actions",
    "AttentionSettings",
    "Auth",
    "AuthBackstage",
    "AuthProxy",
    "CatalogBackstage",
    "CatalogSettings",
    "Changes",
    "Config",
    "Credentials",
    "HistorySettings",
    "Instance",
    "Key",
    "Limits",
    "Listen",
    "LogSettings",
    "MetricsSettings",
    "Pages",
    "Project",
    "Remark",
    "SidecarSection",
    "SignIn",
    "Store",
    "SyncSettings",
    "Tracing",
    "bare_token",
    "changes",
    "describe",
    "display_token",
    "display_uid",
    "load_config",
    "load_listen",
    "masked",
    "parse_config",
    "remarks",
]
