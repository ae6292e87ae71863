"""What `check` shows and says about a valid configuration."""

from datetime import timedelta
from ipaddress import ip_network

import pytest
from pydantic import SecretStr

from sidecar.config import (
    Auth,
    AuthBackstage,
    CatalogBackstage,
    CatalogSettings,
    Config,
    Instance,
    Key,
    Listen,
    SignIn,
    SyncSettings,
    describe,
    display_token,
    masked,
)
from tests.support.findings import findings

TOKEN = SecretStr("token-of-litmus")
GOOD = Config(
    display_token=SecretStr(display_token("backstage")),
    instances=(Instance(name="one", base_url="https://litmus.example.com", token=TOKEN),),
    catalog=CatalogSettings(files=("/etc/catalog/*.yaml",)),
)
KEY = Key(name="backstage", secret=SecretStr("x" * 16), scopes=frozenset({"read"}))
AUTH = Auth(keys=(KEY,))


def said(**changes: object) -> str:
    return " ".join(findings(Config.model_validate({**vars(GOOD), **changes}, by_name=True)))


def test_a_good_configuration_has_no_findings() -> None:
    assert findings(GOOD) == ()


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"listen": Listen(host="192.0.2.1")}, "only callers on this machine are served"),
        ({"display_token": None}, "litmus.apiToken is missing"),
        ({"display_token": SecretStr("opaque")}, "cannot be decoded"),
        ({"display_token": SecretStr("e30.e30.")}, "holds no uid"),
        ({"catalog": CatalogSettings()}, "names no file"),
        ({"sync": SyncSettings(interval=timedelta(seconds=1))}, "below 5 seconds"),
    ],
)
def test_what_is_probably_not_meant_is_said(changes: dict[str, object], expected: str) -> None:
    assert expected in said(**changes)


def test_what_the_plugins_links_do_with_a_second_instance_is_said() -> None:
    first, second = GOOD.instances[0], Instance(name="two", base_url="http://two:9091", token=TOKEN)
    litmus = first.base_url
    assert said(litmus_base_url=litmus, instances=(first,)) == ""
    told = said(litmus_base_url=litmus, instances=(first, second))
    assert "the plugin's own links open it for projects of instance two" in told
    assert "litmusSidecar.instances[1].externalBaseUrl is missing" in told
    named = Instance(name="two", base_url="http://two:9091", external_base_url="https://two", token=TOKEN)
    assert "externalBaseUrl is missing" not in said(litmus_base_url=litmus, instances=(first, named))


def test_a_key_opens_the_service_beyond_loopback() -> None:
    assert said(listen=Listen(host="192.0.2.1"), auth=AUTH) == ""


def test_secrets_are_masked_with_their_length() -> None:
    shown = masked(Config.model_validate({**vars(GOOD), "auth": AUTH}, by_name=True))
    assert shown["litmusSidecar"]["instances"][0]["token"] == "****** (15 characters)"
    assert shown["litmusSidecar"]["auth"]["keys"][0]["secret"] == "****** (16 characters)"
    assert shown["litmus"]["apiToken"] == "decodes, with a uid"


@pytest.mark.parametrize(("pace", "shown"), [(None, "auto"), (2.5, 2.5)])
def test_the_pace_towards_litmus_is_shown_as_it_is_written(pace: float | None, shown: object) -> None:
    config = GOOD.model_copy(update={"sync": SyncSettings(max_requests_per_second=pace)})
    assert masked(config)["litmusSidecar"]["sync"]["maxRequestsPerSecond"] == shown


def test_what_is_not_set_is_not_shown() -> None:
    assert "null" not in describe(GOOD)
    assert "publicUrl" not in masked(GOOD)["litmusSidecar"]


def test_people_of_backstage_are_somebody_and_its_catalog_is_a_catalog() -> None:
    config = Config(
        listen=Listen(host="0.0.0.0"),  # noqa: S104 - what is to be judged
        auth=Auth(
            backstage=AuthBackstage(base_url="http://backstage:7007", issuer="https://b.example/api/auth")
        ),
        catalog=CatalogSettings(
            backstage=CatalogBackstage(base_url="http://backstage:7007", token=SecretStr("a-catalog-token"))
        ),
    )
    told = " ".join(findings(config))
    assert "only callers on this machine" not in told
    assert "names no file" not in told


def test_signing_in_beyond_loopback_needs_https() -> None:
    auth = Auth(sign_in=SignIn(enabled=True))
    far = Listen(host="192.0.2.1")
    assert "publicUrl is no https address" in said(listen=far, auth=auth)
    assert "only callers on this machine" not in said(listen=far, auth=auth)
    behind = Listen(host="192.0.2.1", trusted_proxies=(ip_network("192.0.2.0/24"),))
    assert said(listen=behind, auth=auth, public_url="https://sidecar.example.com") == ""
    assert said(listen=behind, auth=auth) == ""
    assert said(auth=auth) == ""


def test_signing_in_behind_a_proxy_that_is_not_named_is_told() -> None:
    public = {"public_url": "https://sidecar.example.com"}
    auth = Auth(sign_in=SignIn(enabled=True))
    assert "trustedProxies does not name who ends HTTPS" in said(auth=auth, **public)
    assert said(auth=auth, listen=Listen(trusted_proxies=(ip_network("127.0.0.1/32"),)), **public) == ""
    assert said(auth=AUTH, **public) == ""
