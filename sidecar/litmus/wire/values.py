"""Values as Litmus writes them, and what each comes to: numbers, times, texts, pages of a list.

Nullable and oddly typed fields are accepted as they come (``null``, ``""``,
numbers as text, null list elements); an identifier that is no text, or a list
that is no list, is a different shape and fails its section. Nothing is
repaired here: healing for the plugin belongs to ``replica``.
"""

import math
from collections.abc import Callable, Sequence
from typing import Annotated, Final, Generic, TypeVar

import msgspec

from sidecar.runtime.turns import Work

T = TypeVar("T")
R = TypeVar("R")

_SMALLEST_MILLISECONDS: Final = 10**11
_LARGEST_MILLISECONDS: Final = 253_402_300_799_999
_LARGEST_COUNT: Final = 2**53

LONGEST_ID: Final = 256
"""Characters of what runs are kept by; Litmus makes UUIDs. An index of PostgreSQL takes two of these."""
LONGEST_NAMED_ID: Final = 1_024
"""Characters of an id that people make of a name: an environment's, an infrastructure's, a hub's."""
LONGEST_WORD: Final = 1_024
"""Characters that are kept of a name, a tag, a phase, a cron text."""
LONGEST_TEXT: Final = 16_384
"""Characters that are kept of a description."""
MOST_ROWS: Final = 10_000
"""Of one answer; a hundred are asked for at once."""
ROWS_AT_ONCE: Final = 10
"""Mapped without a pause, of experiments with their recent runs about a quarter of a millisecond."""
MOST_WORDS: Final = 1_000
"""Tags and the like that are kept of one row."""

Count = Annotated[int, msgspec.Meta(ge=0, le=_LARGEST_COUNT)]
Id = Annotated[str, msgspec.Meta(max_length=LONGEST_ID)]
NamedId = Annotated[str, msgspec.Meta(max_length=LONGEST_NAMED_ID)]
Rows = Annotated[list[T | None], msgspec.Meta(max_length=MOST_ROWS)] | None
Number = str | int | float | None
"""Litmus writes times and some counts as text, and some as numbers."""


class Page(msgspec.Struct, Generic[T], frozen=True, kw_only=True):
    """One page of a list."""

    total: int
    """Rows of the whole list, by Litmus's count; a page past the end may say 0."""
    rows: int
    """Elements Litmus sent, null and unusable ones included."""
    items: tuple[T, ...]
    nulls: int = 0
    """Null elements: rows that Litmus has and could not give."""


def time_ms(value: Number) -> int | None:
    """Return whole Unix milliseconds; ``None`` for unset (``"0"``, ``""``, null) and for what is no time.

    Milliseconds before 1973 cannot occur, so smaller figures are seconds: Litmus's agents write seconds in
    places, and stored data holds both side by side. Beyond the year 9999 no calendar can show it.
    """
    number = _number(value)
    if number is None or number <= 0:
        return None
    milliseconds = int(number * 1000 if number < _SMALLEST_MILLISECONDS else number)
    return milliseconds if milliseconds <= _LARGEST_MILLISECONDS else None


def count(value: Number) -> int:
    """Return a count that Litmus may send as text; 0 where it sent none."""
    number = _number(value)
    return int(number) if number is not None and 0 <= number <= _LARGEST_COUNT else 0


def score(value: Number) -> float | None:
    """Return a resiliency score as sent; ``None`` without one."""
    number = _number(value)
    return None if number is None else float(number)


def _number(value: Number) -> int | float | None:
    if value is None:
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    if not math.isfinite(number):
        return None
    return value if isinstance(value, int) else number


class Wire(msgspec.Struct, frozen=True, rename="camel"):
    """Base of what Litmus sends: unknown fields are ignored, so a newer Litmus may add some."""


class User(Wire, frozen=True):
    """Who did something; Litmus fills only the name."""

    username: str | None = None


def page_of(
    total: int,
    rows: Sequence[R | None] | None,
    mapping: Callable[[R], T | None],
    *,
    at_once: int = ROWS_AT_ONCE,
) -> Work[Page[T]]:
    """Return a page of mapped rows, without null elements and what ``mapping`` has ``None`` for."""
    rows = rows or ()
    items: list[T] = []
    for number, row in enumerate(rows):
        # The first pause parts the mapping from the decoding.
        if number % at_once == 0:
            yield
        mapped = None if row is None else mapping(row)
        if mapped is not None:
            items.append(mapped)
    return Page(total=total, rows=len(rows), items=tuple(items), nulls=sum(row is None for row in rows))


def word(value: str | None) -> str | None:
    """Return a short text; of a longer one what is kept."""
    return None if value is None else value[:LONGEST_WORD]


def description(value: str | None) -> str | None:
    """Return a long text; of a longer one what is kept."""
    return None if value is None else value[:LONGEST_TEXT]


def texts(values: Sequence[str | None] | None) -> tuple[str, ...]:
    """Return short texts, such as tags, without null elements; of more what is kept."""
    return tuple(value[:LONGEST_WORD] for value in (values or ())[:MOST_WORDS] if value is not None)


def username_of(user: User | None) -> str | None:
    """Return the name, ``""`` for an unnamed user, ``None`` without a user."""
    return None if user is None else word(user.username) or ""
