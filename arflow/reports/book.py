"""How each account stood at the end of a day: today's from the books, a past day's from them less what came later.

A past day is kept in memory as long as nothing is recorded, because a list that is sorted and paged asks for it again.
What a page shows of a large company may be a little older (`shared`); commands and files are of the moment.
"""

import datetime as dt
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from functools import partial
from weakref import WeakKeyDictionary

from sqlalchemy import Connection, Engine

from arflow.errors import NotNow
from arflow.reports import changes, sweeps
from arflow.reports.ageing import Ageing, ageing
from arflow.reports.days import today
from arflow.reports.measures import Measured, trend
from arflow.reports.owners import Owned
from arflow.reports.past import past_pipeline, past_positions
from arflow.reports.pipeline import Standing
from arflow.reports.positions import Position
from arflow.reports.present import present_positions
from arflow.reports.shared import Shared, Told, is_large
from arflow.reports.summed import present_ageing, present_owners, present_pipeline
from arflow.reports.sweeps import Underway
from arflow.reports.work import Work, work

_MOST_KEPT = 8
_PATIENCE = 5.0
"""How many seconds one who asks waits for those who asked before."""

_Key = tuple[dt.date, changes.Mark]


class _Kept:
    """The last few days that were asked for of one database; one at a time is worked out."""

    def __init__(self, patience: float = _PATIENCE) -> None:
        self._lock, self._patience = threading.Lock(), patience
        self._days: OrderedDict[_Key, Sequence[Position]] = OrderedDict()

    def get(self, key: _Key, work: Callable[[], Sequence[Position]]) -> Sequence[Position]:
        """What is kept, or worked out now. Raises NotNow rather than wait long: a waiting thread serves nobody."""
        if not self._lock.acquire(timeout=self._patience):
            raise NotNow("others are having past days added up just now; try again in a moment")
        try:
            found = self._days.pop(key, None)
            self._days[key] = work() if found is None else found
            while len(self._days) > _MOST_KEPT:
                self._days.popitem(last=False)
            return self._days[key]
        finally:
            self._lock.release()


_kept: WeakKeyDictionary[Engine, _Kept] = WeakKeyDictionary()


def stood(connection: Connection, day: dt.date) -> Sequence[Position]:
    """Every account that anything was recorded of by the end of `day`, in the order of their ids."""
    if day == today(connection):
        return present_positions(connection, day)
    kept = _kept.setdefault(connection.engine, _Kept())
    return kept.get((day, changes.mark(connection)), lambda: past_positions(connection, day))


def pipeline_of(connection: Connection, day: dt.date) -> list[Standing]:
    """How many accounts and how much money stood in each state at the end of `day`."""
    if day == today(connection):
        return present_pipeline(connection, day)
    return past_pipeline(connection, day)


def ageing_of(connection: Connection, day: dt.date) -> list[Ageing]:
    """What was open and overdue at the end of `day`, by currency and age."""
    if day == today(connection):
        return present_ageing(connection, day)
    return ageing(stood(connection, day))


PERIODS = (30, 90, 365)
"""Of how many days pages tell how collecting goes."""

_pipeline, _ageing, _owners = Shared(pipeline_of), Shared(ageing_of), Shared(present_owners)
_SLOWLY = 600
"""For how many times as long as they took such figures are shown: they take long, and change little in an hour."""

_trends = {days: Shared(partial(trend, days=days), _SLOWLY) for days in PERIODS}
_works = {days: Shared(partial(work, days=days), _SLOWLY) for days in PERIODS}


def pipeline_shown(connection: Connection, day: dt.date) -> Told[Standing] | Underway:
    """`pipeline_of` for a page; a past day of a large company as it was known when all of them were gone through."""
    if day >= today(connection) or not is_large(connection):
        return _pipeline.ask(connection, day)
    return sweeps.shown(connection, day) or _pipeline.ask(connection, day)


def ageing_shown(connection: Connection, day: dt.date) -> Told[Ageing]:
    """`ageing_of` for a page."""
    return _ageing.ask(connection, day)


def owners_shown(connection: Connection) -> Told[Owned]:
    """Who has what today, for a page."""
    return _owners.ask(connection, today(connection))


def trend_shown(connection: Connection, day: dt.date, days: int) -> Told[Measured] | None:
    """`trend` for a page, of one of PERIODS; None while that of a large company is being worked out."""
    return _trends[days].ask_soon(connection, day)


def work_shown(connection: Connection, days: int) -> Told[Work] | None:
    """Who has what to do today, and did what in the days before, for a page; of one of PERIODS. None as above."""
    return _works[days].ask_soon(connection, today(connection))


def keep_ready(engine: Engine, *, begins: bool = False) -> None:
    """See to it that nobody waits for the figures of a large company: called every few seconds by who serves pages.

    Those of today that were looked at lately are worked out anew in time, on a new day at once; when a process
    `begins`, the pipeline is worked out, a lead's first page. The past is gone through
    beside it, when it is time.
    """
    with engine.connect() as connection:
        day, shares = today(connection), is_large(connection)
        sweeps.look(connection)
    if shares:
        _pipeline.keep_ready(engine, day, expected=begins)
        _ageing.keep_ready(engine, day)
        _owners.keep_ready(engine, day)
        for days in PERIODS:
            _trends[days].keep_ready(engine, day)
            _works[days].keep_ready(engine, day)
