"""No regular expression of the service takes more than linear time, whatever text it meets."""

import ast
import importlib
import itertools
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from re import _constants as op
from re import _parser as parser
from time import thread_time
from typing import Any, Final, NamedTuple

import pytest

import sidecar

ROOT: Final = Path(sidecar.__file__).parent
# It stands for Litmus on developers' machines, with Litmus's own faults; nothing of the service imports it.
NOT_SERVED: Final = ROOT / "simulator"
METHODS: Final = frozenset(
    {"match", "fullmatch", "search", "sub", "subn", "split", "findall", "finditer", "scanner"}
)
MENTION: Final = re.compile(rf"\bre\b|\bpattern=|\.\s*(?:{'|'.join(sorted(METHODS))})\b")
"""What a module has in its text if anything here is about it; the others are not parsed."""
SHORT, LONG = 500, 8_000
UNMISTAKABLE_SECONDS: Final = 0.002
"""Of CPU. Linear patterns need a fifth of it for the long texts, quadratic ones many times as much."""
MOST_GROWTH: Final = 3 * LONG / SHORT
"""Linear is 16, quadratic 256."""
LONGEST_EXAMPLE: Final = 64


class Use(NamedTuple):
    """One pattern, and one of the ways in which the package applies it."""

    module: str
    name: str
    method: str


def _trees() -> Iterator[tuple[str, ast.Module]]:
    for path in sorted(ROOT.rglob("*.py")):
        if not path.is_relative_to(NOT_SERVED):
            module = ".".join(("sidecar", *path.relative_to(ROOT).with_suffix("").parts))
            text = path.read_text()
            if MENTION.search(text):
                yield module.removesuffix(".__init__"), ast.parse(text)


TREES: Final = dict(_trees())


def _compiles(node: ast.AST | None) -> bool:
    return isinstance(node, ast.Call) and ast.unparse(node.func) == "re.compile"


def _patterns() -> dict[str, list[str]]:
    """The patterns of each module, by the name of the constant that holds them."""
    return {
        module: [
            ast.unparse(one.target)
            for one in tree.body
            if isinstance(one, ast.AnnAssign) and _compiles(one.value)
        ]
        for module, tree in TREES.items()
    }


PATTERNS: Final = _patterns()


def _uses() -> list[Use]:
    methods: dict[str, set[str]] = {}
    for node in itertools.chain.from_iterable(map(ast.walk, TREES.values())):
        if isinstance(node, ast.Attribute) and node.attr in METHODS:
            methods.setdefault(ast.unparse(node.value).rpartition(".")[2], set()).add(node.attr)
    return [
        # One that is only handed over may be applied in any way.
        Use(module, name, method)
        for module, names in PATTERNS.items()
        for name in names
        for method in sorted(methods.get(name, {"search", "fullmatch"}))
    ]


def _examples(tree: Any, pumped: int, plain: int = 1) -> str:
    """A text that fits a parsed pattern, every repetition ``pumped`` times, or as often as it must be."""
    text = ""
    for kind, value in tree:
        if kind in (op.LITERAL, op.NOT_LITERAL):
            text += chr(value) if kind is op.LITERAL else ("\0" if value else "a")
        elif kind is op.ANY:
            text += "a"
        elif kind is op.IN:
            text += _member(value)
        elif kind in (op.MAX_REPEAT, op.MIN_REPEAT, op.POSSESSIVE_REPEAT):
            least, most, inner = value
            one = _examples(inner, plain)
            times = min(most, max(least, pumped)) if most is not op.MAXREPEAT else max(least, pumped)
            text += (one * times)[: max(LONGEST_EXAMPLE, pumped)]
        elif kind is op.SUBPATTERN:
            text += _examples(value[-1], pumped)
        elif kind is op.BRANCH:
            text += _examples(value[1][0], pumped)
        elif kind is op.ATOMIC_GROUP:
            text += _examples(value, pumped)
    return text


def _member(members: Any) -> str:
    for candidate in "aA0 -_.'\"\t\n:/\0\x80\u2028":
        if re.match(_class_of(members), candidate):
            return candidate
    return chr(members[0][1] if members[0][0] is op.LITERAL else members[0][1][0])


CATEGORIES: Final = {
    op.CATEGORY_SPACE: r"\s",
    op.CATEGORY_NOT_SPACE: r"\S",
    op.CATEGORY_DIGIT: r"\d",
    op.CATEGORY_NOT_DIGIT: r"\D",
    op.CATEGORY_WORD: r"\w",
    op.CATEGORY_NOT_WORD: r"\W",
}


def _class_of(members: Any) -> str:
    text = ""
    for kind, value in members:
        if kind is op.NEGATE:
            text += "^"
        elif kind is op.LITERAL:
            text += re.escape(chr(value))
        elif kind is op.RANGE:
            text += f"{re.escape(chr(value[0]))}-{re.escape(chr(value[1]))}"
        else:
            text += CATEGORIES[value]
    return f"[{text}]"


def _beginnings(tree: Any) -> Iterator[Any]:
    """The pattern as far as each of its parts, those of its groups and alternatives too."""
    parts = list(tree)
    for end in range(1, len(parts) + 1):
        yield parts[:end]
        kind, value = parts[end - 1]
        inner: list[Any] = []
        if kind is op.SUBPATTERN:
            inner = [value[-1]]
        elif kind is op.BRANCH:
            inner = list(value[1])
        elif kind in (op.MAX_REPEAT, op.MIN_REPEAT):
            inner = [value[2]]
        for one in inner:
            for beginning in _beginnings(one):
                yield [*parts[: end - 1], *beginning]


def _adversaries(pattern: re.Pattern[str]) -> Sequence[Callable[[int], str]]:
    """Texts of any length that are bad for this pattern: what fits it almost, again and again."""
    units = {" ", "\t", "\n", "a", "A", "0", "'", '"', ".", "-", "=", ":", "/", "\0", "\u00e9", " \n", "a."}
    heads: set[tuple[str, str]] = set()
    for beginning in _beginnings(parser.parse(pattern.pattern, pattern.flags)):
        for pumped in (0, 1, 9):
            example = _examples(beginning, pumped)
            units.add(example[:LONGEST_EXAMPLE])
            if example:
                heads.add((example[:LONGEST_EXAMPLE], example[-1]))
    made = [partial(_repeated, unit, end) for unit in sorted(units - {""}) for end in ("", "!", "\0", "'")]
    return made + [partial(_pumped, head, last) for head, last in sorted(heads)]


def _repeated(unit: str, end: str, length: int) -> str:
    return (unit * length)[:length] + end


def _pumped(head: str, last: str, length: int) -> str:
    return head + last * length + "\0"


def _apply(pattern: re.Pattern[str], method: str, text: str) -> None:
    if method in {"sub", "subn"}:
        pattern.sub("", text)
    elif method == "finditer":
        for _ in pattern.finditer(text):
            pass
    else:
        getattr(pattern, method)(text)


def _seconds(pattern: re.Pattern[str], method: str, text: str, times: int) -> float:
    took = []
    for _ in range(times):
        begun = thread_time()
        _apply(pattern, method, text)
        took.append(thread_time() - begun)
    return min(took)


def _worse_than_linear(pattern: re.Pattern[str], method: str) -> str | None:
    """A text, shortened, for which the time grows faster than the length; ``None``: there is none."""
    for make in _adversaries(pattern):
        long = make(LONG)
        first = _seconds(pattern, method, long, 1)
        if first < UNMISTAKABLE_SECONDS:
            continue
        short = _seconds(pattern, method, make(SHORT), 9)
        growth = first / short
        if growth > MOST_GROWTH:
            # Once more: what else the machine does must not be taken for the pattern's work.
            growth = _seconds(pattern, method, long, 1) / short
        if growth > MOST_GROWTH:
            return f"{make(40)!r}: {growth:.0f} times the time for {LONG // SHORT} times the length"
    return None


def test_every_pattern_is_a_constant_of_its_module() -> None:
    inline = [
        f"{module}:{node.lineno}"
        for module, tree in TREES.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and ast.unparse(node.func.value) == "re"
        and node.func.attr in METHODS | {"compile", "template"}
    ]
    constants = sum(map(len, PATTERNS.values()))
    assert constants > 30
    assert len(inline) == constants, "used inline, or not annotated as Final at the top of a module"


USES: Final = _uses()
# Not by a test: the import of a library may start a process.
for _use in USES:
    importlib.import_module(_use.module)


@pytest.mark.parametrize("use", USES, ids=lambda use: f"{use.module}.{use.name}.{use.method}")
def test_no_text_costs_a_pattern_more_than_linear_time(use: Use) -> None:
    pattern = getattr(sys.modules[use.module], use.name)
    assert _worse_than_linear(pattern, use.method) is None


@pytest.mark.service
@pytest.mark.parametrize(
    ("text", "method"),
    [
        (r"[,;]?\s*(?:but got|found):.*", "sub"),
        (r"(cannot represent [^:]*):.*", "sub"),
        (r"eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]+", "sub"),
        (r"[\s\"'`]+\Z", "sub"),
        (r"\s+$", "search"),
        (r"([0-9]+(?:\.[0-9]*)?|\.[0-9]+)(ns|us|ms|s|m|h)", "finditer"),
    ],
)
def test_a_quadratic_pattern_would_be_found(text: str, method: str) -> None:
    assert _worse_than_linear(re.compile(text, re.DOTALL), method) is not None


def test_meta_patterns_of_decoded_texts_are_linear() -> None:
    found = [
        re.compile(ast.literal_eval(node.value))
        for tree in TREES.values()
        for node in ast.walk(tree)
        if isinstance(node, ast.keyword) and node.arg == "pattern" and isinstance(node.value, ast.Constant)
    ]
    assert found
    assert [one.pattern for one in found if _worse_than_linear(one, "search")] == []
