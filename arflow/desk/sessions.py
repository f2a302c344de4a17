"""Who is logged in: rows of `session`, whose token only the browser knows; how long a wrong password makes one wait.

All times here are the database's own. A session ends when it was not used for a while, when it is old, and at once when
its user is disabled or gets another password.
"""

import datetime as dt
import hashlib
import secrets
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, delete, func, insert, select, update

from arflow.desk import users
from arflow.desk.users import User
from arflow.store.desk_tables import failed_log_in, session, user

FREE_TRIES = 3
"""Wrong passwords of one name from one address that cost no waiting; from there on each doubles it."""

FREE_TRIES_OF_ADDRESS = 20
"""The same of one address, behind which a whole office may sit."""

FREE_TRIES_OF_NAME = 50
"""The same of one name, wherever from: so many that who guesses from a few places does not keep its person out."""

LONGEST_WAIT = dt.timedelta(minutes=15)
REMEMBERED = dt.timedelta(hours=1)
_KEPT = dt.timedelta(days=7)
_TOUCHED_EVERY = dt.timedelta(minutes=1)
_LOG_IN_LOCK = 4_127_002


@dataclass(frozen=True, kw_only=True)
class Lifetime:
    """How long a session lasts: unused, and at all."""

    idle: dt.timedelta
    longest: dt.timedelta


@dataclass(frozen=True, kw_only=True)
class Session:
    """A session that was found: `is_live` says whether it still counts, `is_stale` that its use should be noted."""

    user: User
    is_live: bool
    is_stale: bool


def new_token() -> str:
    """What a browser's cookie holds."""
    return secrets.token_urlsafe(32)


def begin(connection: Connection, name: str) -> str:
    """Log `name` in; gives the token of the new session. Long-ended sessions are cleared away."""
    token = new_token()
    connection.execute(delete(session).where(session.c.seen_at < _ago(_KEPT)))
    connection.execute(insert(session).values(token=digest(token), user_name=name))
    return token


def find(connection: Connection, token: str, lifetime: Lifetime) -> Session | None:
    """The session of a browser's token, also one that has ended by time."""
    seen = session.c.seen_at
    is_live = (seen > _ago(lifetime.idle)) & (session.c.made_at > _ago(lifetime.longest)) & user.c.disabled_at.is_(None)
    query = (
        select(*users.COLUMNS, is_live.label("is_live"), (seen < _ago(_TOUCHED_EVERY)).label("is_stale"))
        .join_from(session, user)
        .where(session.c.token == digest(token))
    )
    row = connection.execute(query).one_or_none()
    return Session(user=users.of_row(row), is_live=row.is_live, is_stale=row.is_stale) if row else None


def touch(connection: Connection, token: str) -> None:
    """Note that a session is in use."""
    connection.execute(update(session).where(session.c.token == digest(token)).values(seen_at=func.now()))


def end(connection: Connection, token: str) -> None:
    """Log a browser out."""
    connection.execute(delete(session).where(session.c.token == digest(token)))


# --- wrong passwords --------------------------------------------------------------------------------------------------


def try_log_in(connection: Connection, name: str, address: str) -> dt.timedelta:
    """How long `name` from `address` must wait; when that is nothing, this try is counted until `forgive`.

    A try counts before its password is looked at, so that many at once are not cheaper than one after the other.
    """
    connection.execute(select(func.pg_advisory_xact_lock(_LOG_IN_LOCK)))
    connection.execute(delete(failed_log_in).where(failed_log_in.c.at < _ago(REMEMBERED)))
    wait = max(
        _wait(connection, (failed_log_in.c.name == name) & (failed_log_in.c.address == address), FREE_TRIES),
        _wait(connection, failed_log_in.c.address == address, FREE_TRIES_OF_ADDRESS),
        _wait(connection, failed_log_in.c.name == name, FREE_TRIES_OF_NAME),
    )
    if not wait:
        connection.execute(insert(failed_log_in).values(name=name, address=address, at=func.clock_timestamp()))
    return wait


def forgive(connection: Connection, name: str) -> None:
    """Forget the wrong passwords of `name`, who knew the right one."""
    connection.execute(delete(failed_log_in).where(failed_log_in.c.name == name))


def _wait(connection: Connection, which: ColumnElement[bool], free: int) -> dt.timedelta:
    last = func.clock_timestamp() - func.max(failed_log_in.c.at)
    row = connection.execute(select(func.count().label("tries"), last.label("since")).where(which)).one()
    if row.tries < free:
        return dt.timedelta()
    due = min(dt.timedelta(seconds=2 ** min(row.tries - free + 1, 20)), LONGEST_WAIT)
    wait: dt.timedelta = due - row.since
    return max(wait, dt.timedelta())


def _ago(span: dt.timedelta) -> ColumnElement[dt.datetime]:
    return func.now() - span


def digest(token: str) -> bytes:
    """What is kept of a token, so that reading the database lets nobody in."""
    return hashlib.sha256(token.encode()).digest()
