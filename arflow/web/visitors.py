"""Who asks: the person of a request's session, looked up once a request. Roles and queues are always those of now."""

from collections.abc import Collection

from flask import g

from arflow.desk import sessions
from arflow.desk.users import User
from arflow.web.browsers import browser
from arflow.web.pages import PUBLIC, SIGNED_IN
from arflow.web.transactions import connection, settings


def current_user() -> User:
    """Who is logged in. On a public page, where nobody need be, ask `visitor`."""
    found = visitor()
    if found is None:
        raise LookupError("nobody is logged in")
    return found


def visitor() -> User | None:
    """Who is logged in, if anybody."""
    if "visitor" not in g:
        g.visitor = _look_up()
    found: User | None = g.visitor
    return found


def last_visitor() -> str | None:
    """Whose session it was that this browser had, although it has ended by time."""
    visitor()
    name: str | None = g.get("last_visitor")
    return name


def words() -> Collection[str]:
    """The roles of who asks, and the words that everybody or everybody logged in has."""
    found = visitor()
    return PUBLIC if found is None else PUBLIC | SIGNED_IN | found.roles


def forget() -> None:
    """Look again who is asking: somebody has just been logged in or out."""
    g.pop("visitor", None)
    g.pop("last_visitor", None)


def _look_up() -> User | None:
    if not browser().is_known:
        return None
    found = sessions.find(connection(), browser().token, settings().lifetime)
    if found is None:
        return None
    g.last_visitor = found.user.name
    if not found.is_live:
        return None
    if found.is_stale:
        with settings().engine.begin() as own:
            sessions.touch(own, browser().token)
    return found.user
