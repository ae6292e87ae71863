"""The OpenAPI 3.1 document, made from the table of routes and the structs that are served."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from sidecar import __version__
from sidecar.config.access import KEY_HEADER
from sidecar.http.route import Parameter, Route

_PATH_PARAMETER: Final = re.compile(r"{(\w+)}")
_PATH_DESCRIPTIONS: Final = {
    "kind": "Kind of the entity, such as `component`.",
    "namespace": "Namespace of the entity, mostly `default`.",
    "name": "Name of the entity.",
    "id": "Id of the experiment, action or token.",
    "instance": "Name of the Litmus instance.",
}
_STATUS: Final = {
    400: "A parameter is wrong; `parameter` names it.",
    401: "No credential, or one that is not accepted.",
    403: "The caller's scopes do not include this.",
    404: "Not found.",
    409: "It conflicts with the present state; the code says why.",
    410: "Litmus deleted it.",
    413: "The body is too large.",
    415: "The body is not declared as JSON.",
    429: "Too many requests; `Retry-After` says when.",
    502: "Litmus rejected it, or did not answer.",
    503: "Starting, draining, or the store cannot be read.",
}
_PROBLEM: Final = "Problem"


def openapi_document(routes: Sequence[Route]) -> dict[str, Any]:
    """Return the document for the routes of the API (those under ``/api/v1``)."""
    served = [route for route in routes if route.path.startswith("/api/v1/")]
    forms = [form for route in served for form in (route.answer, route.body) if form is not None]
    schemas, components = msgspec.json.schema_components(forms, ref_template="#/components/schemas/{name}")
    schema_of = dict(zip(forms, schemas, strict=True))
    paths: dict[str, dict[str, Any]] = {}
    for route in served:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route, schema_of)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Litmus sidecar for Backstage",
            "version": __version__,
            "description": "Chaos engineering of catalog entities, from synchronised Litmus projects.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "paths": paths,
        "components": {
            "schemas": {**components, _PROBLEM: _problem_schema()},
            "securitySchemes": {
                "key": {"type": "apiKey", "in": "header", "name": KEY_HEADER},
                "bearer": {"type": "http", "scheme": "bearer", "description": "A key as Bearer token."},
            },
        },
        "security": [{"key": []}, {"bearer": []}],
    }


def _operation(route: Route, schema_of: Mapping[Any, dict[str, Any]]) -> dict[str, Any]:
    schema = schema_of[route.answer] if route.answer is not None else {}
    content: dict[str, Any] = {}
    for content_type in route.content_types:
        content[content_type] = {
            "schema": schema if content_type == "application/json" else {"type": "string"}
        }
    responses: dict[str, Any] = {str(route.status): {"description": "Success.", "content": content}}
    if route.answer is not None and route.method == "GET":
        responses["304"] = {"description": "The client has this answer (`If-None-Match`)."}
    for status in sorted({*route.errors, 401, 403, 429, 503}):
        responses[str(status)] = {
            "description": _STATUS[status],
            "content": {"application/problem+json": {"schema": {"$ref": f"#/components/schemas/{_PROBLEM}"}}},
        }
    operation: dict[str, Any] = {
        "operationId": route.name,
        "summary": route.summary,
        "parameters": [
            *(_path_parameter(name) for name in _PATH_PARAMETER.findall(route.path)),
            *(_query_parameter(parameter) for parameter in route.parameters),
        ],
        "responses": responses,
    }
    if route.body is not None:
        content = {"application/json": {"schema": schema_of[route.body]}}
        operation["requestBody"] = {"required": route.body_required, "content": content}
    return operation


def _path_parameter(name: str) -> dict[str, Any]:
    return {
        "name": name,
        "in": "path",
        "required": True,
        "description": _PATH_DESCRIPTIONS[name],
        "schema": {"type": "string", "minLength": 1},
    }


def _query_parameter(parameter: Parameter) -> dict[str, Any]:
    return {
        "name": parameter.name,
        "in": "query",
        "required": False,
        "description": parameter.description,
        "schema": dict(parameter.schema),
    }


def _problem_schema() -> dict[str, Any]:
    text = {"type": "string"}
    return {
        "type": "object",
        "title": _PROBLEM,
        "description": "RFC 9457 problem document.",
        "required": ["type", "title", "status", "detail", "code", "requestID"],
        "properties": {
            "type": text,
            "title": text,
            "status": {"type": "integer"},
            "detail": text,
            "code": {**text, "description": "Stable name of the error."},
            "requestID": {**text, "description": "Finds the request in the log."},
            "parameter": {**text, "description": "The parameter that is wrong, if one is."},
        },
    }
