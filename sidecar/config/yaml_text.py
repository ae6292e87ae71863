"""YAML 1.2 and JSON text to plain values, as Backstage reads them.

With ``yaml_dialect`` the one module that knows a YAML library. Its errors say
where and what kind of mistake, and never quote the text: a configuration file
holds secrets.
"""

import io
import itertools
import json
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Final, NamedTuple, NoReturn

from ruamel.yaml import YAML
from ruamel.yaml.constructor import DuplicateKeyError
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from sidecar.config.yaml_dialect import Constructor, Resolver, Scanner, whole

_SEPARATOR: Final = re.compile(r"^---(?=\s|\Z)", re.MULTILINE)
_MAY_BE_JSON: Final = re.compile(
    r"[ \r\n]*\{[ -~\r\n\u00a0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]*"
)
"""A mapping without what means something else in YAML than in JSON: tabs, controls, line ends of Unicode."""
_MOST_BRACKETS: Final = 100
"""Of what is read as JSON: it is no deeper than YAML is read."""


class TextError(ValueError):
    """The text is not YAML (or JSON); ``str(error)`` says what is wrong without quoting any of it."""

    def __init__(self, reason: str, line: int | None) -> None:
        super().__init__(reason if line is None else f"{reason} (line {line})")
        self.reason = reason
        self.line = line
        """Counted from 1; ``None`` where the parser does not say."""


class TextDocument(NamedTuple):
    """One document of a multi-document text."""

    number: int
    """Counted from 1; an empty document counts, text before a first ``---`` only if it has content."""
    content: object
    """Plain values, or a :class:`TextError`."""


def parse_yaml(text: str, *, first_line: int = 1) -> object:
    """Return the value of a text that holds one YAML document.

    ``first_line`` is the number of the text's first line, for the error.
    A mapping of JSON, as tools write catalogs, means the same in YAML, and is read many times faster.

    Raises:
        TextError: If it is not YAML, has a key twice, or holds several documents.
    """
    if _MAY_BE_JSON.fullmatch(text) and text.count("{") + text.count("[") <= _MOST_BRACKETS:
        # What is wrong with it, and where, the other reader says.
        with suppress(TextError):
            return _parse_json(text, lambda number: whole(float(number)))
    yaml = YAML(typ="safe", pure=True)
    yaml.Scanner, yaml.Resolver, yaml.Constructor = Scanner, Resolver, Constructor
    # Its warning quotes the text.
    yaml.composer.warn_double_anchors = False
    failure: TextError
    try:
        value: object = yaml.load(text)
    except DuplicateKeyError as error:
        failure = TextError("a key appears twice in one mapping", _line(error, first_line))
    except YAMLError as error:
        failure = TextError("it is not valid YAML", _line(error, first_line))
    except RecursionError:
        failure = TextError("it is nested too deeply", None)
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError):
        # What the library's constructors raise for a value that does not fit its explicit tag.
        failure = TextError("a value does not fit its YAML type", None)
    else:
        return value
    # Raised here, not above: the library's error quotes the text, and must not travel as a context.
    raise failure


def parse_json(text: str) -> object:
    """Return the value of a JSON text.

    Raises:
        TextError: If it is not JSON, or has a key twice.
    """
    return _parse_json(text, float)


def _parse_json(text: str, parse_float: Callable[[str], object]) -> object:
    failure: TextError
    try:
        value: object = json.loads(
            text, object_pairs_hook=_distinct, parse_constant=_refuse, parse_float=parse_float
        )
    except json.JSONDecodeError as error:
        failure = TextError("it is not valid JSON", error.lineno)
    except TextError as error:
        failure = error
    except ValueError:
        failure = TextError("it is not valid JSON", None)
    except RecursionError:
        failure = TextError("it is nested too deeply", None)
    else:
        return value
    raise failure


def parse_documents(text: str) -> Iterator[TextDocument]:
    """Yield every document of a YAML text; a bad one loses none of the others.

    A line that begins with ``---`` always ends the document before it, even
    inside quotes or block text, so the text can be cut there.
    """
    text = text.removeprefix("\ufeff")
    separators = [match.start() for match in _SEPARATOR.finditer(text)]
    number, first_line = 0, 1
    for start, end in itertools.pairwise([None, *separators, len(text)]):
        # The separator itself becomes spaces: what follows on its line belongs to the document.
        body = text[:end] if start is None else "   " + text[start + 3 : end]
        line, first_line = first_line, first_line + text.count("\n", start or 0, end)
        blank = all(map(_has_no_content, _lines(body)))
        if blank and start is None:
            continue
        number += 1
        if blank:
            continue
        try:
            yield TextDocument(number, parse_yaml(body, first_line=line))
        except TextError as error:
            yield TextDocument(number, error)


def dump_yaml(value: object) -> str:
    """Write plain values as YAML for people, mappings in their own order."""
    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style = False
    yaml.sort_base_mapping_type_on_output = False  # type: ignore[assignment]  # its stub knows only None
    text = io.StringIO()
    yaml.dump(value, text)
    return text.getvalue()


def _line(error: YAMLError, first_line: int) -> int | None:
    mark = error.problem_mark if isinstance(error, MarkedYAMLError) else None
    return None if mark is None else first_line + int(mark.line)


def _distinct(pairs: list[tuple[str, object]]) -> dict[str, object]:
    mapping = dict(pairs)
    if len(mapping) != len(pairs):
        raise TextError("a key appears twice in one mapping", None)
    return mapping


def _refuse(_constant: str) -> NoReturn:
    raise TextError("it is not valid JSON", None)


def _lines(text: str) -> list[str]:
    return text.replace("\r\n", "\n").replace("\r", "\n").split("\n")


def _has_no_content(line: str) -> bool:
    """Tell whether a line is blank, a comment, a directive, or the end of a document."""
    stripped = line.strip(" \t")
    return not stripped or stripped.startswith("#") or line.startswith("%") or line.rstrip(" \t") == "..."
