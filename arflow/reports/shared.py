"""Figures of a large company, worked out once for everybody who looks at them.

A company of few accounts is added up anew each time, and what is shown is what is there. For a large one that takes
so long that those who look at once would wait for each other, and while the drain runs no answer is the last one. So
its figures are kept for a small multiple of the time that they took; past half of that they are worked out anew behind
the page of whoever comes then, and nobody waits. How old they are is told with them.
"""

import datetime as dt
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Generic, TypeVar
from weakref import WeakKeyDictionary

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError

LARGE = 20_000
"""From how many accounts on figures are shared; fewer are added up in about a tenth of a second."""

MOST_TIMES = 10
"""For how many times as long as they took figures are shown."""

MOST_DAYS = 8
"""Of how many days they are kept."""

T = TypeVar("T")
Work = Callable[[Connection, dt.date], Sequence[T]]


@dataclass(frozen=True, kw_only=True)
class Told(Generic[T]):
    """Figures, and how many seconds ago they stood so."""

    lines: Sequence[T]
    age: float = 0.0


@dataclass(frozen=True, kw_only=True)
class _Known(Generic[T]):
    """Figures as they stood at the moment `begun`, and how many seconds they took."""

    lines: Sequence[T]
    begun: float
    took: float


class Shared(Generic[T]):
    """One kind of figures, of each database that this process looks at."""

    def __init__(self, work: Work[T]) -> None:
        self._work = work
        self._kept: WeakKeyDictionary[Engine, _Kept[T]] = WeakKeyDictionary()
        self._guard = threading.Lock()

    def ask(self, connection: Connection, day: dt.date) -> Told[T]:
        """The figures of `day`: those of this very moment, unless the company is large."""
        if not _is_large(connection):
            return Told(lines=self._work(connection, day))
        with self._guard:
            kept = self._kept.setdefault(connection.engine, _Kept(self._work))
        return kept.ask(connection.engine, day)


class _Kept(Generic[T]):
    """The latest figures of one database, of a few days; whoever holds `_working` works out the next."""

    def __init__(self, work: Work[T]) -> None:
        self._work = work
        self._known: dict[dt.date, _Known[T]] = {}
        self._working = threading.Lock()

    def ask(self, engine: Engine, day: dt.date) -> Told[T]:
        told = self._told(day)
        if told is None:
            with self._working:
                return self._told(day) or self._renewed(engine, day)
        if self._told(day, MOST_TIMES / 2) is None and self._working.acquire(blocking=False):
            threading.Thread(target=self._renew_behind, args=(engine, day), name="adding-up", daemon=True).start()
        return told

    def _told(self, day: dt.date, times: float = MOST_TIMES) -> Told[T] | None:
        """What is known of the day, unless it is older than so many times what it took."""
        known = self._known.get(day)
        if known is None:
            return None
        age = time.monotonic() - known.begun
        return Told(lines=known.lines, age=age) if age <= times * known.took else None

    def _renewed(self, engine: Engine, day: dt.date) -> Told[T]:
        """Work the figures out as they stand now, which a transaction that began before cannot see."""
        begun = time.monotonic()
        with engine.connect() as opened:
            connection = opened.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
            lines = self._work(connection, day)
        took = time.monotonic() - begun
        latest = sorted(self._known.items(), key=lambda pair: pair[1].begun)[1 - MOST_DAYS :]
        self._known = {**dict(latest), day: _Known(lines=lines, begun=begun, took=took)}
        return Told(lines=lines, age=took)

    def _renew_behind(self, engine: Engine, day: dt.date) -> None:
        try:
            with suppress(DBAPIError):  # whoever comes once the last figures are too old meets it again, and is told
                self._renewed(engine, day)
        finally:
            self._working.release()


def _is_large(connection: Connection) -> bool:
    """By what the database last counted; it looks again by itself when a table has grown."""
    counted = text("SELECT reltuples FROM pg_class WHERE oid = 'account'::regclass")
    return float(connection.execute(counted).scalar_one()) >= LARGE
