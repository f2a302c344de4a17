"""Figures of a large company, worked out once for everybody who looks at them.

A company of few accounts is added up anew each time, and what is shown is what is there. For a large one that takes
so long that those who look at once would wait for each other, and while the drain runs no answer is the last one. So
its figures are kept for a multiple of the time that they took; past half of that they are worked out anew, behind the
page of whoever comes then, or of nobody (`keep_ready`) while people have looked lately. So nobody waits. How old they
are is told with them.
"""

import math
import threading
import time
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar
from weakref import WeakKeyDictionary

from sqlalchemy import Connection, Engine, text

LARGE = 20_000
"""From how many accounts on figures are shared; fewer are added up in about a tenth of a second."""

MOST_TIMES = 60
"""For how many times as long as they took figures are shown; so they cost a thirtieth of that time at most."""

READY_SECONDS = 1_800.0
"""For how long after the last look figures are kept ready for the next."""

MOST_KEPT = 8
"""Of how many days, or other things that are asked for, they are kept, where nobody says otherwise."""

_LOOKS = 0.02
"""How many seconds lie between two looks whether figures are there."""

MOST_WAIT = 2
"""How many requests of this process wait at once for figures that somebody works out behind them."""

_waiting = threading.BoundedSemaphore(MOST_WAIT)

T = TypeVar("T")
K = TypeVar("K", bound=Hashable)
Work = Callable[[Connection, K], Sequence[T]]
"""Adds figures up, of a day or of what else they may be asked for."""


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


class Shared(Generic[K, T]):
    """One kind of figures, of each database that this process looks at, each shown for so many times what it took."""

    def __init__(self, work: Work[K, T], most_times: float = MOST_TIMES, most_kept: int = MOST_KEPT) -> None:
        self._work, self._most_times, self._most_kept = work, most_times, most_kept
        self._kept: WeakKeyDictionary[Engine, _Kept[K, T]] = WeakKeyDictionary()
        self._guard = threading.Lock()

    def ask(self, connection: Connection, key: K) -> Told[T]:
        """The figures of `key`: those of this very moment, unless the company is large."""
        if not is_large(connection):
            return Told(lines=self._work(connection, key))
        return self._of(connection.engine).ask(connection.engine, key)

    def ask_soon(self, connection: Connection, key: K) -> Told[T] | None:
        """The same; None while the first figures of a large company are being worked out, behind whoever asks.

        Raises what kept them from being worked out; whoever asks after that lets it be tried again.
        """
        if not is_large(connection):
            return Told(lines=self._work(connection, key))
        return self._of(connection.engine).ask_soon(connection.engine, key)

    def ask_within(self, connection: Connection, key: K, seconds: float) -> Told[T] | None:
        """The same, once they are there; None when that takes longer than so many seconds.

        No more than MOST_WAIT wait at once, since a thread that waits serves nobody; others get None right away.
        """
        told = self.ask_soon(connection, key)
        if told is not None or not _waiting.acquire(blocking=False):
            return told
        try:
            until = time.monotonic() + seconds
            while told is None and time.monotonic() < until:
                time.sleep(_LOOKS)
                told = self.ask_soon(connection, key)
        finally:
            _waiting.release()
        return told

    def keep_ready(self, engine: Engine, key: K, *, expected: bool = False) -> None:
        """Work out the figures of `key` where the next look would wait for them, or let others be worked out behind it.

        Only if somebody has looked within READY_SECONDS, or somebody is `expected` to.
        """
        self._of(engine).keep_ready(engine, key, expected=expected)

    def _of(self, engine: Engine) -> "_Kept[K, T]":
        with self._guard:
            return self._kept.setdefault(engine, _Kept(self._work, self._most_times, self._most_kept))


class _Kept(Generic[K, T]):
    """The latest figures of one database, of a few days; whoever holds `_working` works out the next."""

    def __init__(self, work: Work[K, T], most_times: float, most_kept: int) -> None:
        self._work, self._most_times, self._most_kept = work, most_times, most_kept
        self._known: dict[K, _Known[T]] = {}
        self._failed: dict[K, Exception] = {}
        self._working = threading.Lock()
        self._looked = -math.inf

    def ask(self, engine: Engine, key: K) -> Told[T]:
        self._looked = time.monotonic()
        told = self._told(key)
        if told is None:
            with self._working:
                return self._told(key) or self._renewed(engine, key)
        self._begin_renewing(engine, key)
        return told

    def ask_soon(self, engine: Engine, key: K) -> Told[T] | None:
        self._looked = time.monotonic()
        told, failed = self._told(key), self._failed.pop(key, None)
        if told is None and failed is not None:
            raise failed
        self._begin_renewing(engine, key)
        return told

    def _begin_renewing(self, engine: Engine, key: K) -> None:
        """Have the figures worked out behind whoever asks, when it is time and nobody is at it."""
        if self._is_to_be_renewed(key) and self._working.acquire(blocking=False):
            threading.Thread(target=self._renew_behind, args=(engine, key), name="adding-up", daemon=True).start()

    def keep_ready(self, engine: Engine, key: K, *, expected: bool) -> None:
        is_wanted = expected or time.monotonic() - self._looked <= READY_SECONDS
        if is_wanted and self._is_to_be_renewed(key):
            with self._working:
                if self._is_to_be_renewed(key):
                    self._renewed(engine, key)

    def _is_to_be_renewed(self, key: K) -> bool:
        return self._told(key, part=0.5) is None

    def _told(self, key: K, part: float = 1.0) -> Told[T] | None:
        """What is known of it, unless it is older than this part of the time for which it may be shown."""
        known = self._known.get(key)
        if known is None:
            return None
        age = time.monotonic() - known.begun
        return Told(lines=known.lines, age=age) if age <= part * self._most_times * known.took else None

    def _renewed(self, engine: Engine, key: K) -> Told[T]:
        """Work the figures out as they stand now, which a transaction that began before cannot see."""
        begun = time.monotonic()
        with engine.connect() as opened:
            connection = opened.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
            lines = self._work(connection, key)
        took = time.monotonic() - begun
        latest = sorted(self._known.items(), key=lambda pair: pair[1].begun)
        kept = latest[max(0, len(latest) + 1 - self._most_kept) :]
        self._known = {**dict(kept), key: _Known(lines=lines, begun=begun, took=took)}
        return Told(lines=lines, age=took)

    def _renew_behind(self, engine: Engine, key: K) -> None:
        try:
            self._renewed(engine, key)
        except Exception as error:  # noqa: BLE001  # it is told to who asks once the last figures are too old
            self._failed[key] = error
        finally:
            self._working.release()


def is_large(connection: Connection) -> bool:
    """Whether a company's figures are shared."""
    return counted(connection) >= LARGE


def counted(connection: Connection) -> float:
    """How many accounts the database last counted; it looks again by itself when a table has grown."""
    query = text("SELECT reltuples FROM pg_class WHERE oid = 'account'::regclass")
    return float(connection.execute(query).scalar_one())
