"""The two text formats of Prometheus, line by line: metadata of families, labels, values.

Pure. Classic text and OpenMetrics 1.0 have the same lines of values here; only
the metadata differs, so values are rendered once for both.
"""

import hashlib
import math
from collections.abc import Iterable, Mapping
from typing import Final, Literal

import msgspec

LONGEST_LABEL: Final = 120
"""Characters of a label's value."""
_MARK: Final = 8
"""Characters of the hash behind an id that had to be changed."""
END: Final = b"# EOF\n"
"""What ends OpenMetrics."""

Kind = Literal["gauge", "counter"]


class Family(msgspec.Struct, frozen=True, kw_only=True):
    """A metric: its name, what it means, and what it counts."""

    name: str
    """Of the family; the samples of a counter have ``_total`` behind it."""
    help: str
    kind: Kind = "gauge"

    @property
    def sample_name(self) -> str:
        """What begins the line of a value."""
        return f"{self.name}_total" if self.kind == "counter" else self.name

    def head(self, *, openmetrics: bool) -> bytes:
        """Return the lines before the values."""
        # A counter is called by its samples in classic text, by its family in OpenMetrics.
        name = self.name if openmetrics else self.sample_name
        lines = [f"# HELP {name} {self.help}", f"# TYPE {name} {self.kind}"]
        if openmetrics and self.name.endswith("_seconds"):
            lines.append(f"# UNIT {name} seconds")
        return "".join(f"{line}\n" for line in lines).encode()


class Lines:
    """Lines of values, collected by family."""

    def __init__(self) -> None:
        self._lines: dict[str, list[str]] = {}

    def add(self, family: Family, labels: str, value: float | None) -> None:
        """Add a value under labels of :func:`label_block`; one that is unknown or no number is left out."""
        if value is not None and math.isfinite(value):
            self._lines.setdefault(family.name, []).append(f"{family.sample_name}{{{labels}}} {value!r}\n")

    def encoded(self) -> Mapping[str, bytes]:
        """Return the lines by the name of their family."""
        return {name: "".join(lines).encode() for name, lines in self._lines.items()}


def label_block(labels: Iterable[tuple[str, str]]) -> str:
    """Return labels, whose values are clean, as they stand between the braces."""
    return ",".join(f'{name}="{_escaped(value)}"' for name, value in labels)


def clean_text(text: str) -> str:
    """Return a name as one short line without control characters."""
    plain = _plain(text)
    return plain if len(plain) <= LONGEST_LABEL else f"{plain[: LONGEST_LABEL - 1]}…"


def clean_id(text: str) -> str:
    """Return an id likewise; one that had to be changed ends with a hash, so that two stay two."""
    plain = _plain(text)
    if plain == text and len(plain) <= LONGEST_LABEL:
        return plain
    mark = hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()[:_MARK]
    return f"{plain[: LONGEST_LABEL - _MARK - 1]}~{mark}"


def _plain(text: str) -> str:
    if text.isprintable():
        return text
    return " ".join("".join(one if one.isprintable() else " " for one in text).split())


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
