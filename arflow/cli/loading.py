"""Commands that are loaded when they are asked for: all of them together take most of a second."""

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import NamedTuple

import click


class Place(NamedTuple):
    """Where a command is, as "package.module:name", and what the list of commands says of it."""

    where: str
    says: str


class Loaded(Mapping[str, click.Command]):
    """Commands by name; each is loaded when it is looked at."""

    def __init__(self, places: Mapping[str, Place]) -> None:
        self._places = places

    @property
    def lines(self) -> list[tuple[str, str]]:
        """Each name in order, with what is said of it."""
        return [(name, place.says) for name, place in sorted(self._places.items())]

    def __getitem__(self, name: str) -> click.Command:
        """The command. Raises KeyError when there is none of this name."""
        module, _, attribute = self._places[name].where.partition(":")
        command: click.Command = getattr(import_module(module), attribute)
        return command

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)


class Listing(click.Group):
    """A group whose help lists its commands and loads none of them."""

    def format_commands(self, _: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list."""
        if isinstance(self.commands, Loaded):
            with formatter.section("Commands"):
                formatter.write_dl(self.commands.lines)
