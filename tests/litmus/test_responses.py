"""Every way Litmus fails becomes one of our errors, in our words."""

import json
from collections.abc import Mapping

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.domain.errors import (
    AccessDeniedError,
    TokenRejectedError,
    TokenRevokedError,
    UpstreamError,
    UpstreamHostRefusedError,
    UpstreamOverloadedError,
    UpstreamProtocolError,
    UpstreamTimeoutError,
    UpstreamUnavailableError,
    UpstreamUncheckedError,
    UpstreamUnsupportedError,
)
from sidecar.domain.unreadable import UNREADABLE
from sidecar.litmus.wire.documents import READ_QUERIES, Query
from sidecar.litmus.wire.responses import Envelope, Reply, RequestContext, read_reply, unreadable
from tests.litmus.support import shared_json

MARKER = "marker-of-the-body"
BOTH = RequestContext(
    fields=("listExperiment", "listEnvironments"),
    server="http://litmus:9091",
    host="litmus:9091",
    project_id="shop",
)
DENIED = "permission_denied: rpc error: code = Unknown desc = "


def graphql(body: object, status: int = 200) -> Envelope:
    return read_reply(
        Reply(status=status, content_type="application/json", body=json.dumps(body).encode()), BOTH
    )


def failure(message: str) -> UpstreamError:
    envelope = graphql({"errors": [{"message": message, "path": ["listExperiment"]}], "data": None})
    return envelope.failed["listExperiment"]


def whole(status: int, body: str = MARKER, content_type: str = "application/json") -> UpstreamError:
    with pytest.raises(UpstreamError) as caught:
        read_reply(Reply(status=status, content_type=content_type, body=body.encode()), BOTH)
    return caught.value


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("invalid Token", TokenRejectedError),
        ("Invalid Token", TokenRejectedError),
        (DENIED + "Token is expired", TokenRejectedError),
        (DENIED + "signature is invalid", TokenRejectedError),
        (DENIED + "token contains an invalid number of segments", TokenRejectedError),
        (DENIED + "tokenstring should not contain 'bearer '", TokenRejectedError),
        (DENIED + "illegal base64 data at input byte 4", TokenRejectedError),
        ("permission_denied: token is invalid", TokenRejectedError),
        (DENIED + "auth gRPC - Deactivated User", TokenRejectedError),
        (DENIED + "mongo: no documents in result", TokenRejectedError),
        (DENIED + "auth gRPC - Unauthorized", AccessDeniedError),
        ("permission_denied: rpc error: code = Unavailable desc = dial tcp", UpstreamUncheckedError),
        ("permission_denied: rpc error: code = DeadlineExceeded desc = x", UpstreamUncheckedError),
        (DENIED + "server selection error: context deadline exceeded", UpstreamUncheckedError),
        (DENIED + "couldn't fetch jwt secret mongo: no documents in result", UpstreamUncheckedError),
        (DENIED + "couldn't fetch jwt secret token is expired", UpstreamUncheckedError),
        ("mongo: no documents in result", UpstreamUncheckedError),
        ("couldn't fetch jwt secret mongo: no documents in result", UpstreamUncheckedError),
        ("server selection error: context deadline exceeded", UpstreamUncheckedError),
        (DENIED + "read users: mongo: no documents in result", UpstreamError),
        (DENIED + "write failed: auth gRPC - Unauthorized", UpstreamError),
        (DENIED + "reading the answer: unexpected end of JSON input", UpstreamError),
        (DENIED + "something new", UpstreamError),
        ("DB aggregate stage error: (BSONObjectTooLarge)", UpstreamOverloadedError),
        ("context deadline exceeded", UpstreamOverloadedError),
        ("must not be null", UpstreamProtocolError),
        ("internal system error", UpstreamError),
        ("experiment re-run failed due to inactive infra", UpstreamError),
        ("", UpstreamError),
    ],
)
def test_the_message_of_a_field_decides_its_error(message: str, expected: type[UpstreamError]) -> None:
    assert type(failure(message)) is expected


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (204, UpstreamProtocolError),
        (301, UpstreamProtocolError),
        (400, UpstreamProtocolError),
        (401, TokenRejectedError),
        (403, UpstreamProtocolError),
        (404, UpstreamProtocolError),
        (405, UpstreamProtocolError),
        (408, UpstreamTimeoutError),
        (413, UpstreamProtocolError),
        (418, UpstreamProtocolError),
        (422, UpstreamProtocolError),
        (429, UpstreamUnavailableError),
        (500, UpstreamUnavailableError),
        (502, UpstreamUnavailableError),
        (504, UpstreamTimeoutError),
    ],
)
def test_a_status_other_than_200_decides_alone(status: int, expected: type[UpstreamError]) -> None:
    error = whole(status)

    assert type(error) is expected
    assert MARKER not in str(error)


def test_plain_text_401_means_revoked() -> None:
    error = whole(401, "Error verifying JWT token: Token is revoked", "text/plain")

    assert type(error) is TokenRevokedError


def test_a_refused_host_is_named_with_the_setting_that_helps() -> None:
    error = whole(403, '{"error":"Invalid origin"}')

    assert type(error) is UpstreamHostRefusedError
    assert "litmus:9091" in str(error)
    assert "hostHeader" in str(error)


def test_a_field_that_this_litmus_lacks_is_unsupported() -> None:
    error = whole(
        422, '{"errors":[{"message":"Cannot query field \\"x\\" on type \\"Query\\"."}],"data":null}'
    )

    assert type(error) is UpstreamUnsupportedError


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        ("<!doctype html><title>marker-of-the-body</title>", "text/html"),
        (MARKER, "text/plain"),
        (MARKER, ""),
        (MARKER, "application/json"),
        ('{"data":', "application/json"),
        ("", "application/json"),
        ("  \n", "application/json"),
        ("null", "application/json"),
        ("[]", "application/json"),
        ("{}", "application/json"),
        ('{"data":[]}', "application/json"),
        ('{"data":null,"errors":[]}', "application/json"),
        ('{"data":null,"errors":{"message":"marker-of-the-body"}}', "application/json"),
    ],
)
def test_what_is_no_graphql_answer_is_a_protocol_error(body: str, content_type: str) -> None:
    error = whole(200, body, content_type)

    assert type(error) is UpstreamProtocolError
    assert MARKER not in str(error)


def test_a_denial_names_the_project() -> None:
    assert "project shop" in str(failure(DENIED + "auth gRPC - Unauthorized"))


def test_a_field_that_another_one_nulled_is_neither_answered_nor_failed() -> None:
    envelope = graphql({"errors": [{"message": "boom", "path": ["listExperiment"]}], "data": None})

    assert set(envelope.failed) == {"listExperiment"}
    assert envelope.answered == {}


def test_a_nullable_field_fails_alone() -> None:
    envelope = graphql(
        {
            "errors": [{"message": "invalid Token", "path": ["listEnvironments"]}],
            "data": {"listExperiment": {"a": 1}, "listEnvironments": None},
        }
    )

    assert set(envelope.failed) == {"listEnvironments"}
    assert set(envelope.answered) == {"listExperiment"}


def test_errors_below_the_root_leave_the_rest_of_the_field() -> None:
    envelope = graphql(
        {
            "errors": [{"message": "must not be null", "path": ["listExperiment", "rows", 0, "infra"]}],
            "data": {"listExperiment": {"rows": [None]}, "listEnvironments": {}},
        }
    )

    assert envelope.failed == {}
    assert set(envelope.answered) == {"listExperiment", "listEnvironments"}


def test_a_field_left_out_of_the_data_fails() -> None:
    envelope = graphql({"data": {"listExperiment": {}}})

    assert type(envelope.failed["listEnvironments"]) is UpstreamProtocolError


def test_an_error_without_a_path_concerns_the_whole_request() -> None:
    with pytest.raises(UpstreamError, match="the request"):
        graphql({"errors": [{"message": "internal system error"}], "data": {"listExperiment": {}}})


EXPECTED_CODE: Mapping[str, str] = {
    "no_token_plain_field": "token_rejected",
    "no_or_bad_or_expired_token_authorized_field": "token_rejected",
    "nullable_authorized_field": "token_rejected",
    "expired_token_plain_field": "token_rejected",
    "bad_signature_plain_field": "token_rejected",
    "lowercase_bearer": "token_rejected",
    "revoked_token": "token_revoked",
    "no_role_or_unknown_project": "upstream_denied",
    "deactivated_user": "token_rejected",
    "basic_stats_as_viewer": "upstream_denied",
    "malformed_json": "upstream_protocol",
    "wrong_content_type": "upstream_protocol",
    "parse_error": "upstream_protocol",
    "validation_error": "upstream_unsupported",
    "missing_variable": "upstream_protocol",
    "no_operation": "upstream_protocol",
    "resolver_error": "refused_by_litmus",
    "unknown_experiment": "refused_by_litmus",
    "panic_in_resolver": "upstream_error",
    "panic_in_transport": "upstream_protocol",
    "introspection_off": "upstream_error",
    "get_mutation": "upstream_protocol",
    "bad_host_or_origin": "upstream_host_refused",
}


def test_every_known_error_answer_has_its_code() -> None:
    codes = {}
    for case in shared_json("examples/errors-graphql.json")["cases"]:
        body = case["body"]
        paths = [error.get("path") for error in body.get("errors", ())] if isinstance(body, dict) else []
        fields = tuple({path[0] for path in paths if path and path[0] != "variable"}) or ("listExperiment",)
        reply = Reply(
            status=case["status"],
            content_type=case["content_type"].partition(";")[0],
            body=(body if isinstance(body, str) else json.dumps(body)).encode(),
        )
        try:
            envelope = read_reply(reply, msgspec.structs.replace(BOTH, fields=fields))
            (codes[case["case"]],) = {error.code for error in envelope.failed.values()}
        except UpstreamError as exc:
            codes[case["case"]] = exc.code

    assert codes == EXPECTED_CODE


JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5), st.just(MARKER)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.sampled_from(
                [
                    "data",
                    "errors",
                    "message",
                    "path",
                    "listExperiment",
                    "experiments",
                    "experimentID",
                    "infra",
                    "x",
                ]
            ),
            inner,
            max_size=4,
        ),
    ),
    max_leaves=12,
)
BODIES = st.one_of(
    st.binary(max_size=40),
    JSON.map(lambda value: json.dumps(value).encode()),
    JSON.map(lambda value: json.dumps({"data": {"listExperiment": value}}).encode()),
    st.lists(JSON, max_size=2).map(lambda value: json.dumps({"errors": value, "data": None}).encode()),
    st.integers(min_value=1, max_value=3000).map(lambda depth: b'{"data":' + b"[" * depth),
)


@given(
    status=st.one_of(st.just(200), st.integers(min_value=100, max_value=999)),
    content_type=st.sampled_from(["application/json", "text/html", "", MARKER]),
    body=BODIES,
)
def test_any_answer_is_read_or_refused_in_our_words(status: int, content_type: str, body: bytes) -> None:
    asked = msgspec.structs.replace(BOTH, fields=("listExperiment",))
    try:
        envelope = read_reply(Reply(status=status, content_type=content_type, body=body), asked)
    except UpstreamError as exc:
        envelope = Envelope(answered={}, failed={"listExperiment": exc})

    assert envelope.answered.keys() | envelope.failed.keys() == {"listExperiment"}
    assert not any(MARKER in str(error) for error in envelope.failed.values())


@given(query=st.sampled_from(READ_QUERIES), answer=st.one_of(st.binary(max_size=40), JSON.map(json.dumps)))
def test_any_field_is_mapped_or_unreadable(query: Query[object], answer: bytes | str) -> None:
    sentence = ""
    try:
        query.read(answer.encode() if isinstance(answer, str) else answer)
    except UNREADABLE as exc:
        sentence = str(unreadable(query.field, exc))

    assert MARKER not in sentence


@pytest.mark.parametrize("status", [200, 404, 405, 302])
def test_the_sentence_about_a_wrong_path_names_the_path(status: int) -> None:
    reply = Reply(status=status, content_type="text/html", body=b"<html>")
    asked = msgspec.structs.replace(BOTH, path="/chaos/api/query")
    with pytest.raises(UpstreamProtocolError, match="http://litmus:9091/chaos/api/query"):
        read_reply(reply, asked)
