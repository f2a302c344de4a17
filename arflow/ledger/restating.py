"""PURE. What a file says of an account itself, where it has no date for that but those of the invoices beside it.

It is of when the file was written, whatever dates its rows bear; the books go by the dates. So what a file says
otherwise than the file before it is said once more, now, where the dates alone would let it lose to older news. What a
file only repeats is not: people may have said something else since.
"""

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from arflow.accounts.events import Event

_BY_DATE = frozenset({"currency", "pays_through"})
"""What is left to the dates: a currency never changes, and from when on an account pays through another matters."""

Said = Mapping[str, Any]
"""What events say of an account, by field."""


def unsaid(file: Sequence[Event], new: Sequence[Event], earlier: Sequence[Event], known: Sequence[Event]) -> Said:
    """What must be said once more for the books to hold what the account events of `file` say, in its order.

    `new` are those of them that are not known yet, `earlier` those of earlier files as they came in, and `known` all
    that the books know without them, people's words too.
    """
    now, before, since = _agreed(file), _together(earlier), _together([*earlier, *new])
    books, books_before = _together(in_order([*known, *new])), _together(in_order(known))
    repeated = {key for key in now if now[key] == before.get(key) and books.get(key) == books_before.get(key)}
    lost = {key for key in now if now[key] != books.get(key)} - repeated
    gone = _left_over(file, new, earlier)
    heard = {key: value for key, value in now.items() if key not in gone}
    return _apart({key: value for key, value in heard.items() if key in lost or value != since.get(key)})


def _left_over(file: Sequence[Event], new: Sequence[Event], earlier: Sequence[Event]) -> set[tuple[str, str]]:
    """What `file` says in no new row, and a newer row of an earlier file otherwise: that one is exported no more."""
    newest, named = _newest(event for event in earlier if event.clock == _OF_ROWS), _newest(file)
    return {key for key in named.keys() - _newest(new).keys() if named[key] < newest.get(key, named[key])}


_OF_ROWS = dt.time(0)
"""Rows have no time of day; what was said once more has."""


def _newest(events: Iterable[Event]) -> dict[tuple[str, str], dt.date]:
    """The latest date on which `events` speak of each field."""
    found: dict[tuple[str, str], dt.date] = {}
    for event in events:
        found |= {key: max(event.on, found.get(key, event.on)) for key in _fields(event)}
    return found


def in_order(events: Iterable[Event]) -> list[Event]:
    """`events` by their dates and times; those of one moment as they came in."""
    return sorted(events, key=lambda event: (event.on, event.clock))


def _agreed(events: Sequence[Event]) -> dict[tuple[str, str], object]:
    """What all of `events` that speak of a field say of it; where they differ, the dates tell which is newer."""
    found, apart = dict[tuple[str, str], object](), set[tuple[str, str]]()
    for event in events:
        said = _fields(event)
        apart |= {key for key, value in said.items() if found.get(key, value) != value}
        found |= said
    return {key: value for key, value in found.items() if key not in apart}


def _together(events: Iterable[Event]) -> dict[tuple[str, str], object]:
    """The last word of `events` on each field, and of the attributes on each of them."""
    found: dict[tuple[str, str], object] = {}
    for event in events:
        found |= _fields(event)
    return found


def _fields(event: Event) -> dict[tuple[str, str], object]:
    attributes = event.data.get("attributes")
    own = attributes if isinstance(attributes, Mapping) else {}
    plain = {(name, ""): value for name, value in event.data.items() if name not in ("attributes", *_BY_DATE)}
    return plain | {("attributes", name): value for name, value in own.items()}


def _apart(found: Mapping[tuple[str, str], object]) -> Said:
    """The fields of an event that says this."""
    attributes = {name: value for (field, name), value in found.items() if field == "attributes"}
    fields = {field: value for (field, _), value in found.items() if field != "attributes"}
    return fields | ({"attributes": attributes} if attributes else {})
