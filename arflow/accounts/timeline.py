"""Many events, in any order, to one timeline an account: sorted, without repeats, references before what names them."""

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from types import MappingProxyType

from arflow.accounts.events import AMOUNTS, Event
from arflow.errors import Refused

_Key = tuple[str, str]
"""The kind and the id of what an event makes or names."""

_IDENTIFIED = frozenset({"invoice", "payment", "credit", "promise", "dispute"})
_ONCE: Mapping[str, str] = MappingProxyType(
    {
        "payment_reversed": "payment",
        "promise_cancelled": "id",
        "dispute_closed": "id",
        "write_off": "invoice",
        "write_off_reversed": "invoice",
    }
)
_REFERS: Mapping[str, tuple[tuple[str, str], ...]] = MappingProxyType(
    {
        "payment": (("invoice", "invoice"),),
        "payment_reversed": (("payment", "payment"),),
        "credit": (("invoice", "invoice"),),
        "write_off": (("invoice", "invoice"),),
        "write_off_reversed": (("write_off", "invoice"), ("invoice", "invoice")),
        "promise_cancelled": (("promise", "id"),),
        "dispute": (("invoice", "invoice"),),
        "dispute_closed": (("dispute", "id"),),
    }
)
"""Which fields of an event name another one: (its kind, the field)."""


def identity(event: Event) -> tuple[str, str] | None:
    """(kind, id) of an event that can only be there once for its account; None for one that can repeat."""
    if event.kind in _IDENTIFIED:
        return event.kind, str(event.id)
    return None


def same_content(one: Event, other: Event) -> bool:
    """Whether two events say the same; `50.0` and `50.00` are one amount."""
    if (one.on, one.clock) != (other.on, other.clock):
        return False
    return one.data is other.data or _said(one.data) == _said(other.data)


def _said(value: object, name: str = "") -> object:
    if isinstance(value, Mapping):
        return {key: _said(inner, key) for key, inner in value.items()}
    if isinstance(value, tuple):
        return tuple(_said(inner) for inner in value)
    return Decimal(value) if name in AMOUNTS and isinstance(value, str) else value


@dataclass(frozen=True, kw_only=True)
class Moment:
    """The events of one account at one local date and time."""

    on: dt.date
    clock: dt.time
    events: tuple[Event, ...]


def timeline(events: Iterable[Event]) -> list[Moment]:
    """The moments of one account, in order.

    A repeated event with the same content is passed over. Raises Refused, placed at its line, for one with other
    content.
    """
    moments: dict[tuple[dt.date, dt.time], list[Event]] = {}
    for event in sorted(without_repeats(events), key=lambda event: (event.on, event.clock)):
        moments.setdefault((event.on, event.clock), []).append(event)
    return [Moment(on=on, clock=clock, events=tuple(references_first(found))) for (on, clock), found in moments.items()]


def without_repeats(events: Iterable[Event]) -> Iterable[Event]:
    """`events` in their order, each identified one once."""
    seen: dict[tuple[str, str], Event] = {}
    repeated: dict[tuple[str, str], list[Event]] = {}
    for event in events:
        key = identity(event)
        if key is None:
            if event.kind in _ONCE and _repeats(event, repeated):
                continue
            yield event
        elif key not in seen:
            seen[key] = event
            yield event
        elif not same_content(seen[key], event):
            raise Refused(
                f"{event.kind} `{event.id}` of account `{event.account}` is there with other content"
                + (f" (line {seen[key].line})" if seen[key].line else ""),
                line=event.line or None,
            )


def _repeats(event: Event, known: dict[tuple[str, str], list[Event]]) -> bool:
    """Whether an event that refers to another, and has no id of its own, was there before with the same content."""
    earlier = known.setdefault((event.kind, event.text(_ONCE[event.kind])), [])
    if any(same_content(event, other) for other in earlier):
        return True
    earlier.append(event)
    return False


def references_first(events: list[Event]) -> list[Event]:
    """`events` in their order, but what one of them names directly before it, where that comes later in this moment."""
    if len(events) == 1:
        return events
    made = {(event.kind, key_of(event)): at for at, event in reversed([*enumerate(events)])}
    named = [named_by(event) & made.keys() for event in events]
    if not any(named):
        return events
    placed: dict[int, None] = {}
    begun: set[int] = set()

    def place(at: int) -> None:
        """Place an event, behind what it names; a chain of names is three long at most, and a ring is cut."""
        if at not in begun:
            begun.add(at)
            for needed in sorted(made[key] for key in named[at]):
                place(needed)
            placed[at] = None

    for at in range(len(events)):
        place(at)
    return [events[at] for at in placed]


def key_of(event: Event) -> str:
    """What `event` is known by among those of its kind of one account."""
    return event.text(_ONCE[event.kind]) if event.kind in _ONCE else str(event.id)


def named_by(event: Event) -> set[_Key]:
    """The kind and key of each event that `event` refers to, and without which it cannot be."""
    named = {(kind, event.text(name)) for kind, name in _REFERS.get(event.kind, ()) if event.text(name)}
    if event.kind == "promise":
        invoices = event.data.get("invoices")
        named |= {("invoice", key) for key in invoices} if isinstance(invoices, tuple) else set()
    return named
