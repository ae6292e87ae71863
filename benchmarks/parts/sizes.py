"""How much is measured."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, kw_only=True)
class Sizes:
    """Of everything that is done; the defaults take up to an hour on two cores."""

    rounds: int = 3
    """In which both of what is compared are asked in turns."""
    round_seconds: float = 0.5
    answers: tuple[str, ...] = ("",)
    """What the names of warm answers begin with that are measured."""
    answers_unlogged: tuple[str, ...] = ("query",)
    """The same where only failed requests are logged."""
    upstreams_ms: tuple[int, ...] = (0, 50, 300)
    """How late each upstream of the direct path answers."""
    requests: int = 1_000
    """Of the stampede."""
    projects: tuple[tuple[int, int], ...] = ((100, 5), (1_000, 5), (1_000, 50))
    """Numbers of projects that are kept fresh, and of experiments in each."""
    rest_seconds: float = 180.0
    """Until all of them were read wholly, at most."""
    window_seconds: float = 60.0
    """How long is measured then: each is read once a minute."""
    runs: int = 100_000
    experiments: int = 5_000
    """Of the large project."""
    watch_seconds: float = 15.0


USUAL: Final = Sizes()
HUGE: Final = Sizes(projects=((100, 5), (1_000, 5), (1_000, 50), (5_000, 5)), runs=1_000_000)
QUICK: Final = Sizes(
    rounds=1,
    round_seconds=0.1,
    answers=("query 1 kB", "query 20 kB of a person, traced", "badge"),
    answers_unlogged=("query 1 kB",),
    upstreams_ms=(0, 50),
    requests=100,
    projects=((10, 2), (20, 2)),
    rest_seconds=1.0,
    window_seconds=1.0,
    runs=5_000,
    experiments=200,
    watch_seconds=1.0,
)
