"""How often somebody may within a minute: exactly so often within any, and nothing is kept of who is gone."""

from hypothesis import given
from hypothesis import strategies as st

from sidecar.identity.moving_window import WINDOW_SECONDS, MovingWindow


class Clock:
    """Seconds that a test lets pass."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


@given(
    at_most=st.integers(1, 4),
    steps=st.lists(
        st.tuples(st.sampled_from(("ann", "bob")), st.sampled_from((0, 0, 1, 20, 40, 60, 61))), max_size=40
    ),
)
def test_what_is_counted_is_what_any_minute_has_room_for(at_most: int, steps: list[tuple[str, int]]) -> None:
    clock = Clock()
    window = MovingWindow(at_most, clock=clock)
    counted: dict[str, list[float]] = {"ann": [], "bob": []}
    for name, passes in steps:
        clock.now += passes
        within = [moment for moment in counted[name] if moment >= clock.now - WINDOW_SECONDS]
        assert window.left(name) == at_most - len(within)
        assert window.hit(name) == (len(within) < at_most)
        if len(within) < at_most:
            counted[name].append(clock.now)


def test_who_is_refused_learns_when_they_are_no_more() -> None:
    clock = Clock()
    window = MovingWindow(2, clock=clock)
    assert window.hit("ann")
    clock.now += 10.5
    assert window.hit("ann")
    clock.now += 1
    assert not window.hit("ann")
    assert window.wait_seconds("ann") == 49
    clock.now += 49
    assert window.hit("ann")


def test_of_those_who_did_nothing_for_a_minute_nothing_is_kept_in_the_long_run() -> None:
    clock = Clock()
    window = MovingWindow(1, clock=clock)
    for minute in range(5):
        for number in range(2_000):
            assert window.hit(f"{minute} {number}")
        assert not window.hit(f"{minute} 0")
        clock.now += WINDOW_SECONDS + 1
    assert window.names <= 2 * 2_000
