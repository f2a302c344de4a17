"""The next policy day on which time alone can change what the rules say of an account (contract, section 3).

Between the days on which something jumps (a due date passes, a promise ends, an entry leaves a window) every fact
stands still, grows by one a day or shrinks by one a day. So a clause can only change its truth on a jump day, or where
an age or countdown crosses one of its literals; those days are tried in order, and none is skipped.
"""

import datetime as dt
from collections.abc import Callable, Iterator

from arflow.accounts.facts import Snapshot
from arflow.rules.watching import Watch

SnapshotOn = Callable[[dt.date], Snapshot]


def first_change(today: Snapshot, watch: Watch, snapshot_on: SnapshotOn) -> dt.date | None:
    """The first day after `today` on which what is watched is no longer as true as today; None if there is none."""
    start, pattern = today, watch.pattern(today.facts)
    while True:
        jump = _next_jump(start, watch)
        crossing = _first_crossing(start, watch, before=jump)
        if crossing is not None or jump is None:
            return crossing
        start = snapshot_on(jump)
        if watch.pattern(start.facts) != pattern:
            return jump


def _next_jump(start: Snapshot, watch: Watch) -> dt.date | None:
    """The first day after `start` on which a fact that is watched can jump; what jumps later is known on that day."""
    days = [start.turning[name] for name in watch.windows]
    if watch.is_scheduled:
        days.append(start.schedule)
    return min((day for known in days for day in known if day > start.day), default=None)


def _first_crossing(start: Snapshot, watch: Watch, before: dt.date | None) -> dt.date | None:
    """The first day after `start` and before `before` on which an age or countdown turns a clause."""
    found = min(_crossings(start, watch), default=None)
    return found if found is not None and (before is None or found < before) else None


def _crossings(start: Snapshot, watch: Watch) -> Iterator[dt.date]:
    """For each age and countdown the first day on which it turns a clause, if nothing jumps until then."""
    for name, course in watch.numbers:
        since, until = start.since.get(name), start.until.get(name)
        if since is not None:
            value = course.next_above(max(0, (start.day - since).days))
            yield from [] if value is None else _day(since, value)
        elif until is not None:
            value = course.next_below((until - start.day).days)
            yield from [] if value is None else _day(until, -value)


def _day(anchor: dt.date, days: int) -> Iterator[dt.date]:
    """The day that is `days` after `anchor`, if there is one in the calendar."""
    try:
        yield anchor + dt.timedelta(days=days)
    except OverflowError:
        return
