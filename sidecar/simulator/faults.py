"""Scripted faults: what a server can do to a client besides answering."""

from dataclasses import dataclass, field
from typing import Literal


@dataclass(kw_only=True)
class ScriptedFault:
    """One misbehaviour, for the requests it matches.

    Without ``status`` and ``body`` the real answer is given, after the delay.
    """

    root_field: str | None = None
    """GraphQL root field that a request must ask for; ``None``: any request."""
    path: str | None = None
    """Path that a request must have, such as ``/auth/login``; ``None``: any."""
    times: int | None = 1
    """How many requests it strikes; ``None``: all."""
    status: int | None = None
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes | str | None = None
    """Sent as it is; garbage is welcome."""
    delay_seconds: float = 0.0
    drop: Literal["before", "after"] | None = None
    """Close the connection without an answer: before executing, or after (a mutation is then done)."""
    never_answer: bool = False

    def matches(self, path: str, root_fields: tuple[str, ...]) -> bool:
        """Tell whether it strikes this request."""
        return (
            self.times != 0
            and (self.path is None or self.path == path)
            and (self.root_field is None or self.root_field in root_fields)
        )


class Faults:
    """The faults in force; the first that matches strikes."""

    def __init__(self) -> None:
        self._scripted: list[ScriptedFault] = []

    def add(self, fault: ScriptedFault) -> ScriptedFault:
        """Put a fault in force and return it."""
        self._scripted.append(fault)
        return fault

    def clear(self) -> None:
        """End all faults."""
        self._scripted.clear()

    def take(self, path: str, root_fields: tuple[str, ...]) -> ScriptedFault | None:
        """Return the fault that strikes this request, and count it."""
        for fault in self._scripted:
            if fault.matches(path, root_fields):
                if fault.times is not None:
                    fault.times -= 1
                return fault
        return None
