"""Where our YAML library reads otherwise than the one of Backstage: tabs, unknown tags, numbers.

Backstage reads with the ``yaml`` package of npm, core schema of YAML 1.2. A
file that works there has to work here, other people's sections included: a tab
may stand wherever it does not indent, a tag that nobody knows is ignored, and
``1_000`` is text.
"""

import re
from typing import Any, Final

from ruamel.yaml.constructor import SafeConstructor
from ruamel.yaml.nodes import MappingNode, ScalarNode, SequenceNode
from ruamel.yaml.resolver import VersionedResolver
from ruamel.yaml.scanner import Scanner as LibraryScanner
from ruamel.yaml.scanner import ScannerError
from ruamel.yaml.tag import Tag

_SPACES: Final = " \t"
_BREAKS: Final = "\r\n\x85\u2028\u2029"
_END: Final = "\0"
"""What the reader gives behind the text."""
_YAML_1_1: Final = (1, 1)
_NULL: Final = re.compile(r"(?:~|[Nn]ull|NULL)?")
_BOOL: Final = re.compile(r"[Tt]rue|TRUE|[Ff]alse|FALSE")
_INT: Final = re.compile(r"0o[0-7]+|[-+]?[0-9]+|0x[0-9a-fA-F]+")
_FLOAT: Final = re.compile(
    r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?"
    r"|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)"
)
_MERGE: Final = re.compile(r"<<")
_CORE: Final = (("null", _NULL), ("bool", _BOOL), ("int", _INT), ("float", _FLOAT), ("merge", _MERGE))
"""The types of plain text in the core schema of YAML 1.2, and ``<<``."""
_TYPE: Final = "tag:yaml.org,2002:"
_LARGEST_EXACT: Final = 2**53
_PAIR: Final = re.compile("[\ud800-\udbff][\udc00-\udfff]")
"""A character that JSON writes as two escapes."""


class Scanner(LibraryScanner):
    """Takes a tab for a space, except where it would indent."""

    def scan_to_next_token(self) -> None:
        """Skip spaces, comments and line ends; a key or an entry may not follow a tab."""
        reader = self.reader
        if reader.index == 0 and reader.peek() == "\ufeff":
            reader.forward()
        while True:
            indents = reader.column == 0 and reader.peek() == "\t"
            spaces = self._skip_spaces()
            if reader.peek() == "#":
                while reader.peek() not in _BREAKS + _END:
                    reader.forward()
            if not self.scan_line_break():
                break
            if not self.flow_level:
                self.allow_simple_key = True
        if "\t" in spaces and not self.flow_level and reader.peek() != _END:
            if indents:
                self._refuse_tab()
            self.allow_simple_key = False

    def scan_plain_spaces(self, indent: Any, start_mark: Any) -> Any:  # noqa: ARG002  # the library's
        """Return what stands between two words of plain text: spaces, or line ends folded."""
        reader = self.reader
        spaces = self._skip_spaces()
        if reader.peek() not in _BREAKS:
            return [spaces] if spaces else []
        line_break = self.scan_line_break()
        self.allow_simple_key = True
        breaks: list[str] = []
        while True:
            if reader.prefix(3) in {"---", "..."} and reader.peek(3) in _SPACES + _BREAKS + _END:
                return None
            while reader.peek() == " ":
                reader.forward()
            indents = reader.peek() == "\t" and reader.column < indent
            self._skip_spaces()
            if reader.peek() not in _BREAKS:
                break
            breaks.append(self.scan_line_break())
        if indents and reader.peek() not in "#" + _END:
            self._refuse_tab()
        if line_break != "\n":
            return [line_break, *breaks]
        return breaks or [" "]

    def scan_block_scalar_indicators(self, start_mark: Any) -> Any:  # noqa: ARG002  # the library's
        """Return how the end of block text is kept, and its indentation."""
        chomping: bool | None = None
        increment: int | None = None
        for _ in range(2):
            character = self.reader.peek()
            if character in "+-" and chomping is None:
                chomping = character == "+"
            elif character in "123456789" and increment is None:
                increment = int(character)
            else:
                break
            self.reader.forward()
        return chomping, increment

    def scan_block_scalar_ignored_line(self, start_mark: Any) -> Any:
        """Skip what stands behind the sign of block text."""
        if self.reader.peek() not in _SPACES + _BREAKS + _END:
            raise ScannerError(None, None, "unexpected sign of block text", self.reader.get_mark())
        self._skip_spaces()
        return super().scan_block_scalar_ignored_line(start_mark)

    def _skip_spaces(self) -> str:
        length = 0
        while self.reader.peek(length) in _SPACES:
            length += 1
        spaces: str = self.reader.prefix(length)
        self.reader.forward(length)
        return spaces

    def _refuse_tab(self) -> None:
        raise ScannerError(None, None, "a tab does not indent", self.reader.get_mark())


class Resolver(VersionedResolver):
    """Gives plain text the types of the core schema, unless the file says that it is YAML 1.1."""

    def resolve(self, kind: Any, value: Any, implicit: Any) -> Any:
        """Return the tag of a node without one."""
        if kind is not ScalarNode or not implicit[0] or self.processing_version == _YAML_1_1:
            return super().resolve(kind, value, implicit)
        for name, pattern in _CORE:
            if pattern.fullmatch(value):
                return Tag(suffix=_TYPE + name)
        return self.DEFAULT_SCALAR_TAG


class Constructor(SafeConstructor):
    """Makes plain values only: numbers, words, text, lists, mappings. Other tags are as if not written."""

    def construct_plain(self, node: Any) -> Any:
        """Return the value of a node; the text, where that does not fit its tag."""
        if isinstance(node, MappingNode):
            return self.construct_yaml_map(node)
        if isinstance(node, SequenceNode):
            return self.construct_yaml_seq(node)
        construct = {
            "null": self.construct_yaml_null,
            "bool": self.construct_yaml_bool,
            "int": self.construct_yaml_int,
            "float": self.construct_yaml_float,
        }.get(str(node.tag).removeprefix(_TYPE))
        if construct is None:
            return _paired(node.value)
        try:
            return whole(construct(node))
        except (ArithmeticError, LookupError, ValueError):
            return node.value  # ``!!int x``


Constructor.yaml_constructors = {None: Constructor.construct_plain}


def _paired(text: str) -> str:
    r"""Return ``"\ud83d\ude00"`` as the one character that it is in JavaScript."""
    return _PAIR.sub(lambda found: found[0].encode("utf-16", "surrogatepass").decode("utf-16"), text)


def whole(value: object) -> object:
    """Return ``1e3`` as the whole number that it is in JavaScript."""
    if isinstance(value, float) and value.is_integer() and abs(value) < _LARGEST_EXACT:
        return int(value)
    return value
