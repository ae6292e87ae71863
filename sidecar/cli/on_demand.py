"""Commands that are imported when somebody asks for them: what serves takes a second to import."""

import gc
from collections.abc import Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from importlib import import_module

import click


class CommandsOnDemand(MutableMapping[str, click.Command]):
    """The commands of a group by name, as ``click.Group`` keeps them."""

    def __init__(self, places: Mapping[str, str]) -> None:
        """Take where each command is, as ``module:name``."""
        self._places = dict(places)
        self._imported: dict[str, click.Command] = {}

    def __getitem__(self, name: str) -> click.Command:
        if name not in self._imported:
            module, _, attribute = self._places[name].partition(":")
            with _importing():
                self._imported[name] = getattr(import_module(module), attribute)
        return self._imported[name]

    def __setitem__(self, name: str, command: click.Command) -> None:
        self._places[name] = ""
        self._imported[name] = command

    def __delitem__(self, name: str) -> None:
        del self._places[name]
        self._imported.pop(name, None)

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)


@contextmanager
def _importing() -> Iterator[None]:
    """Look for no garbage while modules are imported, nor ever in what they made: it stays.

    Looking took a quarter of the time that the imports of ``serve`` take.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if was_enabled:
            gc.enable()
