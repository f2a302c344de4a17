"""Lists for pages: of a large company a block of lines at a time, shared by all who look (`shared`).

So whoever pages through one does not have all of it put in order for each page.
"""

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Generic, TypeVar

from sqlalchemy import Connection

from arflow.reports.shared import Shared, is_large

LINES = 1_000
"""How many lines are read at once; one that is put in order is looked through page by page."""

PATIENCE = 3.0
"""For how many seconds a page waits for a list."""

_MOST_KEPT = 32

B = TypeVar("B")
K = TypeVar("K", bound=Hashable)
Read = Callable[[Connection, K, int, int], B]
"""Reads a part of the list that a key names, by offset and limit."""


@dataclass(frozen=True, kw_only=True)
class Part(Generic[B]):
    """What was read of a list, at which place of it the part begins that was asked for, and how many seconds ago."""

    block: B
    place: int
    age: float


class Blocks(Generic[K, B]):
    """Lists of one kind."""

    def __init__(self, read: Read[K, B]) -> None:
        self._read = read
        self._shared = Shared(self._block, most_kept=_MOST_KEPT)

    def ask(self, connection: Connection, key: K, offset: int, limit: int) -> Part[B] | None:
        """What has `limit` lines of a list from the line number `offset` on; None while it is being worked out.

        Of a large company that is a block with more of them, on either side.
        """
        if not is_large(connection):
            return Part(block=self._read(connection, key, offset, limit), place=0, age=0.0)
        first = offset // LINES * LINES
        told = self._shared.ask_within(connection, (key, first), PATIENCE)
        return None if told is None else Part(block=told.lines[0], place=offset - first, age=told.age)

    def _block(self, connection: Connection, asked: tuple[K, int]) -> list[B]:
        """A block, and one line more: a page at its end looks whether there are others."""
        key, first = asked
        return [self._read(connection, key, first, LINES + 1)]
