"""The catalog, and whose a project is."""

from typing import Final

from sidecar.insight.finding_codes.explanation import ACTING, INSTALL, TROUBLE, explained

_CATALOG: Final = (
    "litmusSidecar:\n  catalog:\n    backstage:\n      baseUrl: '<backend.baseUrl of Backstage>'\n"
    "      token: ${SIDECAR_CATALOG_TOKEN}\n"
)
_CLAIM: Final = (
    "litmusSidecar:\n  projects:\n    - id: '<id of the project>'\n      owners: [group:default/<team>]\n"
)

CODES: Final = {
    "catalog_not_named": explained(
        "Neither files nor Backstage's catalog are named, so nothing is synchronised",
        "Name one of them",
        INSTALL,
        _CATALOG,
    ),
    "catalog_names_no_project": explained(
        "The catalog was read, and no entity in it has the annotation of a project",
        "Annotate an entity: litmus-sidecar projects lists the ids",
        INSTALL,
    ),
    "catalog_problem": explained(
        "A document of the catalog cannot be used, or names what is not there",
        "Correct the document that the sentence names",
        INSTALL,
    ),
    "catalog_away": explained(
        "Backstage's catalog was not read, or not in whole",
        "Compare catalog.backstage.baseUrl and its token with backend.auth.externalAccess",
        TROUBLE,
        _CATALOG,
    ),
    "project_claim": explained(
        "Whose a project is cannot be told, or one id is named in several instances",
        "Say whose it is, here or by a tag in Litmus",
        ACTING,
        _CLAIM,
    ),
}
