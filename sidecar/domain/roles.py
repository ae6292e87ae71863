"""Roles of Litmus."""

from enum import StrEnum


class LitmusRole(StrEnum):
    """A role in a Litmus project."""

    OWNER = "Owner"
    EXECUTOR = "Executor"
    VIEWER = "Viewer"
