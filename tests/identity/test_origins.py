"""Which requests come from our own pages, and what other pages may read."""

import pytest
from multidict import CIMultiDict

from sidecar.domain.errors import ForbiddenError, UnsupportedMediaTypeError
from sidecar.identity.origins import (
    cors_headers,
    is_preflight,
    origin_of,
    refuse_api_change,
    refuse_foreign_form,
)

OWN, FOREIGN = "https://sidecar.example.com", "https://evil.example"
ORIGINS = frozenset({OWN})


def headers(**sent: str) -> CIMultiDict[str]:
    return CIMultiDict({name.replace("_", "-"): value for name, value in sent.items()})


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "post", "FOO"])
@pytest.mark.parametrize(
    "content_type",
    ["", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "text/json"],
)
def test_a_body_that_changes_state_is_json(method: str, content_type: str) -> None:
    sent = headers(content_length="2", **({"content_type": content_type} if content_type else {}))
    with pytest.raises(UnsupportedMediaTypeError):
        refuse_api_change(method, content_type, sent, ORIGINS, ambient=False)


@pytest.mark.parametrize("sent", [headers(), headers(content_length="0"), headers(origin=OWN)], ids=str)
@pytest.mark.parametrize("method", ["POST", "DELETE"])
def test_without_a_body_it_needs_no_type(method: str, sent: CIMultiDict[str]) -> None:
    # What aiohttp calls a request that declares none; its client declares the same.
    refuse_api_change(method, "application/octet-stream", sent, ORIGINS, ambient=True)
    refuse_api_change(method, "", sent, ORIGINS, ambient=True)


@pytest.mark.parametrize(
    "sent",
    [
        headers(content_length="0", content_type="application/x-www-form-urlencoded"),
        headers(content_type="text/plain"),
        headers(transfer_encoding="chunked"),
    ],
    ids=str,
)
def test_what_a_form_can_send_is_refused_though_it_is_empty(sent: CIMultiDict[str]) -> None:
    content_type = sent.get("Content-Type", "application/octet-stream")
    with pytest.raises(UnsupportedMediaTypeError):
        refuse_api_change("POST", content_type, sent, ORIGINS, ambient=False)


def test_a_foreign_page_changes_nothing_without_a_body_either() -> None:
    sent = headers(origin=FOREIGN, content_length="0")
    with pytest.raises(ForbiddenError):
        refuse_api_change("POST", "application/octet-stream", sent, ORIGINS, ambient=True)


def test_what_only_reads_needs_nothing() -> None:
    refuse_api_change("GET", "", headers(origin=FOREIGN, sec_fetch_site="cross-site"), ORIGINS, ambient=True)


@pytest.mark.parametrize(
    "sent",
    [
        headers(origin=FOREIGN),
        headers(origin="null"),
        headers(origin=OWN + ".evil.example"),
        headers(origin=FOREIGN, sec_fetch_site="same-origin"),
        headers(sec_fetch_site="cross-site"),
        headers(sec_fetch_site="same-site"),
        headers(sec_fetch_site="new-word"),
    ],
    ids=str,
)
def test_a_foreign_page_changes_nothing_with_rights_that_hang_in_the_air(sent: CIMultiDict[str]) -> None:
    with pytest.raises(ForbiddenError):
        refuse_api_change("POST", "application/json", sent, ORIGINS, ambient=True)


@pytest.mark.parametrize(
    "sent", [headers(), headers(origin=OWN), headers(sec_fetch_site="same-origin")], ids=str
)
def test_programs_and_own_pages_pass(sent: CIMultiDict[str]) -> None:
    refuse_api_change("POST", "Application/JSON", sent, ORIGINS, ambient=True)


def test_the_origin_does_not_matter_to_who_brings_a_credential() -> None:
    refuse_api_change("POST", "application/json", headers(origin=FOREIGN), ORIGINS, ambient=False)


@pytest.mark.parametrize(
    "sent",
    [
        headers(sec_fetch_site="same-origin", origin=OWN),
        headers(sec_fetch_site="same-origin", origin="null"),
        headers(sec_fetch_site="same-origin"),
        headers(origin=OWN),
    ],
    ids=str,
)
def test_a_form_on_one_of_our_pages_passes(sent: CIMultiDict[str]) -> None:
    refuse_foreign_form(sent, ORIGINS)


@pytest.mark.parametrize(
    "sent",
    [
        headers(),
        headers(origin="null"),
        headers(origin=FOREIGN),
        headers(sec_fetch_site="cross-site", origin=OWN),
        headers(sec_fetch_site="same-site"),
        headers(sec_fetch_site="none"),
        headers(sec_fetch_site="same-origin", origin=FOREIGN),
    ],
    ids=str,
)
def test_a_form_of_which_nothing_says_that_it_is_ours_is_refused(sent: CIMultiDict[str]) -> None:
    with pytest.raises(ForbiddenError):
        refuse_foreign_form(sent, ORIGINS)


def test_without_configured_origins_no_answer_has_a_header_of_cors() -> None:
    assert cors_headers(headers(origin=FOREIGN), ()) == {}
    assert cors_headers(headers(origin=FOREIGN), (), preflight=True) == {}


def test_an_allowed_origin_may_read_and_never_with_cookies() -> None:
    allowed = cors_headers(headers(origin=OWN), ORIGINS)
    assert (allowed["Access-Control-Allow-Origin"], allowed["Vary"]) == (OWN, "Origin")
    assert "Access-Control-Allow-Credentials" not in allowed


def test_another_origin_gets_nothing_but_a_note_for_caches() -> None:
    assert cors_headers(headers(origin=FOREIGN), ORIGINS) == {"Vary": "Origin"}
    assert cors_headers(headers(), ORIGINS) == {"Vary": "Origin"}


def test_a_preflight_is_answered_with_what_may_be_sent() -> None:
    sent = headers(origin=OWN, access_control_request_method="POST")
    assert is_preflight("OPTIONS", sent)
    assert "Idempotency-Key" in cors_headers(sent, ORIGINS, preflight=True)["Access-Control-Allow-Headers"]
    assert not is_preflight("OPTIONS", headers(origin=OWN))


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("https://Sidecar.example.com/base/", "https://sidecar.example.com"),
        ("https://sidecar.example.com:443", "https://sidecar.example.com"),
        ("http://sidecar.example.com:443", "http://sidecar.example.com:443"),
        ("http://[::1]:8080/x", "http://[::1]:8080"),
    ],
)
def test_an_origin_is_written_as_browsers_write_it(url: str, origin: str) -> None:
    assert origin_of(url) == origin
