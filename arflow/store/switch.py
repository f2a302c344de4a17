"""The delivery switch: whether anything leaves at all. Off on a new database; each turn is a row, never changed.

While a backup is being restored nothing leaves, whatever the last turn in the copy says.
"""

import datetime as dt
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, false, func, insert, select, text

from arflow.store import accounts, database, desk_tables


@dataclass(frozen=True, kw_only=True)
class Turn:
    """The switch was turned by somebody, at a business now (`known_at`, or `known_on` of a stepped clock)."""

    id: int
    is_on: bool
    actor: str
    reason: str
    at: dt.datetime
    known_at: dt.datetime | None
    known_on: dt.date | None


def turns(connection: Connection, limit: int = 50) -> list[Turn]:
    """The latest turns, the last one first."""
    table = desk_tables.delivery_switch
    rows = connection.execute(select(table).order_by(table.c.id.desc()).limit(limit)).mappings()
    return [Turn(**row) for row in rows]


def latest(connection: Connection) -> Turn | None:
    """The last turn; None when nobody has ever turned it."""
    return next(iter(turns(connection, 1)), None)


def is_on(connection: Connection) -> bool:
    """Whether anything leaves."""
    return bool(connection.execute(select(is_turned_on())).scalar_one())


def is_turned_on() -> ColumnElement[bool]:
    """As `is_on`, for a statement that asks other things too."""
    table = desk_tables.delivery_switch
    last = select(table.c.is_on).order_by(table.c.id.desc()).limit(1).scalar_subquery()
    return func.coalesce(last, false()) & ~database.is_marked()


def let_nobody_turn(connection: Connection) -> None:
    """Let who else turns the switch wait until the end of this transaction: off is off, whoever is turning it on."""
    connection.execute(text("LOCK TABLE delivery_switch IN SHARE ROW EXCLUSIVE MODE"))


def turn(
    connection: Connection,
    *,
    is_on: bool,
    actor: str,
    reason: str,
    known_at: dt.datetime | None,
    known_on: dt.date | None,
    start: dt.datetime,
    start_day: dt.date,
) -> bool:
    """Turn the switch; gives whether that changed anything. Turned on, what waited is due at the business now.

    Use `advance.turn_delivery`, which knows the business now.
    """
    let_nobody_turn(connection)
    last = latest(connection)
    if is_on == (last is not None and last.is_on):
        return False
    row = {"is_on": is_on, "actor": actor, "reason": reason, "known_at": known_at, "known_on": known_on}
    connection.execute(insert(desk_tables.delivery_switch), row)
    if is_on:
        accounts.make_due(connection, start, start_day, accounts.waits_for_release())
    return True
