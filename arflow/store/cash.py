"""When payments were last complete: people or imports say so, and each word of it is a row, never changed."""

import datetime as dt

from sqlalchemy import Connection, func, insert, select, text

from arflow.life.records import CashMark
from arflow.store import accounts, desk_tables


def marks(connection: Connection) -> tuple[CashMark, ...]:
    """Every word that payments were complete, the earliest first."""
    return tuple(CashMark(**row) for row in connection.execute(MARKS).mappings())


_MARK = desk_tables.cash_mark
MARKS = select(_MARK.c.known_at, _MARK.c.known_on, _MARK.c.through).order_by(_MARK.c.id)


def latest(connection: Connection) -> int | None:
    """The number of the latest word, if anybody ever said so."""
    return connection.execute(select(func.max(desk_tables.cash_mark.c.id))).scalar()


def let_nobody_note(connection: Connection) -> None:
    """Let others who say so wait until the end of this transaction, so that the latest word stays the latest."""
    connection.execute(text("LOCK TABLE cash_mark IN SHARE ROW EXCLUSIVE MODE"))


def note(
    connection: Connection,
    *,
    through: dt.date | None,
    actor: str,
    known_at: dt.datetime | None,
    known_on: dt.date | None,
    start: dt.datetime,
    start_day: dt.date,
) -> None:
    """Note that payments are complete; what waited for it is due at the business now.

    Use `advance.complete_payments`, which knows the business now.
    """
    row = {"through": through, "actor": actor, "known_at": known_at, "known_on": known_on}
    connection.execute(insert(desk_tables.cash_mark), row)
    accounts.make_due(connection, start, start_day, accounts.waits_for_release())
