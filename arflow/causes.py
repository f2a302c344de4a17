"""What was recorded of an account, as causes: what became known late is one cause, the rest each at its own time.

Nothing here reads or writes: events and the account's life come in, batches and instants go out.
"""

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence

from arflow.accounts.events import Event
from arflow.isodates import ONE_DAY
from arflow.life.life import Life
from arflow.life.lives import Batch
from arflow.life.records import Entry, EntryKind
from arflow.rules.calendar import instant
from arflow.store import events
from arflow.store.events import StoredEvent


def actors_of(batch: Batch, actors: Mapping[int, str]) -> str:
    """Who recorded the events of a batch."""
    found = (actors.get(id(event), "") for part in batch.parts for event in part.events)
    return ", ".join(dict.fromkeys(actor for actor in found if actor))


def is_late(life: Life, event: StoredEvent) -> bool:
    """Whether the event is dated up to the business now at which it became known."""
    if event.known_on is not None:
        return event.event.on <= event.known_on
    return event.known_at is not None and own_instant(life, event) <= event.known_at


def beginning(pending: Sequence[StoredEvent]) -> list[Event]:
    """The events with which an account that is still to come begins; `pending` are all of its own, in order.

    What became known first and was late then is one cause; else it begins at its first date and time.
    """
    if not pending:
        return []
    known = min(pending, key=lambda stored: stored.row)
    day = known.known_on or (known.known_at.date() if known.known_at else dt.date.min)
    together = [one.event for one in pending if (one.known_on, one.known_at) == (known.known_on, known.known_at)]
    late = [event for event in together if event.on <= day]
    return late or list(events.parts_of(pending)[0].events)


def own_instant(life: Life, event: StoredEvent) -> dt.datetime:
    """The instant of the event's own date and time."""
    return instant(life.zone(), event.event.on, event.event.clock)


def comes_late(life: Life, group: Iterable[StoredEvent], applied_to: dt.datetime | None) -> bool:
    """Whether an event of `group` is dated before what has been applied already, or corrects some of it."""
    return any(
        event.was is not None or (applied_to is not None and own_instant(life, event) < applied_to) for event in group
    )


def known(life: Life, at: dt.datetime | None, on: dt.date | None) -> dt.datetime:
    """The instant at which something became known: as it says, or at the end of a stepped day in the account's zone."""
    if at is not None:
        return at
    return instant(life.zone(), (on or dt.date.min) + ONE_DAY, dt.time(0))


def correction(event: StoredEvent, life: Life) -> Entry:
    """What the journal says of a correction: what was, and what is."""
    at = known(life, event.known_at, event.known_on)
    local = life.local(at)
    what = f"{event.event.kind} {event.event.id or ''}".strip()
    return Entry(
        kind=EntryKind.CORRECTION,
        account=event.event.account,
        at=at,
        on=local.date(),
        clock=local.time().replace(tzinfo=None),
        cause="correction",
        name=what,
        reason=f"was {_shown(event.was or {})}; is {events.canonical(event.event)}",
    )


def _shown(content: Mapping[str, object]) -> str:
    return ", ".join(f"{name} {value}" for name, value in sorted(content.items()))
