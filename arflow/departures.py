"""When a person leaves: out at once, and what they own goes back to their queue, through the one door, in batches."""

from collections.abc import Iterator, Sequence

from sqlalchemy import Connection, Engine, func, literal, select

from arflow import advance
from arflow.accounts.entries import EffectStatus
from arflow.advance import BATCH, Engineering
from arflow.desk import users
from arflow.desk.users import User
from arflow.errors import Refused
from arflow.store import accounts, desk_tables
from arflow.store.tables import account, effect
from arflow.vocabulary import EffectKind


def give_back(engine: Engine, name: str, *, actor: str, engineering: Engineering, limit: int = BATCH) -> Iterator[int]:
    """Give the accounts that `name` owns back to their queue, up to `limit` a transaction; yields how many each took.

    That is the person's only queue; of several the one that called the account last, else the first by name; without
    any queue the account is assigned to nobody. Each is looked at once: one of a demo that awaits a delivery goes back
    later. Raises Refused for a person who works here.
    """
    after = ""
    while True:
        with engine.begin() as connection:
            person = users.find(connection, name)
            if person.disabled_at is None:
                raise Refused(f"{name} is let in again, and keeps the accounts that are left")
            owned = select(account.c.id).where(account.c.owner == name, account.c.id > after)
            ids = connection.execute(owned.order_by(account.c.id).limit(limit)).scalars().all()
            if not ids:
                return
            given = _given_back(connection, person, ids, actor=actor, engineering=engineering)
        yield given
        after = ids[-1]


def _given_back(
    connection: Connection, person: User, ids: Sequence[str], *, actor: str, engineering: Engineering
) -> int:
    """How many of `ids` went back; those that somebody has given to another meanwhile stay there."""
    accounts.lock(connection, ids)
    found = _owned(connection, person, ids)
    for queue in sorted({queue for _, queue in found}):
        owner, theirs = {"event": "account", "owner": queue}, [key for key, given in found if given == queue]
        advance.record_for_each(connection, theirs, owner, actor=actor, engineering=engineering)
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


def _owned(connection: Connection, user: User, ids: Sequence[str]) -> Sequence[tuple[str, str]]:
    """Those of `ids` that a user owns, each with the queue that it goes back to."""
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
    mine = (account.c.id.in_(accounts.listed(ids)), account.c.owner == user.name)
    rows = connection.execute(
        select(account.c.id, func.coalesce(called_last, first)).where(*mine).order_by(account.c.id)
    )
    return [(key, queue) for key, queue in rows]
