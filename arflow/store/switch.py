"""The delivery switch: whether anything leaves at all. Off on a new database; each turn is a row, never changed.

While a backup is being restored nothing leaves, whatever the last turn in the copy says.
"""

import datetime as dt
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, false, func, insert, select, text

from arflow.errors import Conflict
from arflow.store import accounts, database, desk_tables

TURNING_ON = 0x61_72_66_6C_6F_6E
"""The advisory lock of who turns it on, one after the other."""


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


def turns(connection: Connection, limit: int = 50, *, before: int | None = None) -> list[Turn]:
    """The latest turns, the last one first; those before number `before`, when that is given."""
    table = desk_tables.delivery_switch
    query = select(table) if before is None else select(table).where(table.c.id < before)
    rows = connection.execute(query.order_by(table.c.id.desc()).limit(limit)).mappings()
    return [Turn(**row) for row in rows]


def latest(connection: Connection) -> Turn | None:
    """The last turn; None when nobody has ever turned it."""
    return next((Turn(**row) for row in connection.execute(LATEST).mappings()), None)


LATEST = select(desk_tables.delivery_switch).order_by(desk_tables.delivery_switch.c.id.desc()).limit(database.up_to(1))


def is_on(connection: Connection) -> bool:
    """Whether anything leaves."""
    return bool(connection.execute(select(is_turned_on())).scalar_one())


def is_turned_on() -> ColumnElement[bool]:
    """As `is_on`, for a statement that asks other things too."""
    table = desk_tables.delivery_switch
    last = select(table.c.is_on).order_by(table.c.id.desc()).limit(1).scalar_subquery()
    return func.coalesce(last, false()) & ~database.is_marked()


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
    seen: int | None = None,
) -> bool:
    """Turn the switch; gives whether that changed anything. Turned on, what waited is due at the business now.

    Off waits for nobody, also while somebody is turning it on: its row is the later one, and counts. Raises Conflict
    when it is to be turned on by who has `seen` another last turn, and it was turned off since.

    Use `advance.turn_delivery`, which knows the business now.
    """
    if is_on:
        connection.execute(select(func.pg_advisory_xact_lock(TURNING_ON)))
    last = latest(connection)
    was_on = last is not None and last.is_on
    if is_on and was_on:
        return False
    row = {"is_on": is_on, "actor": actor, "reason": reason, "known_at": known_at, "known_on": known_on}
    table = desk_tables.delivery_switch
    number = connection.execute(insert(table).returning(table.c.id), row).scalar_one()
    if is_on:
        _require_seen(_before(connection, number), seen)
        accounts.make_due(connection, start, start_day, accounts.waits_for_release())
    return is_on or was_on


def _before(connection: Connection, number: int) -> Turn | None:
    """The last turn before this one, also of who was turning it a moment ago; who comes later is not kept waiting."""
    moment = connection.begin_nested()
    connection.execute(text("LOCK TABLE delivery_switch IN SHARE ROW EXCLUSIVE MODE"))
    found = next(iter(turns(connection, 1, before=number)), None)
    moment.rollback()  # which gives the lock back
    return found


def _require_seen(last: Turn | None, seen: int | None) -> None:
    if seen is not None and last is not None and not last.is_on and last.id != seen:
        raise Conflict(
            f"delivery was turned off by {last.actor} since you opened this page: {last.reason}. "
            "Turn it on only if that no longer counts"
        )
