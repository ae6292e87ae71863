"""What each code of ``check`` means and what to do about it: the one table of them. Pure.

``check --explain`` and docs/reference/findings.md are made of it. A test
compares it with every code that can be found.
"""

from typing import Final

import msgspec


class Explanation(msgspec.Struct, frozen=True, kw_only=True):
    """What a code stands for."""

    meaning: str
    todo: str
    """What ends it."""
    docs: str
    """Page below ``docs/`` that says more."""
    fix: str | None = None
    """What to write into app-config, as YAML with places to fill in; ``None``: it is not mended there."""


_TOKENS: Final = "how-to/tokens.md"
_NETWORK: Final = "how-to/network.md"
_INSTALL: Final = "how-to/install.md"
_PEOPLE: Final = "how-to/people.md"
_TROUBLE: Final = "how-to/troubleshoot.md"
_ACTING: Final = "explanation/acting.md"
_SHOWN: Final = "litmus:\n  apiToken: '<output of litmus-sidecar display-token --uid UID>'\n"
_FILE: Final = (
    "litmusSidecar:\n  instances:\n    - name: default\n      baseUrl: '<address of Litmus>'\n"
    "      tokenFile: /run/secrets/litmus-token\n"
)
_KEY: Final = (
    "litmusSidecar:\n  auth:\n    keys:\n      - name: backstage\n        secret: ${SIDECAR_KEY}\n"
    "        scopes: [read]\n"
)
_CATALOG: Final = (
    "litmusSidecar:\n  catalog:\n    backstage:\n      baseUrl: '<backend.baseUrl of Backstage>'\n"
    "      token: ${SIDECAR_CATALOG_TOKEN}\n"
)
_EXTERNAL: Final = (
    "litmusSidecar:\n  instances:\n    - name: default\n      baseUrl: '<address for the sidecar>'\n"
    "      externalBaseUrl: '<address for browsers>'\n      token: ${LITMUS_AUTH_TOKEN}\n"
)
_PROXIES: Final = (
    "litmusSidecar:\n  listen:\n    trustedProxies: ['<network of the proxy, 10.0.3.0/24 say>']\n"
)
_AUTHORITY: Final = (
    "litmusSidecar:\n  instances:\n    - name: default\n      baseUrl: 'https://<address of Litmus>'\n"
    "      caFile: /run/secrets/ca.pem\n      token: ${LITMUS_AUTH_TOKEN}\n"
)
_BASE: Final = (
    "litmusSidecar:\n  instances:\n    - name: default\n      baseUrl: '<address that answers>'\n"
    "      token: ${LITMUS_AUTH_TOKEN}\n"
)
_STORE: Final = "litmusSidecar:\n  store:\n    url: 'sqlite:////data/litmus-sidecar.db'\n"
_PUBLIC: Final = "litmusSidecar:\n  publicUrl: 'https://<address of the sidecar in browsers>'\n"
_CLAIM: Final = (
    "litmusSidecar:\n  projects:\n    - id: '<id of the project>'\n      owners: [group:default/<team>]\n"
)


def _explained(meaning: str, todo: str, docs: str, fix: str | None = None) -> Explanation:
    return Explanation(meaning=meaning, todo=todo, docs=docs, fix=fix)


_BACKSTAGE: Final = (
    "litmusSidecar:\n  auth:\n    backstage:\n      baseUrl: '<backend.baseUrl of Backstage>'\n"
    "      issuer: '<backend.baseUrl of Backstage>/api/auth'\n"
)
_FORWARD: Final = "proxy:\n  endpoints:\n    /litmus:\n      credentials: forward\n"

_METHODS: Final = "proxy:\n  endpoints:\n    /litmus:\n      allowedMethods: [GET, POST]\n"

OWN_CODES: Final = {
    "setting_absent": _explained(
        "A value needs a variable of the environment or a file that is not there, and counts as not written",
        "Set the variable, or put the file where the key says",
        _INSTALL,
    ),
    "nobody_is_served": _explained(
        "The service listens beyond this machine, and no key, Backstage or proxy says who may call",
        "Give Backstage a key",
        _NETWORK,
        _KEY,
    ),
    "https_ends_unnamed": _explained(
        "People sign in, and whoever ends HTTPS is not named: all people share one address and its attempts",
        "Name the network of the proxy",
        _NETWORK,
        _PROXIES,
    ),
    "sign_in_without_https": _explained(
        "People may sign in, but passwords do not go over plain HTTP, so only this machine can",
        "Serve behind HTTPS, and say under which address",
        _NETWORK,
        _PUBLIC,
    ),
    "hides_nothing": _explained(
        "Entities are to be hidden as Backstage hides them, and no Backstage is given to ask",
        "Name Backstage",
        _PEOPLE,
        _BACKSTAGE,
    ),
    "key_serves_anybody": _explained(
        "A public route of Backstage's proxy sends a key: whoever reaches Backstage has its scopes",
        "Leave the key out of that route, or have people sign in there",
        _PEOPLE,
        _FORWARD,
    ),
    "key_acts_for_everybody": _explained(
        "A key that Backstage's proxy sends may act, and nobody verifies who asks: everybody acts as the key",
        "Name Backstage, so that people act as themselves, and take the scope from the key",
        _PEOPLE,
        _BACKSTAGE,
    ),
    "key_acts_without_person": _explained(
        "A key that Backstage's proxy sends may act, and the token of whoever asks does not come along",
        "Forward the credentials of people, and take the scope from the key",
        _PEOPLE,
        _FORWARD,
    ),
    "key_scope_superfluous": _explained(
        "A key that Backstage's proxy sends may act, and no person there needs that of it",
        "Take the scope from the key, and give programs a key of their own",
        _PEOPLE,
    ),
    "display_token_missing": _explained(
        "The plugin needs a token to make links, and there is none",
        "Put a display token there",
        _TOKENS,
        _SHOWN,
    ),
    "display_token_unreadable": _explained(
        "The plugin cannot decode litmus.apiToken and shows an error",
        "Put a display token there",
        _TOKENS,
        _SHOWN,
    ),
    "display_token_without_uid": _explained(
        "litmus.apiToken holds no uid, so the plugin calls it missing",
        "Put a display token there",
        _TOKENS,
        _SHOWN,
    ),
    "plugin_links_elsewhere": _explained(
        "The official plugin knows one address of Litmus, and an instance has another",
        "Nothing, where links of pages and JSON are enough; else give each Litmus a Backstage of its own",
        "how-to/instances.md",
    ),
    "external_url_missing": _explained(
        "Links of an instance open the address that the sidecar uses, which browsers may not reach",
        "Say how browsers reach it",
        "how-to/instances.md",
        _EXTERNAL,
    ),
    "sync_impatient": _explained(
        "Litmus is asked more often than its answers change",
        "Ask less often",
        "how-to/tune.md",
        "litmusSidecar:\n  sync:\n    interval: { seconds: 60 }\n",
    ),
    "catalog_not_named": _explained(
        "Neither files nor Backstage's catalog are named, so nothing is synchronised",
        "Name one of them",
        _INSTALL,
        _CATALOG,
    ),
    "catalog_names_no_project": _explained(
        "The catalog was read, and no entity in it has the annotation of a project",
        "Annotate an entity: litmus-sidecar projects lists the ids",
        _INSTALL,
    ),
    "catalog_problem": _explained(
        "A document of the catalog cannot be used, or names what is not there",
        "Correct the document that the sentence names",
        _INSTALL,
    ),
    "catalog_away": _explained(
        "Backstage's catalog was not read, or not in whole",
        "Compare catalog.backstage.baseUrl and its token with backend.auth.externalAccess",
        _TROUBLE,
        _CATALOG,
    ),
    "projects_do_not_fit": _explained(
        "All projects cannot be read as often as configured: what nobody looks at is read more seldom",
        "Raise sync.maxRequestsPerSecond if Litmus bears it, or lengthen sync.interval",
        "how-to/tune.md",
        "litmusSidecar:\n  sync:\n    maxRequestsPerSecond: auto\n",
    ),
    "project_claim": _explained(
        "Whose a project is cannot be told, or one id is named in several instances",
        "Say whose it is, here or by a tag in Litmus",
        _ACTING,
        _CLAIM,
    ),
    "proxy_target_elsewhere": _explained(
        "A route of Backstage's proxy that the plugin asks, or that sends a key, leads past the sidecar",
        "Set its target to the address of the sidecar",
        _INSTALL,
        "proxy:\n  endpoints:\n    /litmus:\n      target: 'http://<address of the sidecar>:8080'\n",
    ),
    "proxy_without_post": _explained(
        "The plugin asks with POST, and Backstage's proxy does not pass that on",
        "Add it to allowedMethods",
        _INSTALL,
        _METHODS,
    ),
    "proxy_without_get": _explained(
        "Cards and tabs of the package read with GET, and Backstage's proxy does not pass that on",
        "Add it to allowedMethods",
        _INSTALL,
        _METHODS,
    ),
    "proxy_without_key": _explained(
        "Callers need a key, and the route that the plugin asks sends none of those that are configured",
        "Send it in the header X-Litmus-Sidecar-Key",
        _INSTALL,
        "proxy:\n  endpoints:\n    /litmus:\n      headers:\n        X-Litmus-Sidecar-Key: ${SIDECAR_KEY}\n",
    ),
    "proxy_carries_nobody": _explained(
        "People of Backstage are to be known, and its proxy does not send who asks",
        "Forward the credentials of people",
        _PEOPLE,
        _FORWARD,
    ),
    "store_unreachable": _explained(
        "The store cannot be used, so everything is lost at the next restart and nobody can act",
        "Correct store.url; make the directory of the file, or let the address of the server be reached",
        _TROUBLE,
        _STORE,
    ),
    "store_rights_missing": _explained(
        "The store is there, and the user that the service is there may not do what it must",
        "Give directory and file to the user of the service, or the rights to the user of the database",
        _TROUBLE,
    ),
    "store_disk_small": _explained(
        "Less than 100 MB are free beside the file of the store; on a full disk nothing more is kept",
        "Enlarge the volume, or keep fewer days of history",
        "how-to/tune.md",
        "litmusSidecar:\n  history:\n    retentionDays: 180\n",
    ),
    "store_will_migrate": _explained(
        "The store was made by an older release, and the next start adds what is new",
        "Make a copy of it before, if you want to be able to go back further than one release",
        "how-to/upgrade.md",
    ),
    "store_is_newer": _explained(
        "The store was migrated by a newer release, as after going back; newer ones only add to it",
        "Nothing; upgrade this release when you can",
        "how-to/upgrade.md",
    ),
    "name_unresolved": _explained(
        "The name in an address has no address of a machine, as seen from here",
        "Correct the name; in a cluster write NAME.NAMESPACE.svc, and allow DNS in the network policy",
        _NETWORK,
    ),
    "tls_untrusted": _explained(
        "The certificate of whoever answers is not trusted: of an authority of your own, expired, or for "
        "another name",
        "Name the authority in caFile, renew the certificate, or use a name that is in it",
        _NETWORK,
        _AUTHORITY,
    ),
    "tls_not_spoken": _explained(
        "An address is https, and whoever listens there answers with something else",
        "Use the port that speaks TLS, or http inside of the cluster",
        _NETWORK,
    ),
    "certificate_expires_soon": _explained(
        "A certificate expires within 30 days; then nothing is asked any more",
        "Renew it, or look why whoever should renew it did not so far",
        _NETWORK,
    ),
    "asked_through_proxy": _explained(
        "HTTPS_PROXY or HTTP_PROXY names a proxy, and NO_PROXY does not list the address",
        "Nothing, if that is meant; else list the name in NO_PROXY, or set proxy to off",
        _NETWORK,
    ),
    "base_url_path_wrong": _explained(
        "Litmus answers at another path of the server than the one in baseUrl",
        "Set baseUrl to the address that the sentence names",
        _NETWORK,
        _BASE,
    ),
    "auth_path_missing": _explained(
        "Litmus's GraphQL server answers, and its auth server does not answer beside it under /auth",
        "Set baseUrl to the frontend service, or have the ingress lead /auth to the auth server",
        _NETWORK,
    ),
    "backstage_keys_unread": _explained(
        "The keys with which Backstage signs people's tokens cannot be read, so nobody is known",
        "Compare auth.backstage.baseUrl with where Backstage's backend answers, without /api",
        _PEOPLE,
        _BACKSTAGE,
    ),
    "backstage_lists_no_key": _explained(
        "Backstage lists no signing key: it makes one at the first sign-in after a fresh start",
        "Nothing; sign in to Backstage once to see that people are known",
        _PEOPLE,
    ),
    "backstage_issuer_differs": _explained(
        "Backstage names itself otherwise than configured in the tokens that it issues, so none is accepted",
        "Set auth.backstage.issuer to the issuer that the sentence names",
        _PEOPLE,
        _BACKSTAGE,
    ),
    "backstage_clock_differs": _explained(
        "The clocks of Backstage and the sidecar differ by more than 10 seconds, and tokens hold for a time",
        "Synchronise both machines with one time server",
        _PEOPLE,
    ),
    "real_token_shown": _explained(
        "Backstage shows a real token to every visitor",
        "Revoke it in Litmus, and put a display token there",
        _TOKENS,
        _SHOWN,
    ),
    "plain_http": _explained(
        "A token travels over plain HTTP beyond the cluster",
        "Use https in baseUrl",
        _NETWORK,
        "litmusSidecar:\n  instances:\n    - name: default\n      baseUrl: 'https://<address of Litmus>'\n"
        "      token: ${LITMUS_AUTH_TOKEN}\n",
    ),
    "shared_token": _explained(
        "Several instances use one token or one user", "Give each a user of its own", _TOKENS
    ),
    "key_is_token": _explained(
        "A key for callers is a token of Litmus", "Make a secret: openssl rand -hex 32", _TOKENS, _KEY
    ),
    "never_expires": _explained("The token never expires", "Make one that does", _TOKENS, _FILE),
    "token_expired": _explained("The token expired", "Put a new one in its place", _TOKENS, _FILE),
    "expires_soon": _explained(
        "The token expires soon, and nobody renews it",
        "Put a new one in its place before",
        _TOKENS,
        _FILE,
    ),
    "lives_too_long": _explained(
        "The token lives longer than a year",
        "Make one that lives shorter, or let the sidecar renew it",
        _TOKENS,
    ),
    "account_admin": _explained(
        "The token's user is an administrator of Litmus", "Give it the account role user", _TOKENS
    ),
    "role_above_need": _explained(
        "Actions are disabled, and the token's user could act", "Make it Viewer in the projects", _TOKENS
    ),
    "initial_password": _explained(
        "The user still has its initial password", "Sign in to ChaosCenter once and set another", _TOKENS
    ),
    "session_token": _explained(
        "The token seems to be of a session, which ends with it", "Create an API token", _TOKENS, _FILE
    ),
    "expired_left": _explained(
        "Expired tokens are left in the user's list", "Revoke them: litmus-sidecar tokens revoke", _TOKENS
    ),
    "user_not_dedicated": _explained(
        "Others seem to use the token's user too", "Give each use a user of its own", _TOKENS
    ),
    "projects_above_need": _explained(
        "The token reaches projects that no entity names", "Take its user out of them", _TOKENS
    ),
}
"""Found in what is configured, in the catalog, and in what Litmus tells of tokens."""

UPSTREAM_CODES: Final = {
    "upstream_error": _explained("Litmus did not give what was asked", "Look at Litmus's log", _TROUBLE),
    "upstream_unavailable": _explained(
        "Litmus does not answer, or with an error of its own",
        "Compare baseUrl, DNS, network policy and proxy with where Litmus is",
        _NETWORK,
    ),
    "upstream_timeout": _explained(
        "Litmus did not answer in time", "Look whether its auth server is up", _TROUBLE
    ),
    "upstream_paused": _explained(
        "Litmus failed so often that it is not asked", "Wait, then ask again", _TROUBLE
    ),
    "upstream_auth_away": _explained(
        "Litmus's auth server does not answer", "Bring it back; its log says why", _TROUBLE
    ),
    "upstream_busy": _explained(
        "Our own pace to the instance is used up",
        "Allow more requests per second",
        "how-to/tune.md",
        "litmusSidecar:\n  sync:\n    maxRequestsPerSecond: 10\n",
    ),
    "upstream_overloaded": _explained(
        "Litmus hit its own deadline or size", "Give Litmus and its database more room", _TROUBLE
    ),
    "upstream_protocol": _explained(
        "What answered is not Litmus: a web page, or another shape",
        "Compare baseUrl with the frontend service of Litmus, which serves /api and /auth",
        _NETWORK,
    ),
    "upstream_host_refused": _explained(
        "Litmus's ALLOWED_ORIGINS does not have the name in baseUrl",
        "Send a name that it has",
        _NETWORK,
        "litmusSidecar:\n  instances:\n    - name: default\n      baseUrl: '<address of Litmus>'\n"
        "      hostHeader: litmus.example.com\n      token: ${LITMUS_AUTH_TOKEN}\n",
    ),
    "upstream_unsupported": _explained(
        "This Litmus is older than an operation that we use",
        "Upgrade Litmus to 3.0 or later",
        "explanation/limits.md",
    ),
    "token_rejected": _explained(
        "Litmus does not accept the token: expired, or from another Litmus",
        "Create a new one",
        _TOKENS,
        _FILE,
    ),
    "token_revoked": _explained("The token was revoked", "Create a new one", _TOKENS, _FILE),
    "credentials_rejected": _explained(
        "Litmus refused to sign the user in", "Compare user name and password; activate the user", _TOKENS
    ),
    "upstream_denied": _explained(
        "The token's user has no role in the project, or there is no such project",
        "Invite the user as Viewer, and compare the id: litmus-sidecar projects lists them",
        _TROUBLE,
    ),
    "upstream_answer_lost": _explained(
        "The answer to an action was lost", "Look in Litmus whether it was done", _ACTING
    ),
    "action_not_done": _explained("Litmus did not do an action", "The sentence says why", _ACTING),
    "refused_by_litmus": _explained("Litmus refused an action", "The sentence says why", _ACTING),
}
"""Litmus's failures, by the code that they have everywhere."""

EXPLANATIONS: Final = {**OWN_CODES, **UPSTREAM_CODES}

_OTHER: Final = _explained(
    "A failure that is met elsewhere too", "Look its code up", "reference/error-codes.md"
)


def explanation(code: str) -> Explanation:
    """Return what a code stands for; of a failure that is none of Litmus's, where all codes are told."""
    return EXPLANATIONS.get(code, _OTHER)
