"""How Litmus filters, sorts and pages: its defaults, its inversions and its database's complaints."""

import re
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

T = TypeVar("T")

DEFAULT_LIMIT = 15
"""Page size of experiments, runs and environments when none is asked for."""

Arguments = dict[str, Any]


class ResolverError(Exception):
    """An error of one field; its text is what Litmus puts into ``message``."""


def page(found: Sequence[T], pagination: Arguments | None, *, default_limit: int | None) -> Sequence[T]:
    """Return the page asked for, or the first ``default_limit`` (``None``: all) without a wish.

    Raises:
        ResolverError: For a page below 0 or a limit below 1, which MongoDB refuses.
    """
    if pagination is None:
        return found[:default_limit]
    number, limit = pagination["page"], pagination["limit"]
    if number < 0:
        raise ResolverError(
            "DB aggregate stage error: (BadValue) invalid argument to $skip stage: "
            "Expected a non-negative number"
        )
    if limit < 1:
        raise ResolverError("DB aggregate stage error: (Location15958) the limit must be positive")
    return found[number * limit : (number + 1) * limit]


def pattern(text: str, *, lenient: bool = False) -> Callable[[str], bool]:
    """Return a test for names; ``lenient`` ignores case, and white space in the pattern.

    Raises:
        ResolverError: If the text is no regular expression.
    """
    try:
        compiled = re.compile(text, re.IGNORECASE | re.VERBOSE if lenient else 0)
    except re.error as error:
        raise ResolverError(
            "DB aggregate stage error: (Location51091) Regular expression is invalid"
        ) from error
    return lambda name: compiled.search(name) is not None


def date_range(dates: Arguments, now_ms: int) -> Callable[[int], bool]:
    """Return a test for a time in milliseconds, both ends included; the end defaults to now.

    Raises:
        ResolverError: If a date is not a number.
    """
    try:
        start = int(dates["startDate"])
    except ValueError as error:
        raise ResolverError("unable to parse start date") from error
    try:
        end = int(dates.get("endDate") or now_ms)
    except ValueError as error:
        raise ResolverError("unable to parse end date") from error
    return lambda moment_ms: start <= moment_ms <= end
