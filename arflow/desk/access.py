"""Which accounts a person reaches: one condition, for every page and form. What it leaves out is not there (404)."""

import datetime as dt
from collections.abc import Iterable

from sqlalchemy import ColumnElement, Connection, Select, false, func, or_, select, true

from arflow import clock
from arflow.desk import users
from arflow.desk.users import User
from arflow.errors import SaysNo
from arflow.store.desk_tables import task
from arflow.store.tables import account, event

REACH_ALL = ("lead", "admin")
MENDED_FOR = dt.timedelta(hours=12)
"""For how long from their first recording a caller still opens an account, to mend it: the rest of a working day."""

_RECORDED = ("contact", "promise", "promise_cancelled", "dispute", "hold", "hold_released", "forced")
"""What callers record on an account."""


def reachable(user: User) -> ColumnElement[bool]:
    """The condition on `tables.account` for what `user` reaches.

    Leads and admins reach all; callers what they or their queues own, what has an open call on one of their queues, and
    of what nobody has that on which a follow-up of theirs is open.
    """
    return or_(*ways_to_reach(user))


def reaches_all(user: User) -> bool:
    """Whether `user` reaches every account there is."""
    return user.is_any_of(*REACH_ALL)


def ways_to_reach(user: User) -> tuple[ColumnElement[bool], ...]:
    """`reachable` in its parts, of which one is enough: a list asks for each by itself, by the index that it has."""
    if reaches_all(user):
        return (true(),)
    return kinds_of_reach(user) if user.is_any_of("caller") else (false(),)


def kinds_of_reach(user: User) -> tuple[ColumnElement[bool], ...]:
    """The reasons for which a caller reaches an account, each a condition on `tables.account`."""
    names = [user.name, *user.queues]
    return (
        account.c.owner.in_(names),
        called_on(user.queues),
        account.c.id.in_(_followed_up_by(names)) & has_nobody(),
    )


def has_nobody() -> ColumnElement[bool]:
    """Whether nobody who works here has the account: no owner, or one who is no user (any more) and no queue."""
    return account.c.owner.not_in(users.names_here())


def _followed_up_by(names: list[str]) -> Select[tuple[str]]:
    """The accounts with an open follow-up of one of `names`."""
    is_open = task.c.done_at.is_(None) & (task.c.kind == "follow_up")
    return select(task.c.account_id).where(is_open, task.c.assignee.in_(names))


def keeper(connection: Connection, user: User, account_id: str) -> str:
    """By whom what `user` plans on an account is to be done: themselves, or the owner of what they do not keep."""
    owned = select(account.c.owner).where(account.c.id == account_id, ~has_nobody())
    owner = connection.execute(owned).scalar()
    is_theirs = owner is None or owner in (user.name, *user.queues) or reaches_all(user)
    return user.name if is_theirs or owner is None else owner


def called_on(queues: tuple[str, ...]) -> ColumnElement[bool]:
    """Whether the open call of the account is on one of `queues`."""
    return account.c.call_queue.in_(queues)


def require(connection: Connection, user: User, account_id: str) -> None:
    """Raise SaysNo unless `user` may open the account; one that is not there looks like one of somebody else.

    They may open what they reach, and for a while what they have just recorded something on: logging a call closes the
    call by which they reached it, and often makes a rule hand the account over. No list and no search has that.
    """
    reached = select(account.c.id).where(account.c.id == account_id, reachable(user))
    if not connection.execute(reached).first() and not _is_mending(connection, user, account_id):
        raise SaysNo(f"there is no account `{account_id[:80]}` for you; a lead knows whether somebody else has it now")


def _is_mending(connection: Connection, user: User, account_id: str) -> bool:
    """Whether `user`, a caller, began to record on the account a short while ago, and nobody was given it since.

    It counts from the first recording of several: what they record meanwhile does not keep the account open for them.
    Given by a lead or the ledger: what a rule hands on, most often because of a recording, can still be mended.
    """
    if not user.is_any_of("caller"):
        return False
    given = event.c.content["owner"].astext.is_not(None)
    last_given = select(func.max(event.c.id)).where(event.c.account_id == account_id, event.c.kind == "account", given)
    since = func.coalesce(last_given.scalar_subquery(), 0)
    recorded = (event.c.account_id == account_id, event.c.kind.in_(_RECORDED), event.c.actor == user.name)
    query = select(event.c.known_at, event.c.known_on).where(*recorded, event.c.id > since).order_by(event.c.id)
    rows, now = connection.execute(query).all(), clock.read(connection)
    if now.at is None:
        return any(row.known_on == now.day for row in rows)
    begun = _last_begun(row.known_at for row in rows if row.known_at is not None)
    return begun is not None and now.at - begun < MENDED_FOR


def _last_begun(moments: Iterable[dt.datetime]) -> dt.datetime | None:
    """When the last time began in which what was recorded could be mended; a new one begins after the last is over."""
    begun: dt.datetime | None = None
    for moment in moments:
        if begun is None or moment - begun >= MENDED_FOR:
            begun = moment
    return begun


def book() -> ColumnElement[str]:
    """The account whose invoices an account is called about: its payer, or itself."""
    return func.coalesce(account.c.pays_through, account.c.id)
