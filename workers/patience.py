"""How a process waits for a server that is away."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError

from arflow import queues
from arflow.errors import DatabaseRefused
from arflow.logs import failure, log
from arflow.store import database
from workers.ending import Ending

FIRST, LONGEST = 0.25, 2.0

AWAY = (*queues.Unreachable, DBAPIError, DatabaseRefused)
"""What may be raised while PostgreSQL or Redis is away; an error of the database's can be a mistake of ours as well."""


def require_away(error: BaseException) -> None:
    """Raise an error of the database that is a mistake of ours; what is away, or was just written, is tried again."""
    if isinstance(error, DBAPIError) and database.trouble(error) is None:
        raise error


@contextmanager
def unless_away() -> Iterator[None]:
    """What is not done because a server is away is left for the next time."""
    try:
        yield
    except AWAY as error:
        require_away(error)


class Backoff:
    """Waits that grow while something stays away."""

    def __init__(self, ending: Ending) -> None:
        self._ending, self._next = ending, FIRST

    def away(self, error: BaseException) -> None:
        """Say what is away, and wait. Raises `error` when nothing is: whoever watches this process is to see that."""
        require_away(error)
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
