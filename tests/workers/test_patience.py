"""What a process waits for, and what it does not: a mistake of ours must be seen, not tried again for ever."""

import time

import pytest
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError, ProgrammingError

from workers.ending import Ending
from workers.patience import FIRST, Backoff, unless_away

pytestmark = pytest.mark.database


def _ask(connection: Connection, question: str) -> DBAPIError:
    with pytest.raises(DBAPIError) as error:
        connection.execute(text(question))
    return error.value


def _cut_off(connection: Connection) -> DBAPIError:
    """The error of a session that somebody ended."""
    session = connection.execute(text("SELECT pg_backend_pid()")).scalar_one()
    with connection.engine.begin() as other:
        other.execute(text("SELECT pg_terminate_backend(:session, 5000)"), {"session": session})
    return _ask(connection, "SELECT 1")


def test_a_mistake_of_ours_is_not_waited_for(engine: Engine) -> None:
    with engine.connect() as connection:
        mistake = _ask(connection, "SELECT nothing")
    with pytest.raises(ProgrammingError, match='column "nothing" does not exist'):
        Backoff(Ending()).away(mistake)
    with pytest.raises(ProgrammingError, match='column "nothing" does not exist'), unless_away():
        raise mistake


def test_a_session_that_was_ended_is_waited_for(engine: Engine) -> None:
    began = time.monotonic()
    with engine.connect() as connection:
        error = _cut_off(connection)
    Backoff(Ending()).away(error)
    assert FIRST <= time.monotonic() - began
    with unless_away():
        raise error


def test_what_somebody_else_holds_is_waited_for(engine: Engine) -> None:
    with engine.begin() as holding, engine.connect() as connection:
        holding.execute(text("LOCK TABLE account"))
        with unless_away():
            raise _ask(connection, "LOCK TABLE account NOWAIT")
