"""How a process waits: for its next turn, or for a server that is away; and how it is told to end."""

import signal
import threading
from types import FrameType

from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError

from arflow import queues
from arflow.errors import DatabaseRefused
from arflow.logs import failure, log
from arflow.store import database

FIRST, LONGEST = 0.25, 2.0

AWAY = (*queues.Unreachable, DBAPIError, DatabaseRefused)
"""What is raised while PostgreSQL or Redis is away. It is logged and tried again, for ever."""


class Stopped(BaseException):
    """Told to end before the work could begin."""


class Ending:
    """Whether this process was told to end; SIGTERM and SIGINT tell it."""

    def __init__(self) -> None:
        self._told = threading.Event()

    def listen(self) -> None:
        """Take the signals from now on."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self.told)

    def told(self, *_: int | FrameType | None) -> None:
        """End as soon as it can be done in order."""
        self._told.set()

    def is_told(self) -> bool:
        """Whether it was told to end."""
        return self._told.is_set()

    def stop_if_told(self) -> None:
        """Raise Stopped when it was told to end."""
        if self.is_told():
            raise Stopped

    def wait(self, seconds: float) -> bool:
        """Wait; gives whether it was told to end meanwhile."""
        return self._told.wait(seconds)


class Backoff:
    """Waits that grow while something stays away."""

    def __init__(self, ending: Ending) -> None:
        self._ending, self._next = ending, FIRST

    def away(self, error: BaseException) -> None:
        """Say what is away, and wait."""
        log(__name__).warning("away, trying again", seconds=self._next, **failure(error))
        self._ending.wait(self._next)
        self._next = min(LONGEST, self._next * 2)

    def there(self) -> None:
        """It is there again."""
        self._next = FIRST


def reached(url: str, ending: Ending) -> Engine | None:
    """The engine of the database at `url`, as soon as it can be used; None when told to end before."""
    backoff = Backoff(ending)
    while not ending.is_told():
        try:
            return _current(url)
        except AWAY as error:
            backoff.away(error)
    return None


def _current(url: str) -> Engine:
    engine = database.connect(url)
    try:
        database.require_current(engine)
    except BaseException:
        engine.dispose()
        raise
    return engine
