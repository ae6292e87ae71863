"""Requests that are not answered, or not yet, for a reason of their own."""

from typing import Final

from sidecar.insight.finding_codes.explanation import (
    CONFIGURATION,
    HEALTH,
    INSTALL,
    PEOPLE,
    ROUTES,
    TROUBLE,
    explained,
)

_LIMITS: Final = "explanation/limits.md"

CODES: Final = {
    "bad_request": explained(
        "The request is malformed; `parameter` names what is to blame",
        "Correct the request",
        ROUTES,
    ),
    "method_not_allowed": explained(
        "The route is served with other methods",
        "Use those in `Allow`; GraphQL is POST only",
        ROUTES,
    ),
    "too_large": explained(
        "The body is over 16 KiB, or the answer would be too large",
        "Ask for less",
        ROUTES,
    ),
    "unsupported_media_type": explained(
        "The body is not declared as JSON, or is compressed",
        "Send `Content-Type: application/json` (without a body: none), and no `Content-Encoding`",
        ROUTES,
    ),
    "unauthenticated": explained(
        "No key, or one that does not match; or no key is configured and the caller is not on this machine",
        'Compare `auth.keys` with the proxy\'s `headers`; in Backstage this shows as "401 Unauthorized"',
        PEOPLE,
    ),
    "forbidden": explained(
        "The key lacks the route's scope, or the person may not",
        "A program: a key of its own with that scope. A person: what the sentence says. Where it "
        "names `auth.backstage`, set that; never give the key of Backstage's proxy `run` or "
        "`admin`, which everybody would have then",
        PEOPLE,
    ),
    "too_many_requests": explained(
        "The caller asks more often than `limits` allows, its requests take more computing than "
        "`limits` allows, or too many come at once",
        "Wait as `Retry-After` says; raise the limit if it is too low for you",
        CONFIGURATION,
    ),
    "busy": explained(
        "Clients do not read the long answers that are sent to them",
        "Retry as `Retry-After` says; look for clients that ask and do not read",
        TROUBLE,
    ),
    "not_found": explained(
        "There is no such page",
        "Compare with the routes",
        ROUTES,
    ),
    "query_refused": explained(
        "The document asks for what is not served, or for too much",
        "Use fields of the served schema (`sidecar/replica/schema.graphql`); the plugin's own "
        "queries always pass",
        _LIMITS,
    ),
    "draining": explained(
        "The process is ending",
        "Ask again; another replica or the next process answers",
        INSTALL,
    ),
    "internal": explained(
        "A bug of the sidecar",
        "Find the request id in the log, and report the traceback",
        HEALTH,
    ),
}
