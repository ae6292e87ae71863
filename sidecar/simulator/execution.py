"""One GraphQL request, from document to answer, the way Litmus's server goes about it.

Parse, validate, coerce variables (422), then execute: each root field checks the
token and the role for itself, and a failing non-null root field takes the whole
``data`` with it while all errors are told. HTTP transport is ``graphql_http``'s.
"""

import functools
import re
from collections.abc import Callable
from dataclasses import dataclass
from importlib import resources
from typing import Any

from graphql import (
    REMOVE,
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    GraphQLEnumType,
    GraphQLError,
    GraphQLNonNull,
    GraphQLSchema,
    GraphQLSyntaxError,
    OperationDefinitionNode,
    OperationType,
    Visitor,
    build_schema,
    execute_sync,
    parse,
    validate,
    visit,
)

from sidecar.simulator import mutations, queries
from sidecar.simulator.authorization import Caller, asks_auth_server, authorize
from sidecar.simulator.coercion import VariableError, coerce_variables
from sidecar.simulator.selecting import ResolverError
from sidecar.simulator.world import World

Body = dict[str, Any]

_DOCUMENTS_KEPT = 512
"""Documents that need not be validated again; whoever asks a Litmus asks the same few all the time."""
_PARSE_FAILED = "GRAPHQL_PARSE_FAILED"
_VALIDATION_FAILED = "GRAPHQL_VALIDATION_FAILED"


@dataclass(frozen=True, kw_only=True)
class Operation:
    """A request that passed validation."""

    schema: GraphQLSchema
    document: DocumentNode
    node: OperationDefinitionNode
    variables: dict[str, Any]

    @property
    def is_query(self) -> bool:
        """Whether it only reads."""
        return self.node.operation is OperationType.QUERY

    def waits_for_auth(self, caller: Caller) -> bool:
        """Whether it hangs as long as the auth server is away."""
        return any(asks_auth_server(field, caller) for field in root_fields(self.document, self.node))


class RequestError(Exception):
    """The request was refused before execution; ``body`` is the answer, to be sent with 422."""

    def __init__(self, error: Body) -> None:
        super().__init__(error["message"])
        self.body = {"errors": [error], "data": None}


def root_fields(document: DocumentNode, operation: OperationDefinitionNode) -> tuple[str, ...]:
    """Return the names of the root fields in document order, those of fragments included."""
    fragments = {
        node.name.value: node for node in document.definitions if isinstance(node, FragmentDefinitionNode)
    }
    names: list[str] = []

    def collect(selections: Any, seen: frozenset[str]) -> None:
        for selection in selections:
            if isinstance(selection, FieldNode):
                names.append(selection.name.value)
            elif selection.kind == "inline_fragment":
                collect(selection.selection_set.selections, seen)
            elif selection.name.value in fragments and selection.name.value not in seen:
                name = selection.name.value
                collect(fragments[name].selection_set.selections, seen | {name})

    collect(operation.selection_set.selections, frozenset())
    return tuple(names)


def prepare(
    world: World, query: str, variables: dict[str, Any] | None, operation_name: str | None
) -> Operation:
    """Parse, validate and choose the operation.

    Raises:
        RequestError: With the body of the 422 answer.
    """
    schema = _schema(world.since(3, 1))
    document = _valid(schema, query)
    operations = [node for node in document.definitions if isinstance(node, OperationDefinitionNode)]
    named = {node.name.value if node.name else "": node for node in operations}
    node = named.get(operation_name) if operation_name else operations[0] if len(operations) == 1 else None
    if node is None:
        raise RequestError(_coded(f"operation {operation_name or ''} not found", _VALIDATION_FAILED))
    try:
        coerced = coerce_variables(schema, node, variables or {})
    except VariableError as error:
        refusal = {"message": str(error), "path": error.path, "extensions": {"code": _VALIDATION_FAILED}}
        raise RequestError(refusal) from error
    return Operation(schema=schema, document=document, node=node, variables=coerced)


@functools.lru_cache(maxsize=_DOCUMENTS_KEPT)
def _valid(schema: GraphQLSchema, query: str) -> DocumentNode:
    """Return the document, which holds; what was refused is not remembered."""
    if not re.sub(r"#[^\n]*|[\s,\ufeff]", "", query):
        raise RequestError(_coded("no operation provided", _VALIDATION_FAILED))
    try:
        document = parse(query)
    except GraphQLSyntaxError as error:
        message = error.message.removeprefix("Syntax Error: ").removesuffix(".")
        message = re.sub(r"'([^'\w]+)'", r"\1", message).replace("'", '"')
        raise RequestError(_coded(message, _PARSE_FAILED, error)) from error
    if not any(isinstance(node, OperationDefinitionNode) for node in document.definitions):
        raise RequestError(_coded("no operation provided", _VALIDATION_FAILED))
    problems = validate(schema, document)
    if problems:
        refused = RequestError(_coded("", _VALIDATION_FAILED))
        refused.body["errors"] = [
            _coded(problem.message.replace("'", '"'), _VALIDATION_FAILED, problem) for problem in problems
        ]
        raise refused
    return document


def run(operation: Operation, caller: Caller) -> Body:
    """Execute and return the body of the 200 answer, ``errors`` before ``data``."""
    document, hidden = operation.document, _HiddenFields()
    if not caller.world.introspection_enabled:
        document = visit(document, hidden)
    data: dict[str, Any] = dict.fromkeys(hidden.keys)
    errors: list[Body] = [{"message": "introspection disabled", "path": [key]} for key in hidden.keys]
    if not hidden.emptied:
        result = execute_sync(
            operation.schema,
            document,
            context_value=caller,
            variable_values=operation.variables,
            operation_name=operation.node.name.value if operation.node.name else None,
        )
        data = {**(result.data or {}), **data}
        errors = [_told(error) for error in result.errors or ()] + errors
    bubbled = any(data.get(key) is None for key in _non_null_keys(operation) if key in data)
    body: Body = {"errors": errors} if errors else {}
    body["data"] = None if bubbled else _numbers(data)
    return body


class _HiddenFields(Visitor):
    """Takes introspection out of a document and remembers under which keys it was asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.keys: list[str] = []
        self.emptied = False

    def enter_field(self, node: FieldNode, *_args: Any) -> Any:
        if node.name.value not in {"__schema", "__type"}:
            return None
        self.keys.append(node.alias.value if node.alias else node.name.value)
        return REMOVE

    def leave_selection_set(self, node: Any, *_args: Any) -> Any:
        self.emptied = self.emptied or not node.selections


def _non_null_keys(operation: Operation) -> set[str]:
    """Return the response keys of root fields that Litmus declares non-null."""
    root = operation.schema.query_type if operation.is_query else operation.schema.mutation_type
    declared = root.extensions["non_null"] if root else frozenset()
    keys = {name for name in root_fields(operation.document, operation.node) if name in declared}
    for selection in operation.node.selection_set.selections:
        if isinstance(selection, FieldNode) and selection.alias and selection.name.value in declared:
            keys.add(selection.alias.value)
    return keys


def _told(error: GraphQLError) -> Body:
    """Return an error of execution as Litmus tells it: no locations, no extensions."""
    message = error.message
    if message.startswith("Cannot return null for non-nullable field"):
        message = "must not be null"
    return {"message": message, "path": list(error.path or ())}


def _coded(message: str, code: str, error: GraphQLError | None = None) -> Body:
    body: Body = {"message": message}
    if error is not None and error.locations:
        place = error.locations[0]
        body["locations"] = [{"line": place.line, "column": place.column}]
    return body | {"extensions": {"code": code}}


def _numbers(value: Any) -> Any:
    """Write whole floats without a fraction, as Go does."""
    if isinstance(value, dict):
        return {key: _numbers(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_numbers(item) for item in value]
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value


@functools.cache
def _schema(with_stop: bool) -> GraphQLSchema:  # noqa: FBT001 - the key of the cache
    """Return the schema for execution: root fields nullable, enums open on output.

    ``_non_null_keys`` puts back what the nullable root fields take away; Litmus
    reports every failing root field, a strict executor would stop at the first.
    """
    text = resources.files("sidecar.simulator").joinpath("schema.graphql").read_text("utf-8")
    schema = build_schema(text)
    for root in (schema.query_type, schema.mutation_type):
        if root is None:
            continue
        non_null = []
        for name, field in list(root.fields.items()):
            if not with_stop and name in {"stopExperimentRuns", "updateCronExperimentState"}:
                del root.fields[name]
                continue
            if isinstance(field.type, GraphQLNonNull):
                non_null.append(name)
                field.type = field.type.of_type
            field.resolve = _resolver(name)
        root.extensions = {"non_null": frozenset(non_null)}
    for enum in schema.type_map.values():
        if isinstance(enum, GraphQLEnumType) and not enum.name.startswith("__"):
            for hook in ("serialize", "coerce_output_value"):  # the name before and since graphql-core 3.3
                setattr(enum, hook, str)
    return schema


def _resolver(name: str) -> Callable[..., Any]:
    def resolve(_root: Any, info: Any, **args: Any) -> Any:
        caller: Caller = info.context
        try:
            username = authorize(name, caller, args)
            if name in mutations.RESOLVERS:
                return mutations.RESOLVERS[name](caller.world, args, username)
            return queries.RESOLVERS[name](caller.world, args)
        except ResolverError as error:
            raise GraphQLError(str(error)) from error

    return resolve
