"""Opens what a command needs: the database of the settings, and the evaluator that production uses."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError

from arflow import config
from arflow.advance import Engineering
from arflow.clock import Now
from arflow.rules.engine import DurableRules
from arflow.store import database, embedded, migrating


@contextmanager
def opened(*, current: bool = True) -> Iterator[Engine]:
    """The engine of the configured database; the embedded one is started, and an empty one gets its tables.

    Raises DatabaseRefused when it may not be used; with `current` also when its schema is older than this code.
    """
    with unprepared() as engine:
        with engine.connect() as connection:
            empty = database.schema_version(connection) is None
        if empty:
            migrating.migrate(engine)
        if current:
            database.require_current(engine)
        yield engine


@contextmanager
def unprepared() -> Iterator[Engine]:
    """The engine of the configured database, the embedded one started, with whatever is in it.

    Raises DatabaseRefused when it may not be used, and for what a person can mend of an error while it is.
    """
    settings = config.from_environment()
    engine = database.connect(settings.database_url or embedded.start(settings.home))
    try:
        yield engine
    except DBAPIError as error:
        raise database.trouble(error) or error from None
    finally:
        engine.dispose()


def engineering(now: Now) -> Engineering:
    """Decisions by `durable_rules`. What delivery does is recorded; on a clock stepped by hand nothing leaves.

    Such a clock is for rehearsals: a message counts as delivered at its sending, as in a replay.
    """
    return Engineering(evaluator=DurableRules(), delivery="instant" if now.is_rehearsal else "recorded")
