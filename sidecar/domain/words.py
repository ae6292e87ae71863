"""Words that sentences in several rooms have in common. Pure."""


def counted(count: int, noun: str, plural: str | None = None) -> str:
    """Return a number with its noun: ``1 run``, ``2 runs``; ``plural`` is for nouns that take no s."""
    return f"{count} {noun if count == 1 else plural or noun + 's'}"
