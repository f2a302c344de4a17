"""The past of a large company, gone through ahead: any day before today is then there at once.

The changes of each day (`sweep`) are kept in the database with the moment up to which everything recorded is in them,
and replaced as a whole, all of one moment. They are made anew behind the pages: when the day has turned, twice a day,
when other policies judge promises, and when somebody looks at a past day and they are older than a while. A page tells
how old they are. Nobody waits for them but who asks for a day that they do not tell of yet, and is told how far they
are. The command line, files, and companies that are not large have past days of the moment (`past`).
"""

import datetime as dt
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic
from typing import Any
from weakref import WeakKeyDictionary

from sqlalchemy import Connection, Double, Engine, Row, cast, delete, func, insert, select
from sqlalchemy.exc import DBAPIError

from arflow.errors import ArflowError
from arflow.isodates import ONE_DAY
from arflow.logs import failure, log
from arflow.reports import days, shared
from arflow.reports.pipeline import Standing, in_all_states
from arflow.reports.present import total
from arflow.reports.shared import Told
from arflow.reports.sweep import NUMBERS, sweep
from arflow.store import policies, tables

SWEEPING = 7238164
"""The advisory lock of who goes through the past."""

LATEST = 12 * 3600.0
"""After how many seconds they are made anew in any case: once a day that ends late in the west is over there."""

ASKED, TIMES = 300.0, 10
"""After how many seconds somebody who looks has them made anew, and after how many times as long as they took."""

TRY_SECONDS = 60.0
"""How soon it is tried again when it failed, or another process is at it."""

PATIENCE = 1.5
"""For how many seconds a page waits for the first ones to be done, before it says how far they are."""

RESTS = 3
"""How many times as long as each batch of accounts took it rests, so that a quarter of a core is taken at most."""

_sweep, _change = tables.pipeline_sweep, tables.pipeline_change


@dataclass(frozen=True, kw_only=True)
class Underway:
    """The figures are being worked out; `done` is which part of the accounts has been gone through, 0 to 1."""

    done: float


def shown(connection: Connection, day: dt.date) -> Told[Standing] | Underway | None:
    """The pipeline at the end of `day`, for a page; what is old is made anew behind it. None when that has failed."""
    sweeper, last = of(connection.engine), _last(connection)
    if _is_due(last, days.today(connection), is_asked=True):
        sweeper.begin(connection.engine)
    if last is not None and last.upto >= day:
        return Told(lines=_pipeline(connection, day), age=last.age)
    done = sweeper.wait(PATIENCE if last is None else 0)
    with connection.engine.connect() as later:  # the page's own transaction does not see what has been done since
        return told(later, day) or (None if sweeper.has_failed else Underway(done=done))


def told(connection: Connection, day: dt.date) -> Told[Standing] | None:
    """The pipeline at the end of `day` as it was recorded when the past was last gone through; None if it is not in."""
    last = _last(connection)
    if last is None or last.upto < day:
        return None
    return Told(lines=_pipeline(connection, day), age=last.age)


def look(connection: Connection) -> None:
    """Have the past of a large company gone through behind the pages, when it is time."""
    if shared.is_large(connection) and _is_due(_last(connection), days.today(connection), is_asked=False):
        of(connection.engine).begin(connection.engine)


class Sweeper:
    """Goes through the past of one database, behind the pages; one thread at a time does."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._thread: threading.Thread | None = None
        self._next, self._done = 0.0, 0.0
        self.has_failed = False
        """Whether the last time came to nothing."""

    def begin(self, engine: Engine) -> None:
        """Begin with it, unless it is being done, or has failed just now."""
        with self._guard:
            if monotonic() < self._next or (self._thread is not None and self._thread.is_alive()):
                return
            self._done = 0.0
            self._thread = threading.Thread(target=self._sweep, args=(engine,), name="sweep", daemon=True)
            self._thread.start()

    def wait(self, seconds: float | None = None) -> float:
        """Wait until what was begun is done, for so many seconds at most; gives which part of it is done."""
        thread = self._thread
        if thread is not None:
            thread.join(seconds)
        return self._done

    def _sweep(self, engine: Engine) -> None:
        is_done, has_failed = False, True
        try:
            is_done, has_failed = renew(engine, self._after), False
        except (ArflowError, DBAPIError) as error:  # the pages tell what there was before
            log(__name__).warning("the past was not gone through", **failure(error))
        finally:
            self.has_failed = has_failed
            if not is_done:
                self._next = monotonic() + TRY_SECONDS

    def _after(self, done: float, rests: float) -> None:
        self._done = done
        time.sleep(rests)  # so that the pages and the drain have the processor in between


_sweepers: WeakKeyDictionary[Engine, Sweeper] = WeakKeyDictionary()
_guard = threading.Lock()


def of(engine: Engine) -> Sweeper:
    """The one sweeper of a database in this process."""
    with _guard:
        return _sweepers.setdefault(engine, Sweeper())


def renew(engine: Engine, after: Callable[[float, float], object] = lambda *_: None) -> bool:
    """Go through the past now, in one transaction; gives whether it was done here, since one at a time does it.

    After each batch of accounts `after` is told which part is done, and for how many seconds to rest: not at all while
    nobody can be told anything before it is done.
    """
    begun = monotonic()
    with engine.connect().execution_options(isolation_level="REPEATABLE READ") as connection, connection.begin():
        if not connection.execute(select(func.pg_try_advisory_xact_lock(SWEEPING))).scalar_one():
            return False
        upto, rests = days.today(connection) - ONE_DAY, _last(connection) is not None
        counted, gone = max(1.0, shared.counted(connection)), 0

        def count(accounts: int, seconds: float) -> None:
            nonlocal gone
            gone += accounts
            after(min(1.0, gone / counted), RESTS * seconds if rests else 0.0)

        changes = sweep(connection, upto, count)
        connection.execute(delete(_sweep))
        connection.execute(delete(_change))
        rows = [
            {"currency": currency, "state": state, "on": on} | {name: getattr(change, name) for name in NUMBERS}
            for (currency, state, on), change in changes.items()
        ]
        if rows:
            connection.execute(insert(_change), rows)
        row = {"upto": upto, "activation": policies.latest_activation(connection), "seconds": monotonic() - begun}
        connection.execute(insert(_sweep).values(at=func.now(), **row))
    return True


def _is_due(last: Row[Any] | None, today: dt.date, *, is_asked: bool) -> bool:
    """Whether the past should be gone through anew; `is_asked` when somebody looks at it."""
    if last is None or last.upto < today - ONE_DAY or last.activation != last.latest_activation:
        return True
    return bool(last.age > (max(ASKED, TIMES * last.seconds) if is_asked else LATEST))


def _last(connection: Connection) -> Row[Any] | None:
    """The last time that it was done; `age` is how many seconds ago everything was as it says."""
    age = cast(func.extract("epoch", func.clock_timestamp() - _sweep.c.at), Double)
    latest = select(func.coalesce(func.max(tables.policy_activation.c.id), 0)).scalar_subquery()
    query = select(_sweep, age.label("age"), latest.label("latest_activation"))
    return connection.execute(query).one_or_none()


def _pipeline(connection: Connection, day: dt.date) -> list[Standing]:
    """Every state in every currency that had accounts at the end of `day`, as all changes until then add up."""
    sums = (total(_change.c[name]).label(name) for name in NUMBERS)
    query = select(_change.c.currency, _change.c.state, *sums).where(_change.c.on <= day)
    rows = connection.execute(query.group_by(_change.c.currency, _change.c.state)).all()
    lines = in_all_states(sorted({row.currency for row in rows if row.accounts}))
    found = {(line.currency, line.state): line for line in lines}
    for row in rows:
        if row.accounts:
            line = found[row.currency, row.state]
            line.accounts, line.open_amount, line.gross = row.accounts, row.open_amount, row.gross
            line.disputed, line.promised = row.disputed, row.promised
            line.collectible = row.gross - row.disputed - row.promised
    return lines
