"""What ``init`` prints, section by section. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from sidecar.cli.starter.entities import SeenProject, annotation_text, readable, table
from sidecar.cli.starter.frontend import INSTALL, PACK, SYSTEMS

_UNNAMED: Final = "app-config.litmus.yaml"
_NO_PROJECT: Final = (
    "The token sees no project: invite its user to one in Litmus, as Viewer, and repeat init."
)


@dataclass(frozen=True, kw_only=True)
class Starter:
    """What was made."""

    default: str
    """Name of the first instance, which annotations need not name."""
    fragment: str
    """The fragment of app-config."""
    projects: Sequence[SeenProject]
    needed: Mapping[str, str]
    """Variables of the environment that it needs, each with what it holds."""
    generated: Mapping[str, str] = field(repr=False)
    """Those that were generated, with their values; what the environment had already was taken."""
    advice: Sequence[str]
    """What is unwise about the token, as ``check`` words it."""


def sections(
    made: Starter, systems: Sequence[str], fragment_path: Path | None, environment_path: Path | None
) -> Iterator[tuple[str, str]]:
    """Yield what is printed, title and text; what goes to a file is not printed too."""
    yield "Projects", table(made.projects) if made.projects else _NO_PROJECT
    if fragment_path is None:
        yield _UNNAMED, made.fragment
    if environment_path is None:
        lines = (
            f"# {what}\nexport {name}={made.generated.get(name, '…')}" for name, what in made.needed.items()
        )
        yield "Environment", "\n".join(lines)
    if projects := readable(made.projects):
        title = "Annotations, in the catalog-info.yaml of whoever owns the project"
        yield title, annotation_text(projects, made.default)
    for system in systems:
        yield f"Backstage app, {system} frontend system", f"{PACK}\n{INSTALL}\n\n{SYSTEMS[system]}"
    steps = _steps(str(fragment_path or _UNNAMED), environment_path)
    yield "Next", "\n".join(f"{number}. {step}" for number, step in enumerate(steps, 1))


def _steps(config: str, environment_path: Path | None) -> Iterator[str]:
    if environment_path is not None:
        yield f"Read the environment where the sidecar and Backstage's backend start: . {environment_path}"
    else:
        yield "Set the variables above for the sidecar and, where it says so, for Backstage's backend."
    yield f"Give Backstage the fragment as one more file (--config {config}), or copy it into yours."
    yield "Name the projects at their entities, with the annotations above."
    yield f"Look for mistakes: litmus-sidecar check --config {config}"
    yield f"Serve: litmus-sidecar serve --config {config}"
    yield "Add the plugin to the app, restart Backstage, and open an entity's Resilience tab."
