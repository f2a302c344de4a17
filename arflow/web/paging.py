"""Long lists in pages: how much of the list this request shows, and where the rest is."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar
from urllib.parse import quote, urlencode

from flask import request

SIZE = 50
_LAST, _LONGEST = 100_000, 18
"""The last page, and with how many digits a page may be asked for."""

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Paged(Generic[T]):
    """The rows of one page, and whether there are more."""

    rows: Sequence[T]
    number: int
    has_next: bool

    @property
    def previous(self) -> str | None:
        """The address of the page before."""
        return _address(self.number - 1) if self.number > 1 else None

    @property
    def next(self) -> str | None:
        """The address of the page after."""
        return _address(self.number + 1) if self.has_next else None


def paged(read: Callable[[int, int], Sequence[T]], size: int = SIZE) -> Paged[T]:
    """The page that is asked for of what `read` gives, by offset and limit.

    When nothing is there any more, as after somebody has worked all of it, it is the page before, or the first.
    """
    asked = _page_number()
    for number in sorted({asked, max(asked - 1, 1), 1}, reverse=True):
        if rows := read((number - 1) * size, size + 1):  # one more than are shown: whether there are more
            break
    return Paged(rows=rows[:size], number=number, has_next=len(rows) > size)


def paged_of(rows: Sequence[T]) -> Paged[T]:
    """The page that is asked for of `rows`, of which all are known."""
    return paged(lambda offset, limit: rows[offset : offset + limit])


def _page_number() -> int:
    """The number of the page that is asked for, from 1."""
    text = request.args.get("page", "1")
    is_number = text.isascii() and text.isdigit() and len(text) <= _LONGEST
    return max(min(int(text), _LAST), 1) if is_number else 1


def _address(number: int) -> str:
    return address(page=number, tick=None)  # nothing is ticked on a page that nobody has seen


def address(**said: object) -> str:
    """The address of this page, in which `said` is said otherwise, or no more where it is None."""
    kept = [(name, value) for name, value in request.args.items(multi=True) if name not in said]
    new = [(name, value) for name, value in said.items() if value is not None]
    return f"{quote(request.path)}?{urlencode([*kept, *new])}"
