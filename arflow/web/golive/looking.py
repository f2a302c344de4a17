"""Looking ahead takes seconds to minutes, so it is done beside the requests: one thread a database, its answer kept.

Every account is run ahead in memory, a few milliseconds each. A page waits a moment for the answer, and shows how far
it is when it takes longer. An answer holds for its business day until something changes; the next is then made while
the last one is still shown. It reads one moment of the database, and writes nothing.
"""

import threading
import time
from dataclasses import dataclass
from weakref import WeakKeyDictionary

from sqlalchemy import Connection, Engine

from arflow.advance import Engineering
from arflow.forecast import Forecast, forecast
from arflow.reports import changes, days

PATIENCE = 1.0
"""Seconds that a page waits for an answer."""

_LONG, _OLD = 10.0, 60.0
"""An answer that took longer than this many seconds is made anew only when it is older than that many."""


@dataclass(frozen=True, kw_only=True)
class Look:
    """What is known now: the last answer, whether it still holds, and how far the next one is."""

    made: Forecast | None
    is_current: bool
    is_looking: bool
    share: float


@dataclass(frozen=True, kw_only=True)
class _Answer:
    made: Forecast
    mark: changes.Mark
    took: float
    at: float


class _Looker:
    """The answers of one database. `_guard` keeps what two threads share; the work itself holds no lock."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._thread: threading.Thread | None = None
        self._answer: _Answer | None = None
        self._trouble: BaseException | None = None
        self._share = 0.0

    def look(self, connection: Connection, engineering: Engineering) -> Look:
        mark, day = changes.mark(connection), days.today(connection)
        with self._guard:
            self._tell_trouble()
            if self._wants_another(mark, day):
                self._begin(connection.engine, engineering)
            thread = self._thread
        if thread is not None:
            thread.join(PATIENCE)
        with self._guard:
            self._tell_trouble()
            answer = self._answer if self._answer and self._answer.made.today == day else None
            return Look(
                made=answer.made if answer else None,
                is_current=answer is not None and answer.mark == mark,
                is_looking=self._thread is not None and self._thread.is_alive(),
                share=self._share,
            )

    def _wants_another(self, mark: changes.Mark, day: object) -> bool:
        if self._thread is not None and self._thread.is_alive():
            return False
        last = self._answer
        if last is None or last.made.today != day:
            return True
        return last.mark != mark and (last.took < _LONG or time.monotonic() - last.at > _OLD)

    def _begin(self, engine: Engine, engineering: Engineering) -> None:
        self._share = 0.0
        self._thread = threading.Thread(
            target=self._work, args=(engine, engineering), name="looking-ahead", daemon=True
        )
        self._thread.start()

    def _work(self, engine: Engine, engineering: Engineering) -> None:
        began = time.monotonic()
        try:
            with engine.connect() as opened:
                connection = opened.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
                with connection.begin():
                    mark = changes.mark(connection)
                    made = forecast(connection, engineering, progress=self._at)
        except BaseException as trouble:  # noqa: BLE001  # raised in the request that asks next
            with self._guard:
                self._trouble = trouble
            return
        ended = time.monotonic()
        with self._guard:
            self._answer = _Answer(made=made, mark=mark, took=ended - began, at=ended)

    def _at(self, _: str, share: float) -> None:
        self._share = share

    def _tell_trouble(self) -> None:
        if self._trouble is not None:
            trouble, self._trouble = self._trouble, None
            raise trouble


_lookers: WeakKeyDictionary[Engine, _Looker] = WeakKeyDictionary()
_making = threading.Lock()


def look(connection: Connection, engineering: Engineering) -> Look:
    """What would go out, as far as it is known within PATIENCE; begins to look ahead when nobody does."""
    with _making:
        looker = _lookers.setdefault(connection.engine, _Looker())
    return looker.look(connection, engineering)
