"""Which lines of a file contradict an account's books. Pure: events in, the lines and their reasons out.

A whole line is left out with any of its events, so the books are taken back to before the line began, and folded on
without it. A few of the books on the way are kept for that: folding all anew for each line would take too long.
"""

import datetime as dt
from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet

from arflow.accounts.applying import apply
from arflow.accounts.entries import Account
from arflow.accounts.events import Event
from arflow.accounts.timeline import timeline
from arflow.errors import Refused

_KEPT = 16
"""How many of the books on the way are kept; each is as large as the account."""


def contradictions(blank: Account, events: Iterable[Event], mine: AbstractSet[int]) -> dict[int, str]:
    """The lines among `mine` that cannot be taken in, with the reason; the other `events` are recorded already."""
    order = [event for moment in timeline(events) for event in moment.events]
    began = {event.line: place for place, event in reversed(list(enumerate(order)))}
    found: dict[int, str] = {}
    left = set(mine)
    kept, every = {0: blank}, len(order) // _KEPT + 1
    at, books = 0, blank
    while at < len(order):
        if at % every == 0:
            kept[at] = books
        try:
            if order[at].line not in found:
                books = _applied(books, order[at], at)
        except Refused as refused:
            line = _to_blame(order, at, left)
            if line is not None:  # else what is recorded contradicts itself, and no line of the file has to do with it
                found[line] = refused.reason
                left.discard(line)
                if began[line] < at:
                    kept = {place: before for place, before in kept.items() if place <= began[line]}
                    at = max(kept)
                    books = kept[at]
                continue
        at += 1
    return found


def _to_blame(order: Sequence[Event], at: int, mine: AbstractSet[int]) -> int | None:
    """The line of the event that was refused, or else of the last one before it that is new."""
    return next((order[place].line for place in range(at, -1, -1) if order[place].line in mine), None)


def _applied(account: Account, event: Event, place: int) -> Account:
    """`account` after `event`, as far as its books go; what only a running life knows is passed over."""
    if event.kind in ("notice_delivered", "notice_failed", "policy"):
        return account
    if event.kind == "account" and "currency" in event.data and event.text("currency") != account.currency:
        raise Refused(f"account `{account.id}` is in {account.currency} and cannot change to {event.text('currency')}")
    return apply(account, event, (dt.datetime.combine(event.on, event.clock, tzinfo=dt.UTC), place))
