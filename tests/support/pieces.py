"""Into how many pieces long work falls, so that its bound is counted and not timed."""

from sidecar.runtime.turns import Work


def pieces(work: Work[object]) -> int:
    """Return after how many pieces the work is done; between two of them others may have their turn."""
    return 1 + sum(1 for _ in work)
