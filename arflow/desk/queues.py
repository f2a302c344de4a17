"""Queues: what `call:` and `assign:` of a policy name, and who works them."""

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import ARRAY, Connection, Text, delete, func, insert, select, update

from arflow.desk import users
from arflow.errors import Refused, SaysNo, did_you_mean
from arflow.store import tables
from arflow.store.desk_tables import queue, queue_member, user

_LONGEST_TITLE = 200


@dataclass(frozen=True, kw_only=True)
class Queue:
    """A queue, its members by name, and how many accounts it owns."""

    name: str
    title: str
    members: tuple[str, ...]
    accounts: int = 0

    @property
    def shown(self) -> str:
        """What people call it."""
        return self.title or self.name


def every(connection: Connection) -> list[Queue]:
    """All queues by name."""
    members = (
        select(func.array_agg(queue_member.c.user_name, type_=ARRAY(Text)))
        .where(queue_member.c.queue == queue.c.name)
        .correlate(queue)
        .scalar_subquery()
    )
    owned = (
        select(func.count())
        .select_from(tables.account)
        .where(tables.account.c.owner == queue.c.name)
        .correlate(queue)
        .scalar_subquery()
    )
    rows = connection.execute(
        select(queue.c.name, queue.c.title, members.label("members"), owned.label("accounts")).order_by(queue.c.name)
    )
    return [
        Queue(name=row.name, title=row.title, members=tuple(sorted(row.members or ())), accounts=row.accounts)
        for row in rows
    ]


def find(connection: Connection, name: str) -> Queue:
    """The queue `name`. Raises SaysNo when there is none."""
    known = {found.name: found for found in every(connection)}
    if name not in known:
        raise SaysNo(f"there is no queue `{name}`{did_you_mean(name, known)}")
    return known[name]


def add(connection: Connection, *, name: str, title: str = "", members: Iterable[str] = ()) -> None:
    """Make a queue. Raises Refused when the name is no name, or taken by a user or a queue."""
    users.free_name(connection, name)
    connection.execute(insert(queue).values(name=name, title=_title(title)))
    set_members(connection, name, members)


def change(connection: Connection, name: str, *, title: str, members: Iterable[str]) -> None:
    """Give a queue another title and other members. Raises SaysNo when there is no such queue, Refused for members."""
    find(connection, name)
    connection.execute(update(queue).where(queue.c.name == name).values(title=_title(title)))
    set_members(connection, name, members)


def set_members(connection: Connection, name: str, members: Iterable[str]) -> None:
    """Let exactly `members` work the queue. Raises Refused for one that is no user."""
    chosen = sorted(set(members))
    known = set(connection.execute(select(user.c.name).where(user.c.name.in_(chosen))).scalars())
    if unknown := [member for member in chosen if member not in known]:
        raise Refused(f"there is no user `{unknown[0]}`")
    connection.execute(delete(queue_member).where(queue_member.c.queue == name))
    if chosen:
        connection.execute(insert(queue_member), [{"queue": name, "user_name": member} for member in chosen])


def join(connection: Connection, name: str, member: str) -> None:
    """Let one more user work the queue. Raises SaysNo when there is no such queue."""
    set_members(connection, name, {*find(connection, name).members, member})


def remove(connection: Connection, name: str) -> None:
    """Take a queue away. Raises Refused while it owns accounts."""
    if owned := find(connection, name).accounts:
        raise Refused(f"the queue `{name}` owns {owned} accounts; assign them to somebody else first")
    connection.execute(delete(queue).where(queue.c.name == name))


def _title(title: str) -> str:
    if len(title) > _LONGEST_TITLE:
        raise Refused(f"a title has at most {_LONGEST_TITLE} characters")
    return title.strip()
