"""How a probe says what it found: code and sentence, by how much it matters."""

from datetime import timedelta
from typing import Final

from sidecar.insight.token_findings import Finding, FindingSeverity

PROBE_SECONDS: Final = 5.0
"""Longest that a probe takes."""
CLOCK_TOLERANCE: Final = timedelta(seconds=10)
"""Clocks may differ by so much; tokens are judged by time."""


def failed(code: str, sentence: str) -> Finding:
    """Return what keeps something from working."""
    return Finding(key=code, severity=FindingSeverity.ERROR, sentence=sentence)


def warned(code: str, sentence: str) -> Finding:
    """Return what will, or may, keep something from working."""
    return Finding(key=code, severity=FindingSeverity.WARNING, sentence=sentence)


def noted(code: str, sentence: str) -> Finding:
    """Return what is no fault, and good to know where one is looked for."""
    return Finding(key=code, severity=FindingSeverity.NOTE, sentence=sentence)
