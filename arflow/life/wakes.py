"""The next policy day on which time alone can change what the rules say of an account (contract, section 3).

Between the days on which something jumps (a due date passes, a promise ends, an entry leaves a window) every fact
stands still, grows by one a day or shrinks by one a day. So a clause can only change its truth on a jump day, or where
an age or countdown crosses one of its literals; those days are tried in order, and none is skipped.
"""

import datetime as dt
from collections.abc import Callable

from arflow.accounts.facts import Snapshot
from arflow.rules.watching import Watch

SnapshotOn = Callable[[dt.date], Snapshot]


def first_change(today: Snapshot, watch: Watch, snapshot_on: SnapshotOn) -> dt.date | None:
    """The first day after `today` on which what is watched is no longer as true as today; None if there is none."""
    start = today
    while True:
        jump = _next_jump(start, watch)
        crossing = _first_crossing(start, watch, before=jump)
        if crossing is not None or jump is None:
            return crossing
        start = snapshot_on(jump)
        if watch.pattern(start.facts) != watch.pattern(today.facts):
            return jump


def _next_jump(start: Snapshot, watch: Watch) -> dt.date | None:
    """The first day after `start` on which a fact that is watched can jump; what jumps later is known on that day."""
    turning, days = start.turning, list(start.schedule) if watch.is_scheduled else []
    for name in watch.windows:
        days += turning[name]
    return min(days, default=None)


def _first_crossing(start: Snapshot, watch: Watch, before: dt.date | None) -> dt.date | None:
    """The first day after `start` and before `before` on which an age or countdown turns a clause."""
    found = _days_to_crossing(start, watch)
    if found is None or found > (dt.date.max - start.day).days:
        return None
    day = start.day + dt.timedelta(days=found)
    return day if before is None or day < before else None


def _days_to_crossing(start: Snapshot, watch: Watch) -> int | None:
    """In how many days the first age or countdown turns a clause, if nothing jumps until then."""
    found, day = [], start.day
    for name, course in watch.ages:
        since = start.since[name]
        if since is not None:
            age = (day - since).days
            turns = course.next_above(max(0, age))
            if turns is not None:
                found.append(turns - age)
    for name, course in watch.countdowns:
        until = start.until[name]
        if until is not None:
            left = (until - day).days
            turns = course.next_below(left)
            if turns is not None:
                found.append(left - turns)
    return min(found, default=None)
