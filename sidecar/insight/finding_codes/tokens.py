"""Tokens: the one that Backstage shows, and those with which Litmus is asked."""

from typing import Final

from sidecar.insight.finding_codes.explanation import FILE, KEY, NETWORK, TOKENS, explained

_SHOWN: Final = "litmus:\n  apiToken: '<output of litmus-sidecar display-token --uid UID>'\n"

CODES: Final = {
    "display_token_missing": explained(
        "The plugin needs a token to make links, and there is none",
        "Put a display token there",
        TOKENS,
        _SHOWN,
    ),
    "display_token_unreadable": explained(
        "The plugin cannot decode litmus.apiToken and shows an error",
        "Put a display token there",
        TOKENS,
        _SHOWN,
    ),
    "display_token_without_uid": explained(
        "litmus.apiToken holds no uid, so the plugin calls it missing",
        "Put a display token there",
        TOKENS,
        _SHOWN,
    ),
    "real_token_shown": explained(
        "Backstage shows a real token to every visitor",
        "Revoke it in Litmus, and put a display token there",
        TOKENS,
        _SHOWN,
    ),
    "plain_http": explained(
        "A token travels over plain HTTP beyond the cluster",
        "Use https in baseUrl",
        NETWORK,
        "litmusSidecar:\n  instances:\n    - name: default\n      baseUrl: 'https://<address of Litmus>'\n"
        "      token: ${LITMUS_AUTH_TOKEN}\n",
    ),
    "shared_token": explained(
        "Several instances use one token or one user", "Give each a user of its own", TOKENS
    ),
    "key_is_token": explained(
        "A key for callers is a token of Litmus", "Make a secret: openssl rand -hex 32", TOKENS, KEY
    ),
    "never_expires": explained("The token never expires", "Make one that does", TOKENS, FILE),
    "token_expired": explained("The token expired", "Put a new one in its place", TOKENS, FILE),
    "expires_soon": explained(
        "The token expires soon, and nobody renews it",
        "Put a new one in its place before",
        TOKENS,
        FILE,
    ),
    "lives_too_long": explained(
        "The token lives longer than a year",
        "Make one that lives shorter, or let the sidecar renew it",
        TOKENS,
    ),
    "account_admin": explained(
        "The token's user is an administrator of Litmus", "Give it the account role user", TOKENS
    ),
    "role_above_need": explained(
        "Actions are disabled, and the token's user could act", "Make it Viewer in the projects", TOKENS
    ),
    "initial_password": explained(
        "The user still has its initial password; Litmus creates and removes tokens only after it was "
        "changed",
        "Sign in to Litmus as that user once and set a password",
        TOKENS,
    ),
    "session_token": explained(
        "The token seems to be of a session, which ends with it", "Create an API token", TOKENS, FILE
    ),
    "expired_left": explained(
        "Expired tokens are left in the user's list", "Revoke them: litmus-sidecar tokens revoke", TOKENS
    ),
    "user_not_dedicated": explained(
        "Others seem to use the token's user too", "Give each use a user of its own", TOKENS
    ),
    "projects_above_need": explained(
        "The token reaches projects that no entity names", "Take its user out of them", TOKENS
    ),
}
