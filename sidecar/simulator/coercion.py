"""Variables as Litmus's GraphQL library coerces them, with its messages.

It takes numbers for texts and numeric texts for numbers, wraps single values
into lists, and ignores variables that the operation does not declare.
"""

from typing import Any

from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLSchema,
    OperationDefinitionNode,
    Undefined,
    get_nullable_type,
    is_input_type,
    type_from_ast,
    value_from_ast_untyped,
)

Path = list[str | int]


class VariableError(Exception):
    """A variable does not fit; ``path`` starts with ``variable`` and its name."""

    def __init__(self, message: str, path: Path) -> None:
        super().__init__(message)
        self.path = path


def coerce_variables(
    schema: GraphQLSchema, operation: OperationDefinitionNode, given: dict[str, Any]
) -> dict[str, Any]:
    """Return the declared variables that are given, fit for execution.

    Raises:
        VariableError: For the first one that does not fit.
    """
    coerced: dict[str, Any] = {}
    for definition in operation.variable_definitions or ():
        name = definition.variable.name.value
        declared = type_from_ast(schema, definition.type)
        if declared is None or not is_input_type(declared):
            continue  # validation has said so already
        path: Path = ["variable", name]
        if name not in given:
            if definition.default_value is not None:
                coerced[name] = value_from_ast_untyped(definition.default_value)
            elif isinstance(declared, GraphQLNonNull):
                raise VariableError("must be defined", path)
            continue
        coerced[name] = _coerce(given[name], declared, path)
    return coerced


def _coerce(value: Any, declared: GraphQLInputType, path: Path) -> Any:
    if value is None:
        if isinstance(declared, GraphQLNonNull):
            raise VariableError("cannot be null", path)
        return None
    bare = get_nullable_type(declared)
    if isinstance(bare, GraphQLList):
        values = value if isinstance(value, list) else [value]
        return [_coerce(item, bare.of_type, [*path, index]) for index, item in enumerate(values)]
    if isinstance(bare, GraphQLInputObjectType):
        return _object(value, bare, path)
    if isinstance(bare, GraphQLEnumType):
        if not isinstance(value, str):
            raise VariableError("enums must be ints or strings", path)
        if value not in bare.values:
            raise VariableError(f"{value} is not a valid {bare.name}", path)
        return value
    return _scalar(value, str(bare), path)


def _object(value: Any, declared: GraphQLInputObjectType, path: Path) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise VariableError(f"must be a {declared.name}", path)
    for key in value:
        if key not in declared.fields:
            raise VariableError("unknown field", [*path, key])
    coerced: dict[str, Any] = {}
    for name, field in declared.fields.items():
        if name in value:
            coerced[name] = _coerce(value[name], field.type, [*path, name])
        elif isinstance(field.type, GraphQLNonNull) and field.default_value is Undefined:
            raise VariableError("must be defined", [*path, name])
    return coerced


def _scalar(value: Any, name: str, path: Path) -> Any:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if name in {"String", "ID"} and isinstance(value, str):
        return value
    if name in {"String", "ID"} and number:
        return str(value)
    if name == "Boolean" and isinstance(value, bool):
        return value
    if name == "Int" and not isinstance(value, bool):
        try:
            if number and int(value) == value:
                return int(value)
            if isinstance(value, str):
                return int(value)
        except ValueError:
            pass  # not a numeric text: refused below
    kinds = {bool: "bool", dict: "map", list: "slice"}
    raise VariableError(f"cannot use {kinds.get(type(value), 'string')} as {name}", path)
