"""The store, as a start will find it."""

from typing import Final

from sidecar.insight.finding_codes.explanation import TROUBLE, explained

_STORE: Final = "litmusSidecar:\n  store:\n    url: 'sqlite:////data/litmus-sidecar.db'\n"

CODES: Final = {
    "store_unreachable": explained(
        "The store cannot be used, so everything is lost at the next restart and nobody can act",
        "Correct store.url; make the directory of the file, or let the address of the server be reached",
        TROUBLE,
        _STORE,
    ),
    "store_rights_missing": explained(
        "The store is there, and the user that the service is there may not do what it must",
        "Give directory and file to the user of the service, or the rights to the user of the database",
        TROUBLE,
    ),
    "store_disk_small": explained(
        "Less than 100 MB are free beside the file of the store; on a full disk nothing more is kept",
        "Enlarge the volume, or keep fewer days of history",
        "how-to/tune.md",
        "litmusSidecar:\n  history:\n    retentionDays: 180\n",
    ),
    "store_will_migrate": explained(
        "The store was made by an older release, and the next start adds what is new",
        "Make a copy of it before, if you want to be able to go back further than one release",
        "how-to/upgrade.md",
    ),
    "store_is_newer": explained(
        "The store was migrated by a newer release, as after going back; newer ones only add to it",
        "Nothing; upgrade this release when you can",
        "how-to/upgrade.md",
    ),
}
