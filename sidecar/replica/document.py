"""From the text of a GraphQL document to one operation that the served schema admits.

Parsing and validating is graphql-core's; the order is ours: limits first,
then the rules. Refusals are one short sentence each. They repeat names the
client wrote, never values, and no type names of the schema.
"""

import re
from collections.abc import Mapping
from typing import Any, Final

from graphql import (
    ASTValidationRule,
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    GraphQLError,
    GraphQLField,
    GraphQLObjectType,
    NoSchemaIntrospectionCustomRule,
    OperationDefinitionNode,
    OperationType,
    VariableNode,
    get_argument_values,
    get_variable_values,
    parse,
    specified_rules,
    validate,
)
from graphql.execution.values import VariableValues

from sidecar.domain.errors import QueryRefusedError
from sidecar.replica.limits import Limits, check_complexity
from sidecar.replica.schema import mutation_type, query_type, served_schema

_RULES: Final[tuple[type[ASTValidationRule], ...]] = (NoSchemaIntrospectionCustomRule, *specified_rules)
_SENTENCE_AT_MOST: Final = 200
_WORDED_AT_MOST: Final = 1000
"""Characters of a sentence of graphql-core that are looked at; what follows is the client's own text."""
_CANNOT: Final = "cannot represent "
_TYPE_PHRASE: Final = re.compile(r"(?: (?:on|of|in|for|as))?(?: (?:non-null|input))? type '[^']*'")
_ENUM_PHRASE: Final = re.compile(r" in '[^']*' enum")
_POSITION_PHRASE: Final = re.compile(r" used in position expecting.*", re.DOTALL)
_LEAF_PHRASE: Final = re.compile(r" since type '[^']*' has no subfields| as objects of type [^.]*")
_FOUND_PHRASE: Final = re.compile(r"(?:but got|found):.*", re.DOTALL)
_SUGGESTION: Final = re.compile(r" Did you mean .*", re.DOTALL)


class Document:
    """A valid operation with its fragments; immutable, one per text."""

    def __init__(
        self, operation: OperationDefinitionNode, fragments: Mapping[str, FragmentDefinitionNode]
    ) -> None:
        self.operation = operation
        self.fragments = fragments
        self.flags = tuple(sorted(_flag_variables(operation, fragments)))
        """Variables that ``@skip`` and ``@include`` ask for: a plan is made per set of their values."""

    @property
    def name(self) -> str | None:
        """Name of the operation, ``None`` for an anonymous one."""
        return self.operation.name.value if self.operation.name else None

    @property
    def is_mutation(self) -> bool:
        """Whether the operation changes something."""
        return self.operation.operation is OperationType.MUTATION

    @property
    def root_type(self) -> GraphQLObjectType:
        """The served type the operation starts at."""
        return mutation_type() if self.is_mutation else query_type()


def parse_document(text: str, limits: Limits) -> Document:
    """Return the document's one operation, validated.

    Raises:
        QueryRefusedError: If it is outside the grammar, the limits or the served schema.
    """
    if len(text) > limits.document_characters:
        raise QueryRefusedError(f"Document too long: at most {limits.document_characters} characters")
    try:
        tree = parse(text, no_location=True, max_tokens=limits.tokens)
    except GraphQLError as error:
        raise QueryRefusedError(_sentence(error.message)) from None
    operation, fragments = _only_operation(tree)
    check_complexity(operation.selection_set, fragments, limits)
    problems = validate(served_schema(), tree, _RULES, max_errors=1, hide_suggestions=True)
    if problems:
        raise QueryRefusedError(_sentence(problems[0].message))
    return Document(operation, fragments)


def coerce_variables(document: Document, variables: Mapping[str, Any]) -> VariableValues:
    """Return the declared variables, coerced; those the operation does not declare are dropped.

    Raises:
        QueryRefusedError: If a declared variable has a wrong value or none.
    """
    definitions = document.operation.variable_definitions or ()
    values = get_variable_values(
        served_schema(), definitions, dict(variables), max_errors=1, hide_suggestions=True
    )
    if isinstance(values, VariableValues):
        return values
    raise QueryRefusedError(_sentence(values[0].message))


def coerce_arguments(field: GraphQLField, node: FieldNode, variables: VariableValues) -> dict[str, Any]:
    """Return the arguments of a field: literals, variables and defaults alike.

    Raises:
        QueryRefusedError: If an argument is missing or wrong.
    """
    try:
        return get_argument_values(field, node, variables, hide_suggestions=True)
    except GraphQLError as error:
        raise QueryRefusedError(_sentence(error.message)) from None


def _only_operation(
    tree: DocumentNode,
) -> tuple[OperationDefinitionNode, dict[str, FragmentDefinitionNode]]:
    operations: list[OperationDefinitionNode] = []
    fragments: dict[str, FragmentDefinitionNode] = {}
    for definition in tree.definitions:
        if isinstance(definition, OperationDefinitionNode):
            operations.append(definition)
        elif isinstance(definition, FragmentDefinitionNode):
            fragments[definition.name.value] = definition
    if not operations:
        raise QueryRefusedError("No operation: the document must hold one query or mutation")
    if len(operations) > 1:
        raise QueryRefusedError("Several operations: the document must hold exactly one")
    if operations[0].operation is OperationType.SUBSCRIPTION:
        raise QueryRefusedError("Subscriptions are not served; ask again instead")
    return operations[0], fragments


def _flag_variables(
    operation: OperationDefinitionNode, fragments: Mapping[str, FragmentDefinitionNode]
) -> set[str]:
    found: set[str] = set()
    pending = [operation.selection_set, *(fragment.selection_set for fragment in fragments.values())]
    while pending:
        for selection in pending.pop().selections:
            for directive in selection.directives or ():
                for argument in directive.arguments or ():
                    if isinstance(argument.value, VariableNode):
                        found.add(argument.value.name.value)
            nested = getattr(selection, "selection_set", None)
            if nested:
                pending.append(nested)
    return found


def _sentence(message: str) -> str:
    """Return graphql-core's sentence without type names, values and suggestions, and bounded."""
    message = message[:_WORDED_AT_MOST]
    message = _POSITION_PHRASE.sub(" does not fit where it is used", message)
    message = _without_value(message)
    message = _SUGGESTION.sub("", message)
    message, found = _FOUND_PHRASE.subn("", message)
    if found:
        message = message.rstrip().removesuffix(",").removesuffix(";")
    for phrase in (_LEAF_PHRASE, _ENUM_PHRASE, _TYPE_PHRASE):
        message = phrase.sub("", message)
    if len(message) > _SENTENCE_AT_MOST:
        message = message[: _SENTENCE_AT_MOST - 1] + "…"
    return message


def _without_value(message: str) -> str:
    """Cut off the value that a type cannot represent: what follows a colon."""
    before, cannot, after = message.partition(_CANNOT)
    return before + cannot + after.partition(":")[0]
