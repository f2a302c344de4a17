"""What waits to be looked at, counted for those who ring the bell; and who was seen when."""

import datetime as dt
from dataclasses import dataclass
from functools import cache

from sqlalchemy import Connection, Date, DateTime, ScalarSelect, Select, bindparam, case, func, literal, select
from sqlalchemy.dialects.postgresql import insert

from arflow.store import accounts, database, desk_tables, leases, switch, tables


@dataclass(frozen=True, kw_only=True)
class Waiting:
    """How many accounts are due, and how many messages may be handed over; each counted up to a limit."""

    accounts: int
    messages: int


def look(connection: Connection, before: dt.datetime, on: dt.date | None, limit: int) -> Waiting:
    """What waits: accounts due before an instant (on a stepped clock: up to a local date), and messages that may leave.

    A message whose lease ran out is among them; none is while the delivery switch is off.
    """
    database.by_index(connection)
    given = {"before": before} | ({} if on is None else {"on": on})
    row = connection.execute(_looking(limit, is_stepped=on is not None), given).one()
    return Waiting(accounts=row.accounts, messages=row.messages)


@cache
def _looking(limit: int, *, is_stepped: bool) -> Select[tuple[int, int]]:
    """One statement for all of it, made once: this is asked every second, mostly for nothing."""
    account, on = tables.account, bindparam("on", type_=Date)
    is_due = accounts.due(bindparam("before", type_=DateTime(timezone=True)), on if is_stepped else None)
    due = _counted(select(literal(1)).select_from(account).where(is_due), limit)
    ready = _counted(select(literal(1)).select_from(desk_tables.message).where(leases.is_ready()), limit)
    return select(due.label("accounts"), case((switch.is_turned_on(), ready), else_=0).label("messages"))


def _counted(query: Select[int], limit: int) -> ScalarSelect[int]:
    limited = query.limit(database.up_to(limit)).subquery()
    return select(func.count()).select_from(limited).scalar_subquery()


# --- who was seen when ------------------------------------------------------------------------------------------------


def beat(connection: Connection, name: str) -> None:
    """Note that a process is there."""
    row = insert(desk_tables.heartbeat).values(name=name)
    connection.execute(row.on_conflict_do_update(index_elements=["name"], set_={"seen_at": func.now()}))


def beat_once(connection: Connection, name: str, seconds: float) -> bool:
    """Note a beat unless there was one within `seconds`; gives whether it was noted. Of several, one wins."""
    heartbeat = desk_tables.heartbeat
    row = insert(heartbeat).values(name=name)
    last = func.now() - func.make_interval(0, 0, 0, 0, 0, 0, seconds)
    won = row.on_conflict_do_update(
        index_elements=["name"], set_={"seen_at": func.now()}, where=heartbeat.c.seen_at <= last
    )
    return connection.execute(won.returning(heartbeat.c.name)).first() is not None
