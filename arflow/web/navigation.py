"""The navigation of a page: who may use what, in order; the admins' pages in a second line of their own."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from flask import request

from arflow.web.pages import Directory, Entry

ADMIN = 60
"""From this place on, entries stand in the second line, which is shown on the admins' pages."""


@dataclass(frozen=True, kw_only=True)
class Line:
    """An entry as it is shown; `is_here` marks the one that leads to this page, or to those around it."""

    label: str
    endpoint: str
    is_here: bool


@dataclass(frozen=True, kw_only=True)
class Navigation:
    """The two lines."""

    first: Sequence[Line] = ()
    second: Sequence[Line] = ()


def navigation(directory: Directory, words: Collection[str]) -> Navigation:
    """The navigation of somebody with these roles, on the page of this request."""
    entries = list(directory.menu(words))
    lines = [Line(label=entry.label, endpoint=entry.endpoint, is_here=_is_here(entry, entries)) for entry in entries]
    admin = [line for line, entry in zip(lines, entries, strict=True) if entry.place >= ADMIN]
    if len(admin) < 2:  # noqa: PLR2004  # one line needs no second one
        return Navigation(first=lines)
    is_here = any(line.is_here for line in admin)
    door = Line(label="Admin", endpoint=admin[0].endpoint, is_here=is_here)
    return Navigation(first=[*lines[: -len(admin)], door], second=admin if is_here else ())


def _is_here(entry: Entry, entries: Sequence[Entry]) -> bool:
    if request.endpoint == entry.endpoint:
        return True
    blueprint = entry.endpoint.partition(".")[0]
    alone = sum(other.endpoint.startswith(f"{blueprint}.") for other in entries) == 1
    return alone and request.blueprint == blueprint
