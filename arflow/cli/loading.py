"""Commands that are loaded when they are asked for: all of them together take most of a second."""

from collections.abc import Iterator, Mapping
from importlib import import_module

import click


class Loaded(Mapping[str, click.Command]):
    """Commands by name. `places` says where each is, as "package.module:name"; it is loaded when it is looked at."""

    def __init__(self, places: Mapping[str, str]) -> None:
        self._places = places

    def __getitem__(self, name: str) -> click.Command:
        """The command. Raises KeyError when there is none of this name."""
        module, _, attribute = self._places[name].partition(":")
        command: click.Command = getattr(import_module(module), attribute)
        return command

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)
