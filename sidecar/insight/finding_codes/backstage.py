"""Backstage: the routes of its proxy, and how its people are known."""

from typing import Final

from sidecar.insight.finding_codes.explanation import INSTALL, PEOPLE, explained

_BACKSTAGE: Final = (
    "litmusSidecar:\n  auth:\n    backstage:\n      baseUrl: '<backend.baseUrl of Backstage>'\n"
    "      issuer: '<backend.baseUrl of Backstage>/api/auth'\n"
)
_FORWARD: Final = "proxy:\n  endpoints:\n    /litmus:\n      credentials: forward\n"
_METHODS: Final = "proxy:\n  endpoints:\n    /litmus:\n      allowedMethods: [GET, POST]\n"

CODES: Final = {
    "hides_nothing": explained(
        "Entities are to be hidden as Backstage hides them, and no Backstage is given to ask",
        "Name Backstage",
        PEOPLE,
        _BACKSTAGE,
    ),
    "key_serves_anybody": explained(
        "A public route of Backstage's proxy sends a key: whoever reaches Backstage has its scopes",
        "Leave the key out of that route, or have people sign in there",
        PEOPLE,
        _FORWARD,
    ),
    "key_acts_for_everybody": explained(
        "A key that Backstage's proxy sends may act, and nobody verifies who asks: everybody acts as the key",
        "Name Backstage, so that people act as themselves, and take the scope from the key",
        PEOPLE,
        _BACKSTAGE,
    ),
    "key_acts_without_person": explained(
        "A key that Backstage's proxy sends may act, and the token of whoever asks does not come along",
        "Forward the credentials of people, and take the scope from the key",
        PEOPLE,
        _FORWARD,
    ),
    "key_scope_superfluous": explained(
        "A key that Backstage's proxy sends may act, and no person there needs that of it",
        "Take the scope from the key, and give programs a key of their own",
        PEOPLE,
    ),
    "proxy_target_elsewhere": explained(
        "A route of Backstage's proxy that the plugin asks, or that sends a key, leads past the sidecar",
        "Set its target to the address of the sidecar",
        INSTALL,
        "proxy:\n  endpoints:\n    /litmus:\n      target: 'http://<address of the sidecar>:8080'\n",
    ),
    "proxy_without_post": explained(
        "The plugin asks with POST, and Backstage's proxy does not pass that on",
        "Add it to allowedMethods",
        INSTALL,
        _METHODS,
    ),
    "proxy_without_get": explained(
        "Cards and tabs of the package read with GET, and Backstage's proxy does not pass that on",
        "Add it to allowedMethods",
        INSTALL,
        _METHODS,
    ),
    "proxy_without_key": explained(
        "Callers need a key, and the route that the plugin asks sends none of those that are configured",
        "Send it in the header X-Litmus-Sidecar-Key",
        INSTALL,
        "proxy:\n  endpoints:\n    /litmus:\n      headers:\n        X-Litmus-Sidecar-Key: ${SIDECAR_KEY}\n",
    ),
    "proxy_carries_nobody": explained(
        "People of Backstage are to be known, and its proxy does not send who asks",
        "Forward the credentials of people",
        PEOPLE,
        _FORWARD,
    ),
    "backstage_keys_unread": explained(
        "The keys with which Backstage signs people's tokens cannot be read, so nobody is known",
        "Compare auth.backstage.baseUrl with where Backstage's backend answers, without /api",
        PEOPLE,
        _BACKSTAGE,
    ),
    "backstage_lists_no_key": explained(
        "Backstage lists no signing key: it makes one at the first sign-in after a fresh start",
        "Nothing; sign in to Backstage once to see that people are known",
        PEOPLE,
    ),
    "backstage_issuer_differs": explained(
        "Backstage names itself otherwise than configured in the tokens that it issues, so none is accepted",
        "Set auth.backstage.issuer to the issuer that the sentence names",
        PEOPLE,
        _BACKSTAGE,
    ),
    "backstage_clock_differs": explained(
        "The clocks of Backstage and the sidecar differ by more than 10 seconds, and tokens hold for a time",
        "Synchronise both machines with one time server",
        PEOPLE,
    ),
}
