"""How a process waits for a server that is away."""

from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError

from arflow import queues
from arflow.errors import DatabaseRefused
from arflow.logs import failure, log
from arflow.store import database
from workers.ending import Ending

FIRST, LONGEST = 0.25, 2.0

AWAY = (*queues.Unreachable, DBAPIError, DatabaseRefused)
"""What is raised while PostgreSQL or Redis is away. It is logged and tried again, for ever."""


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
