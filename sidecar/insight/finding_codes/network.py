"""The way to Litmus and Backstage: names, certificates, proxies and paths."""

from typing import Final

from sidecar.insight.finding_codes.explanation import NETWORK, explained

_AUTHORITY: Final = (
    "litmusSidecar:\n  instances:\n    - name: default\n      baseUrl: 'https://<address of Litmus>'\n"
    "      caFile: /run/secrets/ca.pem\n      token: ${LITMUS_AUTH_TOKEN}\n"
)
_BASE: Final = (
    "litmusSidecar:\n  instances:\n    - name: default\n      baseUrl: '<address that answers>'\n"
    "      token: ${LITMUS_AUTH_TOKEN}\n"
)

CODES: Final = {
    "name_unresolved": explained(
        "The name in an address has no address of a machine, as seen from here",
        "Correct the name; in a cluster write NAME.NAMESPACE.svc, and allow DNS in the network policy",
        NETWORK,
    ),
    "tls_untrusted": explained(
        "The certificate of whoever answers is not trusted: of an authority of your own, expired, or for "
        "another name",
        "Name the authority in caFile, renew the certificate, or use a name that is in it",
        NETWORK,
        _AUTHORITY,
    ),
    "tls_not_spoken": explained(
        "An address is https, and whoever listens there answers with something else",
        "Use the port that speaks TLS, or http inside of the cluster",
        NETWORK,
    ),
    "certificate_expires_soon": explained(
        "A certificate expires within 30 days; then nothing is asked any more",
        "Renew it, or look why whoever should renew it did not so far",
        NETWORK,
    ),
    "asked_through_proxy": explained(
        "HTTPS_PROXY or HTTP_PROXY names a proxy, and NO_PROXY does not list the address",
        "Nothing, if that is meant; else list the name in NO_PROXY, or set proxy to off",
        NETWORK,
    ),
    "base_url_path_wrong": explained(
        "Litmus answers at another path of the server than the one in baseUrl",
        "Set baseUrl to the address that the sentence names",
        NETWORK,
        _BASE,
    ),
    "auth_path_missing": explained(
        "Litmus's GraphQL server answers, and its auth server does not answer beside it under /auth",
        "Set baseUrl to the frontend service, or have the ingress lead /auth to the auth server",
        NETWORK,
    ),
}
