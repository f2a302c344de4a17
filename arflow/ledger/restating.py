"""PURE. What a file says of an account itself, where it has no date for that but those of the invoices beside it.

It is of when the file was written, whatever dates its rows bear; the books go by the dates. So what a file says
otherwise than the file before it is said once more, now, where the dates alone would let it lose to older news. What a
file only repeats is not: people may have said something else since.
"""

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
    now, before, since = _together(file), _together(earlier), _together([*earlier, *new])
    books, books_before = _together(in_order([*known, *new])), _together(in_order(known))
    repeated = {key for key in now if now[key] == before.get(key) and books.get(key) == books_before.get(key)}
    lost = {key for key in now if now[key] != books.get(key)} - repeated
    return _apart({key: value for key, value in now.items() if key in lost or value != since.get(key)})


def in_order(events: Iterable[Event]) -> list[Event]:
    """`events` by their dates and times; those of one moment as they came in."""
    return sorted(events, key=lambda event: (event.on, event.clock))


def _together(events: Iterable[Event]) -> dict[tuple[str, str], object]:
    """The last word of `events` on each field, and of the attributes on each of them."""
    found: dict[tuple[str, str], object] = {}
    for event in events:
        attributes = event.data.get("attributes")
        own = attributes if isinstance(attributes, Mapping) else {}
        found |= {(name, ""): value for name, value in event.data.items() if name not in ("attributes", *_BY_DATE)}
        found |= {("attributes", name): value for name, value in own.items()}
    return found


def _apart(found: Mapping[tuple[str, str], object]) -> Said:
    """The fields of an event that says this."""
    attributes = {name: value for (field, name), value in found.items() if field == "attributes"}
    fields = {field: value for (field, _), value in found.items() if field != "attributes"}
    return fields | ({"attributes": attributes} if attributes else {})
