"""Litmus's failures, by the code that they have everywhere."""

from typing import Final

from sidecar.insight.finding_codes.explanation import ACTING, FILE, NETWORK, TOKENS, TROUBLE, explained

CODES: Final = {
    "upstream_error": explained(
        "Litmus failed in a way without a name of its own",
        "Read the sentence; look into Litmus's log",
        TROUBLE,
    ),
    "upstream_unavailable": explained(
        "Litmus cannot be reached or answers with an error of its own (5xx), or it cannot check "
        "the token because its own database or auth server fails",
        "Check that Litmus and its MongoDB are up and `baseUrl` reaches it from here: DNS, "
        "network policy, proxy; a private certificate needs `caFile`",
        NETWORK,
    ),
    "upstream_timeout": explained(
        "Litmus did not answer in time",
        "Check Litmus's auth server and database: it hangs when they are away",
        TROUBLE,
    ),
    "upstream_paused": explained(
        "The circuit breaker is open; Litmus was not asked",
        "As for the error before it",
        TROUBLE,
    ),
    "upstream_auth_away": explained(
        "Litmus's auth server does not answer, so nothing was sent: Litmus would keep it and do it later",
        "Bring the auth server back, whose log says why; retry the action",
        TROUBLE,
    ),
    "upstream_busy": explained(
        "Our own pace to this Litmus is used up; it was not asked",
        "Raise `sync.maxInFlight` or `sync.maxRequestsPerSecond`, or lengthen the intervals",
        "how-to/tune.md",
        "litmusSidecar:\n  sync:\n    maxRequestsPerSecond: 10\n",
    ),
    "upstream_overloaded": explained(
        "Litmus met its own limit, or its answer was too large",
        "Nothing at first: smaller pages follow; if it lasts, Litmus's database is too slow for the project",
        TROUBLE,
    ),
    "upstream_protocol": explained(
        "What came is no answer of Litmus's API: a web page, or another shape",
        "Compare `baseUrl` with the frontend service of Litmus, which serves /api and /auth (an "
        "ingress or a login page in between answers HTML)",
        NETWORK,
    ),
    "upstream_host_refused": explained(
        "Litmus's `ALLOWED_ORIGINS` does not allow the `Host` we send",
        "Set `hostHeader` to a name that it allows",
        NETWORK,
        "litmusSidecar:\n"
        "  instances:\n"
        "    - name: default\n"
        "      baseUrl: '<address of Litmus>'\n"
        "      hostHeader: litmus.example.com\n"
        "      token: ${LITMUS_AUTH_TOKEN}\n",
    ),
    "upstream_unsupported": explained(
        "This Litmus lacks an operation that we use",
        "Upgrade Litmus to 3.0 or later, or live without that section",
        "explanation/limits.md",
    ),
    "token_rejected": explained(
        "Both servers of Litmus reject the token: expired, from another Litmus, or its user is "
        "deactivated or gone",
        "Create a new token; the data stays",
        TOKENS,
        FILE,
    ),
    "token_revoked": explained(
        "Somebody revoked the token",
        "Create a new token; the data stays",
        TOKENS,
        FILE,
    ),
    "credentials_rejected": explained(
        "Litmus rejected user and password, or the user is deactivated; Litmus does not say which",
        "Correct `credentials`, or activate the user",
        TOKENS,
    ),
    "upstream_denied": explained(
        "The token's user has no role in the project, or the project does not exist; Litmus does "
        "not say which",
        "Invite the user as Viewer, or correct the annotation: litmus-sidecar projects lists the ids",
        TROUBLE,
    ),
    "upstream_answer_lost": explained(
        "An action was sent and its answer did not arrive; Litmus may have done it, and nothing "
        "is sent again",
        "Wait: the next synchronisations show it, see `/api/v1/actions/{actionID}`",
        ACTING,
    ),
    "action_not_done": explained(
        "Litmus did not answer an action, and later synchronisations show that it did not do it",
        "Retry",
        ACTING,
    ),
    "refused_by_litmus": explained(
        "Litmus rejected an action for a known reason; answers bear the code of that reason",
        "As for that code",
        ACTING,
    ),
}
