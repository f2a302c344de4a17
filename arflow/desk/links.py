"""Links that work once: the one that makes the first admin, and those by which a person sets a password."""

import datetime as dt

from sqlalchemy import Connection, delete, func, insert, select

from arflow.desk import sessions, users
from arflow.errors import SaysNo
from arflow.store.desk_tables import one_time_link

LASTS = dt.timedelta(hours=24)


def first_admin(connection: Connection) -> str | None:
    """A token by which the first admin makes themself at `/first/TOKEN`; None when there is an admin.

    Earlier such links end.
    """
    if users.has_admin(connection):
        return None
    return _make(connection, None)


def new_password(connection: Connection, name: str) -> str:
    """A token by which `name` sets a password at `/password/TOKEN`. Ends earlier ones. Raises SaysNo."""
    return _make(connection, users.find(connection, name).name)


def look_for_first(connection: Connection, token: str) -> None:
    """Raise SaysNo unless the link may make the first admin."""
    if _look(connection, token) is not None or users.has_admin(connection):
        raise _worn()


def look_for_password(connection: Connection, token: str) -> str:
    """Whose password the link sets. Raises SaysNo when it is used, replaced or too old, or its person is disabled."""
    name = _look(connection, token)
    if name is None or users.find(connection, name).disabled_at is not None:
        raise _worn()
    return name


def use_for_first(connection: Connection, token: str) -> None:
    """Spend the link of the first admin. Of two who use it at the same time, one gets SaysNo."""
    look_for_first(connection, token)
    _spend(connection, token)


def use_for_password(connection: Connection, token: str) -> str:
    """Spend a link that sets a password; gives whose. Of two who use it at the same time, one gets SaysNo."""
    name = look_for_password(connection, token)
    _spend(connection, token)
    return name


def _look(connection: Connection, token: str) -> str | None:
    link = one_time_link.c
    query = select(link.user_name).where(link.token == sessions.digest(token), link.expires_at > func.now())
    row = connection.execute(query).one_or_none()
    if row is None:
        raise _worn()
    name: str | None = row.user_name
    return name


def _spend(connection: Connection, token: str) -> None:
    if not connection.execute(delete(one_time_link).where(one_time_link.c.token == sessions.digest(token))).rowcount:
        raise _worn()


def _worn() -> SaysNo:
    return SaysNo("this link was used already, replaced by a newer one, or is too old; ask for another")


def _make(connection: Connection, name: str | None) -> str:
    token = sessions.new_token()
    connection.execute(delete(one_time_link).where(one_time_link.c.user_name.is_not_distinct_from(name)))
    connection.execute(
        insert(one_time_link).values(token=sessions.digest(token), user_name=name, expires_at=func.now() + LASTS)
    )
    return token
