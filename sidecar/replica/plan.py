"""A document compiled to closures that turn values of the model into answers.

Everything that depends on the document alone (merging fields, fragments,
aliases, directives, types) is decided here, once; what is left per row is one
dict display. Equal, by a property test, to what graphql-core's executor gives.

Rows of the lists near the root are encoded one by one, so that an answer that
outgrows its budget stops there and not after it filled the memory.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple, cast

import msgspec
from graphql import (
    BooleanValueNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLInterfaceType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLString,
    InlineFragmentNode,
    NamedTypeNode,
    SelectionNode,
    SelectionSetNode,
    VariableNode,
)

from sidecar.replica.document import Document
from sidecar.replica.healing import RECENT_RUNS_AT_MOST
from sidecar.replica.limits import Budget
from sidecar.replica.projection import FIELDS
from sidecar.replica.schema import served_schema
from sidecar.runtime.turns import Work

TYPENAME: Final = "__typename"
_encode: Final = msgspec.json.Encoder().encode

Flags = Mapping[str, bool]
"""Values of the variables that directives ask for."""
Projection = Callable[[Any], Any]
BudgetedProjection = Callable[[Any, Budget], Work[Any]]
"""Work, since what it builds may be large: it may be interrupted after every row."""


class RootSelection(msgspec.Struct, frozen=True, kw_only=True):
    """One field of the root, merged from all places that select it; ``__typename`` is one too."""

    response_key: str
    name: str
    node: FieldNode
    """The first of its nodes; merged ones have equal arguments."""
    project: BudgetedProjection
    """From the value of the root field to what is encoded."""


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What an operation selects, for given values of its flags, in the order of the answer."""

    selections: tuple[RootSelection, ...]

    def encode(self, values: Iterable[Any], budget: Budget) -> Work[bytes]:
        """Return the JSON of ``data`` for one value per selection, in their order, taken one by one.

        Raises:
            QueryRefusedError: If the answer outgrows the budget.
        """
        members: dict[str, Any] = {}
        for selection, value in zip(self.selections, values, strict=True):
            members[selection.response_key] = yield from selection.project(value, budget)
            yield
        data = _encode(members)
        budget.check_whole(len(data))
        return data


def compile_plan(document: Document, flags: Flags) -> Plan:
    """Compile a valid document for these values of its flags."""
    compiler = _Compiler(document.fragments, flags)
    root = document.root_type
    selections: list[RootSelection] = []
    for key, nodes in compiler.collect_fields(root, [document.operation.selection_set]).items():
        name = nodes[0].name.value
        project = (
            _typename(root.name)
            if name == TYPENAME
            else compiler.compile_objects(root.fields[name].type, nodes)
        )
        selections.append(RootSelection(response_key=key, name=name, node=nodes[0], project=project))
    return Plan(selections=tuple(selections))


class _Compiler:
    def __init__(self, fragments: Mapping[str, FragmentDefinitionNode], flags: Flags) -> None:
        self._fragments = fragments
        self._flags = flags

    def collect_fields(
        self, parent: GraphQLObjectType, selection_sets: Sequence[SelectionSetNode]
    ) -> dict[str, list[FieldNode]]:
        """The specification's CollectFields: nodes per response key, in order of first appearance."""
        grouped: dict[str, list[FieldNode]] = {}
        visited: set[str] = set()
        for selection_set in selection_sets:
            self._collect_into(parent, selection_set, grouped, visited)
        return grouped

    def _collect_into(
        self,
        parent: GraphQLObjectType,
        selection_set: SelectionSetNode,
        grouped: dict[str, list[FieldNode]],
        visited: set[str],
    ) -> None:
        for selection in selection_set.selections:
            if not self._included(selection):
                continue
            if isinstance(selection, FieldNode):
                key = selection.alias.value if selection.alias else selection.name.value
                grouped.setdefault(key, []).append(selection)
            elif isinstance(selection, FragmentSpreadNode):
                name = selection.name.value
                if name not in visited:
                    visited.add(name)
                    fragment = self._fragments[name]
                    if _applies(fragment.type_condition, parent):
                        self._collect_into(parent, fragment.selection_set, grouped, visited)
            elif isinstance(selection, InlineFragmentNode) and _applies(selection.type_condition, parent):
                self._collect_into(parent, selection.selection_set, grouped, visited)

    def _included(self, selection: SelectionNode) -> bool:
        for directive in selection.directives or ():
            (argument,) = directive.arguments or ()
            condition = argument.value
            if isinstance(condition, VariableNode):
                holds = self._flags[condition.name.value]
            else:
                holds = cast("BooleanValueNode", condition).value
            if holds is (directive.name.value == "skip"):
                return False
        return True

    def compile_objects(self, type_: GraphQLOutputType, nodes: Sequence[FieldNode]) -> BudgetedProjection:
        """Compile what lies outside of any list: objects stay dicts, rows become encoded JSON."""
        inner = type_.of_type if isinstance(type_, GraphQLNonNull) else type_
        if isinstance(inner, GraphQLList):
            row_type = _object_type_of(inner)
            return self._compile_rows(row_type, nodes) if row_type else _project_leaf
        if not isinstance(inner, GraphQLObjectType):
            return _project_leaf
        members = [
            (member.key, member.get, self.compile_objects(member.type, member.nodes))
            for member in self._merged_fields(inner, nodes)
        ]

        def project(value: Any, budget: Budget) -> Work[dict[str, Any]]:
            budget.spend_fields(len(members))
            built: dict[str, Any] = {}
            for key, get, complete in members:
                built[key] = yield from complete(get(value), budget)
            return built

        return project

    def _compile_rows(self, row_type: GraphQLObjectType, nodes: Sequence[FieldNode]) -> BudgetedProjection:
        project, weight = self._compile_row(row_type, nodes)

        def project_rows(rows: Sequence[Any], budget: Budget) -> Work[msgspec.Raw]:
            budget.spend_fields(len(rows) * weight)
            # One growing piece: thousands of small ones would leave the memory in holes.
            encoded = bytearray(b"[")
            for row in rows:
                part = _encode(project(row))
                budget.spend_bytes(len(part) + 1)
                encoded += part
                encoded += b","
                yield
            encoded[-1:] = b"]" if rows else b"[]"
            return msgspec.Raw(encoded)

        return project_rows

    def _compile_row(self, type_: GraphQLObjectType, nodes: Sequence[FieldNode]) -> tuple[Projection, int]:
        """Compile what lies within a row; the number is how many fields it comes to at most."""
        weight = 0
        items: list[tuple[str, Projection]] = []
        for member in self._merged_fields(type_, nodes):
            complete, member_weight = self._compile_within_row(member.type, member.nodes)
            items.append((member.key, member.get if complete is None else _composed(member.get, complete)))
            weight += 1 + member_weight

        def project(value: Any) -> dict[str, Any]:
            return {key: get(value) for key, get in items}

        return project, weight

    def _compile_within_row(
        self, type_: GraphQLOutputType, nodes: Sequence[FieldNode]
    ) -> tuple[Projection | None, int]:
        inner = type_.of_type if isinstance(type_, GraphQLNonNull) else type_
        object_type = _object_type_of(inner)
        if object_type is None:
            return None, 0
        project, weight = self._compile_row(object_type, nodes)
        if isinstance(inner, GraphQLList):
            return lambda values: [project(value) for value in values], weight * RECENT_RUNS_AT_MOST
        return lambda value: None if value is None else project(value), weight

    def _merged_fields(self, parent: GraphQLObjectType, nodes: Sequence[FieldNode]) -> list["_MergedField"]:
        getters = FIELDS[parent.name]
        grouped = self.collect_fields(parent, [node.selection_set for node in nodes if node.selection_set])
        members: list[_MergedField] = []
        for key, member_nodes in grouped.items():
            name = member_nodes[0].name.value
            if name == TYPENAME:
                members.append(_MergedField(key, _constant(parent.name), GraphQLString, member_nodes))
            else:
                members.append(_MergedField(key, getters[name], parent.fields[name].type, member_nodes))
        return members


class _MergedField(NamedTuple):
    """One field of an object, merged from all places that select it."""

    key: str
    get: Projection
    type: GraphQLOutputType
    nodes: Sequence[FieldNode]


def _applies(condition: NamedTypeNode | None, parent: GraphQLObjectType) -> bool:
    if condition is None or condition.name.value == parent.name:
        return True
    schema = served_schema()
    named = schema.type_map[condition.name.value]
    return isinstance(named, GraphQLInterfaceType) and schema.is_sub_type(named, parent)


def _object_type_of(type_: GraphQLOutputType) -> GraphQLObjectType | None:
    """The object type at the bottom, ``None`` where there is a leaf."""
    while isinstance(type_, GraphQLList | GraphQLNonNull):
        type_ = type_.of_type
    return type_ if isinstance(type_, GraphQLObjectType) else None


def _constant(value: str) -> Projection:
    return lambda _: value


def _typename(value: str) -> BudgetedProjection:
    def project(_value: Any, _budget: Budget) -> Work[str]:
        yield
        return value

    return project


def _composed(get: Projection, complete: Projection) -> Projection:
    return lambda value: complete(get(value))


def _project_leaf(value: Any, _budget: Budget) -> Work[Any]:
    yield
    return value
