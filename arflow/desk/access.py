"""Which accounts a person reaches: one condition, for every page and form. What it leaves out is not there (404)."""

import datetime as dt

from sqlalchemy import ColumnElement, Connection, FromClause, Select, and_, false, func, or_, select, true

from arflow import clock
from arflow.clock import Now
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
    may_open = or_(reachable(user), _just_recorded_by(user, clock.read(connection)))
    if not connection.execute(select(account.c.id).where(account.c.id == account_id, may_open)).first():
        raise SaysNo(f"there is no account `{account_id[:80]}` for you")


def _just_recorded_by(user: User, now: Now) -> ColumnElement[bool]:
    """Whether `user`, a caller, began to record on the account a short while ago, and nobody was given it since.

    It counts from the first recording of several: what they record meanwhile does not keep the account open for them.
    """
    if not user.is_any_of("caller"):
        return false()
    first = event.alias("first")
    begun = first.c.known_on == now.day if now.at is None else _begins(user, first, now.at - MENDED_FOR)
    return select(first.c.id).where(_is_recording(user, first), begun).correlate(account).exists()


def _begins(user: User, recording: FromClause, since: dt.datetime) -> ColumnElement[bool]:
    """Whether a recording of after `since` is the first one, because none was a short while before it."""
    before = event.alias("before")
    is_before = (before.c.known_at < recording.c.known_at, before.c.known_at > recording.c.known_at - MENDED_FOR)
    earlier = select(before.c.id).where(_is_recording(user, before), *is_before).correlate(account, recording)
    return and_(recording.c.known_at > since, ~earlier.exists())


def _is_recording(user: User, found: FromClause) -> ColumnElement[bool]:
    """Whether an event of the account is something that `user` recorded after it was last given to anybody.

    Given by a lead or the ledger: what a rule hands on, most often because of a recording, can still be mended.
    """
    given = event.alias("given")
    is_given = (given.c.account_id == account.c.id, given.c.kind == "account")
    last_given = (
        select(func.coalesce(func.max(given.c.id), 0))
        .where(*is_given, given.c.content["owner"].astext.is_not(None))
        .correlate(account)
        .scalar_subquery()
    )
    of_account = (found.c.account_id == account.c.id, found.c.kind.in_(_RECORDED), found.c.actor == user.name)
    return and_(*of_account, found.c.id > last_given)
