"""When a person leaves: out at once, and what they own goes back to their queue, through the one door, in batches."""

from collections.abc import Sequence

from sqlalchemy import Connection, func, literal, select

from arflow import advance
from arflow.accounts.entries import EffectStatus
from arflow.advance import BATCH, Engineering
from arflow.desk import users
from arflow.desk.users import User
from arflow.errors import Refused
from arflow.store import desk_tables
from arflow.store.tables import account, effect
from arflow.vocabulary import EffectKind


def give_back(connection: Connection, name: str, *, actor: str, engineering: Engineering, limit: int = BATCH) -> int:
    """Give up to `limit` accounts that `name` owns back to their queue; gives how many. 0: they own none any more.

    That is the person's only queue; of several the one that called the account last, else the first by name; without
    any queue the account is assigned to nobody. Raises Refused for a person who works here.
    """
    person = users.find(connection, name)
    if person.disabled_at is None:
        raise Refused(f"{name} is let in again, and keeps the accounts that are left")
    found = _owned(connection, person, limit)
    for queue in sorted({queue for _, queue in found}):
        owner, ids = {"event": "account", "owner": queue}, [key for key, given in found if given == queue]
        advance.record_for_each(connection, ids, owner, actor=actor, engineering=engineering)
    return len(found)


def owned_by_disabled(connection: Connection) -> dict[str, int]:
    """How many accounts each disabled user still owns; those who own none are left out."""
    user = desk_tables.user
    query = (
        select(user.c.name, func.count().label("accounts"))
        .join(account, account.c.owner == user.c.name)
        .where(user.c.disabled_at.is_not(None))
        .group_by(user.c.name)
    )
    return {row.name: row.accounts for row in connection.execute(query)}


def _owned(connection: Connection, user: User, limit: int) -> Sequence[tuple[str, str]]:
    """Accounts of a user, each with the queue that it goes back to."""
    called_last = (
        select(effect.c.name)
        .where(
            effect.c.account_id == account.c.id,
            effect.c.kind == EffectKind.CALL,
            effect.c.status == EffectStatus.SENT,
            effect.c.name.in_(user.queues),
        )
        .order_by(effect.c.number.desc())
        .limit(1)
        .correlate(account)
        .scalar_subquery()
    )
    first = literal(next(iter(user.queues), ""))
    query = select(account.c.id, func.coalesce(called_last, first)).where(account.c.owner == user.name)
    rows = connection.execute(query.order_by(account.c.id).limit(limit))
    return [(key, queue) for key, queue in rows]
