"""How much work one request may cause, checked before the work is done.

Bounds that are cheap to compute: bytes, JSON nesting, tokens, and the fields a
document comes to *after* its fragments are expanded (counted once per
fragment, so a document that would expand to billions is refused as fast as any
other).
"""

from collections.abc import Mapping
from typing import Any, Final

import msgspec
from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    SelectionNode,
    SelectionSetNode,
)

from sidecar.domain.errors import BadRequestError, QueryRefusedError


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """Upper bounds for one request; the plugin's needs are far below every one of them."""

    body_bytes: int = 16 * 1024
    """The plugin's largest request has less than one kilobyte."""
    json_depth: int = 32
    document_characters: int = 10_000
    tokens: int = 500
    """Of the document; the plugin's longest has 57."""
    depth: int = 20
    """Nested selections, fragments included."""
    fields: int = 150
    """Of the document with every fragment expanded wherever it is used; validation is quadratic in it."""
    answer_fields: int = 500_000
    """Fields of the answer: those per row times rows."""
    answer_bytes: int = 16 * 1024 * 1024


def check_json_depth(value: Any, at_most: int) -> None:
    """Refuse JSON that nests deeper than ``at_most``, without recursion.

    Raises:
        BadRequestError: If it does.
    """
    level = [value]
    for _ in range(at_most + 1):
        level = [
            child
            for parent in level
            if isinstance(parent, dict | list)
            for child in (parent.values() if isinstance(parent, dict) else parent)
        ]
        if not level:
            return
    raise json_too_deep(at_most)


def json_too_deep(at_most: int) -> BadRequestError:
    """Return the refusal of JSON that nests deeper than ``at_most``."""
    return BadRequestError(f"Nested too deeply: the body may nest {at_most} levels")


class Complexity(msgspec.Struct, frozen=True):
    """How large a selection is once expanded."""

    fields: int
    depth: int


_CYCLE: Final = Complexity(-1, -1)


class _ComplexityMeter:
    def __init__(self, fragments: Mapping[str, FragmentDefinitionNode], limits: Limits) -> None:
        self._fragments = fragments
        self._limits = limits
        self._known: dict[str, Complexity] = {}

    def selection_set(self, selections: SelectionSetNode, depth: int) -> Complexity:
        if depth > self._limits.depth:
            raise QueryRefusedError(f"Nested too deeply: selections may nest {self._limits.depth} levels")
        if not selections.selections:
            raise QueryRefusedError("Empty selection: every { } must select at least one field")
        parts = [self._selection(one, depth) for one in selections.selections]
        complexity = Complexity(sum(part.fields for part in parts), 1 + max(part.depth for part in parts))
        if complexity.fields > self._limits.fields:
            raise QueryRefusedError(
                f"Too many fields: a document may come to {self._limits.fields} with its fragments expanded"
            )
        return complexity

    def _selection(self, selection: SelectionNode, depth: int) -> Complexity:
        if isinstance(selection, FragmentSpreadNode):
            return self._fragment(selection.name.value, depth)
        nested: SelectionSetNode | None = getattr(selection, "selection_set", None)
        inner = self.selection_set(nested, depth + 1) if nested else Complexity(0, 0)
        return Complexity(inner.fields + isinstance(selection, FieldNode), inner.depth)

    def _fragment(self, name: str, depth: int) -> Complexity:
        known = self._known.get(name)
        if known is _CYCLE:
            raise QueryRefusedError(f'Endless fragment: "{name[:60]}" spreads itself')
        if known is None:
            fragment = self._fragments.get(name)
            if fragment is None:
                raise QueryRefusedError(f'Unknown fragment "{name[:60]}"')
            self._known[name] = _CYCLE
            known = self._known[name] = self.selection_set(fragment.selection_set, depth + 1)
        if depth + known.depth > self._limits.depth:
            raise QueryRefusedError(f"Nested too deeply: selections may nest {self._limits.depth} levels")
        return known


def check_complexity(
    operation: SelectionSetNode,
    fragments: Mapping[str, FragmentDefinitionNode],
    limits: Limits,
) -> None:
    """Refuse a document that is too deep, too wide once expanded, endless or empty somewhere.

    Raises:
        QueryRefusedError: If it is any of these.
    """
    meter = _ComplexityMeter(fragments, limits)
    meter.selection_set(operation, depth=1)


class Budget:
    """What is left of an answer's bounds while it is built: fields before the rows, bytes after each."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._fields = limits.answer_fields
        self._bytes = limits.answer_bytes

    def spend_fields(self, count: int) -> None:
        """Take ``count`` fields.

        Raises:
            QueryRefusedError: If the answer would have too many fields.
        """
        self._fields -= count
        if self._fields < 0:
            raise QueryRefusedError(
                f"Answer too large: at most {self._limits.answer_fields} fields, take a page"
            )

    def spend_bytes(self, count: int) -> None:
        """Take ``count`` bytes.

        Raises:
            QueryRefusedError: If the answer would have too many bytes.
        """
        self._bytes -= count
        if self._bytes < 0:
            raise QueryRefusedError(
                f"Answer too large: at most {self._limits.answer_bytes} bytes, take a page"
            )

    def check_whole(self, size: int) -> None:
        """Refuse a whole answer of more bytes than the limit.

        Raises:
            QueryRefusedError: If it is larger.
        """
        if size > self._limits.answer_bytes:
            self.spend_bytes(self._bytes + 1)
