"""The GraphQL server's HTTP side: transports, decoding, revoked tokens, health."""

import json
import re
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from sidecar.simulator.authorization import Caller
from sidecar.simulator.execution import Body, Operation, RequestError, prepare, root_fields, run
from sidecar.simulator.world import World


@dataclass(kw_only=True)
class GraphQLRequest:
    """What a client asks, decoded as far as it can be."""

    query: str = ""
    variables: dict[str, Any] | None = None
    operation_name: str | None = None


class Refusal(Exception):  # noqa: N818 - an answer more than an error
    """The request is answered with ``response`` before it is looked at as GraphQL."""

    def __init__(self, response: web.Response) -> None:
        super().__init__()
        self.response = response


def bearer_token(header: str) -> str:
    """Return the token as Litmus's GraphQL server sees it: ``Bearer`` is optional, and only this spelling."""
    return header.removeprefix("Bearer ")


def decode(method: str, content_type: str, params: dict[str, str], text: str) -> GraphQLRequest:
    """Choose the transport and decode the request.

    Raises:
        Refusal: If no transport fits or the request cannot be decoded.
    """
    if method == "GET":
        try:
            variables = json.loads(params["variables"]) if params.get("variables") else None
        except ValueError as error:
            raise _refusal(400, "variables could not be decoded") from error
        return GraphQLRequest(
            query=params.get("query", ""), variables=variables, operation_name=params.get("operationName")
        )
    if method != "POST" or content_type.partition(";")[0].strip().lower() != "application/json":
        raise _refusal(400, "transport not supported", content_type="text/plain")
    try:
        decoded = _decode_body(text)
    except ValueError as error:
        raise _refusal(400, f"json request body could not be decoded: {error} body:{text}") from error
    if decoded is None:
        raise _refusal(422, "internal system error")
    return GraphQLRequest(
        query=decoded.get("query") or "",
        variables=decoded.get("variables"),
        operation_name=decoded.get("operationName"),
    )


def _decode_body(text: str) -> dict[str, Any] | None:
    """Decode the first JSON value, as Go's decoder does; the ``ValueError`` has Go's text."""
    if not text.strip():
        raise ValueError("EOF")
    try:
        decoded, _ = json.JSONDecoder().raw_decode(text.lstrip())
    except json.JSONDecodeError as error:
        if error.pos >= len(text.lstrip().rstrip()) or "Unterminated" in error.msg:
            raise ValueError("unexpected EOF") from error
        odd = text.lstrip()[error.pos]
        raise ValueError(f"invalid character '{odd}' looking for beginning of value") from error
    if decoded is None:
        return None
    cannot = "json: cannot unmarshal {} into Go {}"
    if not isinstance(decoded, dict):
        problem = cannot.format(_go_kind(decoded), "value of type graphql.RawParams")
        raise ValueError(problem)  # noqa: TRY004 - undecodable like any other text
    for key, kind, go_type in (
        ("query", str, "string"),
        ("operationName", str, "string"),
        ("variables", dict, "map[string]interface {}"),
    ):
        value = decoded.get(key)
        if value is not None and not isinstance(value, kind):
            field = f"struct field RawParams.{key} of type {go_type}"
            raise ValueError(cannot.format(_go_kind(value), field))
    return decoded


def _go_kind(value: Any) -> str:
    kinds = {list: "array", dict: "object", str: "string", bool: "bool"}
    return kinds.get(type(value), "number")


def _refusal(status: int, message: str, *, content_type: str = "application/json") -> Refusal:
    body = {"errors": [{"message": message}], "data": None}
    return Refusal(json_answer(status, body, content_type=content_type))


def json_answer(status: int, body: Body, *, content_type: str = "application/json") -> web.Response:
    """Return a JSON answer as gqlgen writes it; ``text/plain`` gets Go's charset."""
    text = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
    if content_type == "text/plain":
        return web.Response(status=status, text=text, content_type=content_type)
    return web.Response(status=status, body=text.encode("utf-8", "replace"), content_type=content_type)


def asked_root_fields(world: World, request: GraphQLRequest) -> tuple[str, ...]:
    """Return the root fields of a request for the log; none if it does not hold."""
    try:
        operation = prepare(world, request.query, request.variables, request.operation_name)
    except RequestError:
        # A refused document still tells what it was about.
        return tuple(re.findall(r"\b(?:get|list|run|stop|update)[A-Z]\w+(?=\s*\()", request.query))[:1]
    return root_fields(operation.document, operation.node)


def accept(world: World, method: str, request: GraphQLRequest) -> Operation:
    """Validate a decoded request.

    Raises:
        Refusal: With the 422 or, for a mutation over GET, the 406 answer.
    """
    try:
        operation = prepare(world, request.query, request.variables, request.operation_name)
    except RequestError as error:
        raise Refusal(json_answer(422, error.body)) from error
    if method == "GET" and not operation.is_query:
        raise _refusal(406, "GET requests only allow query operations")
    return operation


def answer(operation: Operation, caller: Caller) -> web.Response:
    """Execute a validated request."""
    return json_answer(200, run(operation, caller))


def revoked_answer() -> web.Response:
    """Return the one error that is not a 200."""
    return web.Response(
        status=401, text="Error verifying JWT token: Token is revoked", content_type="text/plain"
    )
