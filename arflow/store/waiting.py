"""What waits to be looked at, counted for those who ring the bell; and who was seen when."""

import datetime as dt

from sqlalchemy import Connection, Select, func, literal, select
from sqlalchemy.dialects.postgresql import insert

from arflow.store import accounts, desk_tables, leases, tables


def due_accounts(connection: Connection, before: dt.datetime, on: dt.date | None, limit: int) -> int:
    """How many accounts are due before an instant (on a stepped clock: up to a local date), counted up to `limit`."""
    return _counted(connection, select(literal(1)).select_from(tables.account).where(accounts.due(before, on)), limit)


def ready_messages(connection: Connection, limit: int) -> int:
    """How many messages may be handed over now, counted up to `limit`; one whose lease ran out is among them."""
    return _counted(connection, select(literal(1)).select_from(desk_tables.message).where(leases.is_ready()), limit)


def _counted(connection: Connection, query: Select[int], limit: int) -> int:
    return connection.execute(select(func.count()).select_from(query.limit(limit).subquery())).scalar_one()


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


def seconds_since(connection: Connection, name: str) -> float | None:
    """How long ago a process was seen; None when it never was."""
    age = func.extract("epoch", func.now() - desk_tables.heartbeat.c.seen_at)
    found = connection.execute(select(age).where(desk_tables.heartbeat.c.name == name)).scalar()
    return None if found is None else float(found)
