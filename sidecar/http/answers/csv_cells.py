"""Cells of CSV that no spreadsheet runs as a formula."""

import re
from typing import Final

_LINES: Final = "\n\v\f\r\x1c-\x1e\x85\u2028\u2029"
_BREAKS: Final = f"\t{_LINES}"
# East Asian spreadsheets read full-width and small forms as the plain ones; U+2212 is the minus of typists.
_OPERATORS: Final = "=+\\-@\uff1d\uff0b\uff0d\uff20\ufe66\ufe62\ufe63\ufe6b\u2212"
# The whole run up to what follows is one match, an operator there or not: so no character is looked at twice.
_FORMULA: Final = re.compile(rf'(?:\A|[;{_BREAKS}])[\s";{_BREAKS}]*(?P<operator>[{_OPERATORS}])?')
_BREAK_FIRST: Final = re.compile(rf'(?:\A|(?<=;))[ "]*(?=[{_BREAKS}])|(?<=[{_LINES}])[ "]*(?=\t)')


def safe_cell(value: object) -> object:
    """Return what to write for a value: ``""`` for ``None``, numbers as they are, text with apostrophes.

    An apostrophe stands wherever a spreadsheet would begin a formula: at the
    beginning of the text, and after each semicolon, tab or line break in it,
    since one that splits at semicolons heeds no quotation marks inside of a
    cell. Blanks and quotation marks before the operator do not hide it. A tab
    or line break that would begin a cell has one before it too.
    """
    if value is None:
        return ""
    if not isinstance(value, str):
        return value
    return _FORMULA.sub(_disarm, _BREAK_FIRST.sub(r"\g<0>'", value))


def _disarm(found: re.Match[str]) -> str:
    operator = found["operator"]
    return f"{found[0][:-1]}'{operator}" if operator else found[0]
