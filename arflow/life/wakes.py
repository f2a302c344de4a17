"""The next policy day on which time alone can change what the rules say of an account (contract, section 3).

Between the days on which something jumps (a due date passes, a promise ends, an entry leaves a window) every fact
stands still, grows by one a day or shrinks by one a day. So a clause can only change its truth on a jump day, or where
an age or countdown crosses one of its literals; those days are tried in order, and none is skipped.
"""

import datetime as dt
from collections.abc import Callable, Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet

from arflow.accounts.facts import Snapshot
from arflow.rules.catalogue import CATALOGUE, ByTime
from arflow.rules.expressions import Comparison
from arflow.rules.reference import compare

SnapshotOn = Callable[[dt.date], Snapshot]
ONE_DAY = dt.timedelta(days=1)


def first_change(today: Snapshot, clauses: Sequence[Comparison], snapshot_on: SnapshotOn) -> dt.date | None:
    """The first day after `today` on which one of `clauses` is no longer as true as today; None if there is none."""
    truths = [(clause, _truth(clause, today)) for clause in clauses]
    facts = {clause.fact for clause in clauses}
    start = today
    while True:
        jump = _next_jump(start, facts)
        crossing = _first_crossing(start, truths, before=jump)
        if crossing is not None or jump is None:
            return crossing
        start = snapshot_on(jump)
        if any(_truth(clause, start) != truth for clause, truth in truths):
            return jump


def _truth(clause: Comparison, snapshot: Snapshot) -> bool:
    return compare(clause, snapshot.facts[clause.fact])


def _next_jump(start: Snapshot, facts: AbstractSet[str]) -> dt.date | None:
    """The first day after `start` on which one of `facts` can jump; what jumps later is known on that day."""
    days = [start.turning[name] for name in facts & start.turning.keys()]
    if any(name in CATALOGUE and ByTime.SCHEDULE in CATALOGUE[name].by_time for name in facts):
        days.append(start.schedule)
    return min((day for known in days for day in known if day > start.day), default=None)


def _first_crossing(
    start: Snapshot, truths: Iterable[tuple[Comparison, bool]], before: dt.date | None
) -> dt.date | None:
    """The first day after `start` and before `before` on which an age or countdown turns a clause."""
    days = [day for clause, truth in truths for day in _turns(start, clause, truth=truth)]
    found = min(days, default=None)
    return found if found is not None and (before is None or found < before) else None


def _turns(start: Snapshot, clause: Comparison, *, truth: bool) -> Iterator[dt.date]:
    value_on = _moving(start, clause.fact)
    if value_on is None:
        return
    for day in sorted(set(_candidates(start, clause))):
        if day > start.day and compare(clause, value_on(day)) != truth:
            yield day
            return


def _moving(start: Snapshot, fact: str) -> Callable[[dt.date], int] | None:
    """The value of an age or countdown on any day until the next jump, or None for a fact that stands still."""
    since, until = start.since.get(fact), start.until.get(fact)
    if since is not None:
        return lambda day: max(0, (day - since).days)
    if until is not None:
        return lambda day: (until - day).days
    return None


def _candidates(start: Snapshot, clause: Comparison) -> Iterator[dt.date]:
    since, until = start.since.get(clause.fact), start.until.get(clause.fact)
    for literal in clause.values:
        if since is not None:
            yield from _around(since, int(literal))
        elif until is not None:
            yield from _around(until, -int(literal))


def _around(anchor: dt.date, days: int) -> Iterator[dt.date]:
    """The day on which the literal is reached and its neighbours: the only ones where a comparison can turn."""
    try:
        reached = anchor + dt.timedelta(days=days)
        yield from (reached, reached + ONE_DAY)
    except OverflowError:
        return
