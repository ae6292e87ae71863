"""What is configured: who may call, where links lead, how often Litmus is asked."""

from typing import Final

from sidecar.insight.finding_codes.explanation import INSTALL, KEY, NETWORK, explained

_EXTERNAL: Final = (
    "litmusSidecar:\n  instances:\n    - name: default\n      baseUrl: '<address for the sidecar>'\n"
    "      externalBaseUrl: '<address for browsers>'\n      token: ${LITMUS_AUTH_TOKEN}\n"
)
_PROXIES: Final = (
    "litmusSidecar:\n  listen:\n    trustedProxies: ['<network of the proxy, 10.0.3.0/24 say>']\n"
)
_PUBLIC: Final = "litmusSidecar:\n  publicUrl: 'https://<address of the sidecar in browsers>'\n"

CODES: Final = {
    "setting_absent": explained(
        "A value needs a variable of the environment or a file that is not there, and counts as not written",
        "Set the variable, or put the file where the key says",
        INSTALL,
    ),
    "nobody_is_served": explained(
        "The service listens beyond this machine, and no key, Backstage or proxy says who may call",
        "Give Backstage a key",
        NETWORK,
        KEY,
    ),
    "https_ends_unnamed": explained(
        "People sign in, and whoever ends HTTPS is not named: all people share one address and its attempts",
        "Name the network of the proxy",
        NETWORK,
        _PROXIES,
    ),
    "sign_in_without_https": explained(
        "People may sign in, but passwords do not go over plain HTTP, so only this machine can",
        "Serve behind HTTPS, and say under which address",
        NETWORK,
        _PUBLIC,
    ),
    "external_url_missing": explained(
        "Links of an instance open the address that the sidecar uses, which browsers may not reach",
        "Say how browsers reach it",
        "how-to/instances.md",
        _EXTERNAL,
    ),
    "plugin_links_elsewhere": explained(
        "The official plugin knows one address of Litmus, and an instance has another",
        "Nothing, where links of pages and JSON are enough; else give each Litmus a Backstage of its own",
        "how-to/instances.md",
    ),
    "sync_impatient": explained(
        "Litmus is asked more often than its answers change",
        "Ask less often",
        "how-to/tune.md",
        "litmusSidecar:\n  sync:\n    interval: { seconds: 60 }\n",
    ),
    "projects_do_not_fit": explained(
        "All projects cannot be read as often as configured: what nobody looks at is read more seldom",
        "Raise sync.maxRequestsPerSecond if Litmus bears it, or lengthen sync.interval",
        "how-to/tune.md",
        "litmusSidecar:\n  sync:\n    maxRequestsPerSecond: auto\n",
    ),
}
