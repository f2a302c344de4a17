"""Which lines of a file contradict an account's books. Pure: events in, the lines and their reasons out.

A whole line is left out with any of its events, so the books are taken back to before the line began, and folded on
without it. A few of the books on the way are kept for that: folding all anew for each line would take too long.

What is refused need not be what is wrong: a payment of years ago is refused because a line moves its invoice behind it.
So of what is recorded already, a line that has to do with it is to blame. A line that corrects leaves a hole when it is
left out, for what it corrects is not here: what falls into that is nobody's fault, and has to be judged anew with that.
"""

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import suppress
from functools import cached_property

from arflow.accounts.applying import apply
from arflow.accounts.entries import Account
from arflow.accounts.events import Event
from arflow.accounts.timeline import identity, key_of, named_by, timeline
from arflow.errors import Refused

_KEPT = 16
"""How many of the books on the way are kept; each is as large as the account."""


def contradictions(
    blank: Account,
    events: Iterable[Event],
    mine: AbstractSet[int],
    corrections: AbstractSet[int] = frozenset(),
    *,
    first: bool = False,
) -> dict[int, str]:
    """The lines among `mine` that cannot be taken in, with the reason; the other `events` are recorded already.

    `corrections` are those of them whose events are recorded otherwise; with `first` it ends with the first that is
    found of these.
    """
    order = [event for moment in timeline(events) for event in moment.events]
    began = {event.line: place for place, event in reversed(list(enumerate(order)))}
    found: dict[int, str] = {}
    suspects = _Suspects(blank, order, mine, corrections)
    kept, every = {0: blank}, len(order) // _KEPT + 1
    at, books = 0, blank
    while at < len(order) and not (first and corrections & found.keys()):
        if at % every == 0:
            kept[at] = books
        try:
            if order[at].line not in found:
                books = _applied(books, order[at], at)
        except Refused as refused:
            line = suspects.found_out(at)
            if line is not None:  # else no line of the file has to do with it
                own = order[at].line == line
                found[line] = refused.reason if own else f"with it the books would not fit any more: {refused.reason}"
                if began[line] < at:
                    kept = {place: before for place, before in kept.items() if place <= began[line]}
                    at = max(kept)
                    books = kept[at]
                continue
        at += 1
    return found


class _Suspects:
    """The lines of a file that may be to blame for what is refused, each until it is found out."""

    def __init__(
        self, blank: Account, order: Sequence[Event], lines: AbstractSet[int], corrections: AbstractSet[int]
    ) -> None:
        self._blank, self._order, self._lines = blank, order, set(lines)
        self._mine, self._corrections = lines, corrections
        self._holes: set[tuple[str, str]] = set()
        """What is missing only because a correction of it was left out."""

    def found_out(self, at: int) -> int | None:
        """The line that is to blame for the refusal of the event at a place, and not suspected any more; or None.

        It is the event's own line. Else it is the nearest that has to do with it, and else the last one before it;
        but not of an event that is refused without the file as well.
        """
        if _keys(self._order[at]) & self._holes:
            self._holes.add(_made(self._order[at]))
            return None
        kin = at if self._is_suspected(at) else self._kin(at)
        place = self._last_before(at) if kin is None else kin
        if place is None:
            return None
        line = self._order[place].line
        self._lines.remove(line)
        if line in self._corrections:
            self._holes |= self._identified[line]
        return line

    @cached_property
    def _identified(self) -> Mapping[int, set[tuple[str, str]]]:
        """What each line that corrects makes."""
        found: dict[int, set[tuple[str, str]]] = defaultdict(set)
        for event in self._order:
            if event.line in self._corrections and identity(event):
                found[event.line].add(_made(event))
        return found

    def _last_before(self, at: int) -> int | None:
        if at in self._refused_alone:
            return None
        return next((place for place in range(at, -1, -1) if self._is_suspected(place)), None)

    @cached_property
    def _refused_alone(self) -> AbstractSet[int]:
        """The places of what is recorded and contradicts itself: an earlier release took it in."""
        found, books = set[int](), self._blank
        for place, event in enumerate(self._order):
            try:
                if event.line not in self._mine:
                    books = _applied(books, event, place)
            except Refused:
                found.add(place)
        return found

    def _is_suspected(self, place: int) -> bool:
        return self._order[place].line in self._lines

    def _kin(self, at: int) -> int | None:
        """The place of the event that has most to do with the one at `at`, and of those the nearest."""
        about = {place for key in _keys(self._order[at]) for place in self._places[key] if self._is_suspected(place)}
        near = ((rank, abs(place - at), place) for place in about if (rank := self._rank(place, at)) is not None)
        return min(near, default=(0, 0, None))[2]

    def _rank(self, place: int, at: int) -> int | None:
        """How an event has to do with a refused one: it did the same before, made what that names, or named it too.

        What was made may also stand behind it: it has been moved there.
        """
        event, refused = self._order[place], self._order[at]
        if place < at and _made(event) == _made(refused):
            return 0
        if _made(event) in named_by(refused):
            return 1
        return 2 if place < at else None

    @cached_property
    def _places(self) -> Mapping[tuple[str, str], Sequence[int]]:
        """Where something is made or named by a line of the file."""
        found: dict[tuple[str, str], list[int]] = defaultdict(list)
        for place, event in enumerate(self._order):
            for key in _keys(event) if self._is_suspected(place) else ():
                found[key].append(place)
        return found


def _made(event: Event) -> tuple[str, str]:
    return event.kind, key_of(event)


def _keys(event: Event) -> set[tuple[str, str]]:
    """What an event makes and what it names."""
    return {_made(event), *named_by(event)}


def folded(blank: Account, events: Iterable[Event]) -> Account:
    """The account after `events`; what contradicts the others is passed over."""
    account = blank
    for place, event in enumerate(event for moment in timeline(events) for event in moment.events):
        with suppress(Refused):
            account = _applied(account, event, place)
    return account


def _applied(account: Account, event: Event, place: int) -> Account:
    """`account` after `event`, as far as its books go; what only a running life knows is passed over."""
    if event.kind in ("notice_delivered", "notice_failed", "policy"):
        return account
    if event.kind == "account" and "currency" in event.data and event.text("currency") != account.currency:
        raise Refused(f"account `{account.id}` is in {account.currency} and cannot change to {event.text('currency')}")
    return apply(account, event, (dt.datetime.combine(event.on, event.clock, tzinfo=dt.UTC), place))
