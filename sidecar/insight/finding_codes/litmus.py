"""Litmus's failures, by the code that they have everywhere."""

from typing import Final

from sidecar.insight.finding_codes.explanation import ACTING, FILE, NETWORK, TOKENS, TROUBLE, explained

CODES: Final = {
    "upstream_error": explained("Litmus did not give what was asked", "Look at Litmus's log", TROUBLE),
    "upstream_unavailable": explained(
        "Litmus does not answer, or with an error of its own",
        "Compare baseUrl, DNS, network policy and proxy with where Litmus is",
        NETWORK,
    ),
    "upstream_timeout": explained(
        "Litmus did not answer in time", "Look whether its auth server is up", TROUBLE
    ),
    "upstream_paused": explained(
        "Litmus failed so often that it is not asked", "Wait, then ask again", TROUBLE
    ),
    "upstream_auth_away": explained(
        "Litmus's auth server does not answer", "Bring it back; its log says why", TROUBLE
    ),
    "upstream_busy": explained(
        "Our own pace to the instance is used up",
        "Allow more requests per second",
        "how-to/tune.md",
        "litmusSidecar:\n  sync:\n    maxRequestsPerSecond: 10\n",
    ),
    "upstream_overloaded": explained(
        "Litmus hit its own deadline or size", "Give Litmus and its database more room", TROUBLE
    ),
    "upstream_protocol": explained(
        "What answered is not Litmus: a web page, or another shape",
        "Compare baseUrl with the frontend service of Litmus, which serves /api and /auth",
        NETWORK,
    ),
    "upstream_host_refused": explained(
        "Litmus's ALLOWED_ORIGINS does not have the name in baseUrl",
        "Send a name that it has",
        NETWORK,
        "litmusSidecar:\n  instances:\n    - name: default\n      baseUrl: '<address of Litmus>'\n"
        "      hostHeader: litmus.example.com\n      token: ${LITMUS_AUTH_TOKEN}\n",
    ),
    "upstream_unsupported": explained(
        "This Litmus is older than an operation that we use",
        "Upgrade Litmus to 3.0 or later",
        "explanation/limits.md",
    ),
    "token_rejected": explained(
        "Litmus does not accept the token: expired, or from another Litmus",
        "Create a new one",
        TOKENS,
        FILE,
    ),
    "token_revoked": explained("The token was revoked", "Create a new one", TOKENS, FILE),
    "credentials_rejected": explained(
        "Litmus refused to sign the user in", "Compare user name and password; activate the user", TOKENS
    ),
    "upstream_denied": explained(
        "The token's user has no role in the project, or there is no such project",
        "Invite the user as Viewer, and compare the id: litmus-sidecar projects lists them",
        TROUBLE,
    ),
    "upstream_answer_lost": explained(
        "The answer to an action was lost", "Look in Litmus whether it was done", ACTING
    ),
    "action_not_done": explained("Litmus did not do an action", "The sentence says why", ACTING),
    "refused_by_litmus": explained("Litmus refused an action", "The sentence says why", ACTING),
}
