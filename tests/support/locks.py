"""The lock files in ``requirements/``, as values."""

import re
from pathlib import Path
from typing import Final, NamedTuple

from packaging.markers import Marker
from packaging.utils import canonicalize_name

REQUIREMENTS: Final = Path(__file__).parents[2] / "requirements"
_PIN: Final = re.compile(r"(?P<name>[A-Za-z0-9._-]+)==(?P<version>[^ ;]+)(?: ; (?P<marker>.+))?")


class Pin(NamedTuple):
    """One version of one distribution."""

    name: str
    """Normalised."""
    version: str
    marker: str | None
    """Where it is installed; ``None``: everywhere."""
    hashes: tuple[str, ...]
    needed_by: tuple[str, ...]
    """Who asks for it: distributions, and our own project with the file that names it."""

    @property
    def applies(self) -> bool:
        """Whether it is installed on this Python and platform."""
        return self.marker is None or Marker(self.marker).evaluate()


def read_lock(name: str) -> tuple[Pin, ...]:
    """Return the pins of a lock file, by its name without suffix.

    Raises:
        ValueError: Quotes a line that is no pin, no hash and no comment.
    """
    text = (REQUIREMENTS / f"{name}.txt").read_text()
    pins: list[Pin] = []
    for line in re.sub(r" \\\n", " ", text).splitlines():
        comment = re.fullmatch(r" +# +(?:via +)?(.*)", line)
        if comment is not None and comment[1] not in {"", "via"}:
            pins[-1] = pins[-1]._replace(needed_by=(*pins[-1].needed_by, comment[1]))
        elif comment is None and not line.startswith("#"):
            pins.append(_pin(line))
    return tuple(pins)


def _pin(line: str) -> Pin:
    requirement, *hashes = re.split(r" +--hash=", line)
    found = _PIN.fullmatch(requirement.strip())
    if found is None:
        raise ValueError(f"not a pinned version: {line}")
    return Pin(canonicalize_name(found["name"]), found["version"], found["marker"], tuple(hashes), ())
